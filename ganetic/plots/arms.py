"""What configurations that are compared draw: a row for each, from the same latents, below real images."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ganetic.errors import UserError
from ganetic.plots.style import save, styled
from ganetic.studies.comparison import Comparison, arm_label
from ganetic.training.checkpoint import checkpoints_in
from ganetic.training.data import training_data_of
from ganetic.training.generate import find_checkpoint, generate_images
from ganetic.training.job import TRAININGS
from ganetic.training.metadata import is_training, read_metadata

COLUMNS = 12
"""Images of a row."""
_INCHES = 0.62
"""Of an image."""
_NAME = "samples.png"

Rows = dict[str, NDArray[np.uint8]]
"""uint8 images ``(COLUMNS, H, W, C)`` by what made them."""


def write_samples(comparison: Comparison) -> list[Path]:
    """Draw what the averaged generators of the first seed make after the last step, as ``samples.png``.

    Nothing is drawn where no configurations are compared, or where no training is in the directory of the comparison:
    of one that ran elsewhere, the samples are there.

    Raises:
        UserError: the directory cannot be written.
    """
    rows = rows_of(comparison) if comparison.settings.has_arms else {}
    if not rows:
        return []
    path = comparison.directory / _NAME
    save(draw_rows(rows), path)
    return [path]


def rows_of(comparison: Comparison, seed: int = 0) -> Rows:
    """Give held-out real images, and what each configuration draws with each loss; all from the same latents.

    Args:
        comparison: of configurations.
        seed: the number of a seed of the comparison.
    """
    settings, rows = comparison.settings, Rows()
    for setup in settings.proxies:
        for loss in settings.names:
            run = comparison.directory / TRAININGS / f"{setup.name}-{loss}-s{seed}"
            if not is_training(run) or not checkpoints_in(run):
                continue
            if not rows:
                rows["real, held out"] = _real(run)
            rows[arm_label(setup.name, loss, settings)] = _generated(run)
    return rows


def draw_rows(rows: Rows) -> Figure:
    """Draw a row of images under each name."""
    with styled():
        figure = Figure(figsize=(_INCHES * COLUMNS, (_INCHES + 0.2) * len(rows)))
        for axes, (name, images) in zip(figure.subplots(len(rows), squeeze=False)[:, 0], rows.items(), strict=True):
            _draw_row(axes, name, images)
    return figure


def _real(run: Path) -> NDArray[np.uint8]:
    training_data = training_data_of(read_metadata(run).config)
    chosen = np.random.default_rng(0).permutation(training_data.held_out)[:COLUMNS]
    images: NDArray[np.uint8] = training_data.images.images[chosen]
    return images


def _generated(run: Path) -> NDArray[np.uint8]:
    """Images of the last checkpoint; grey ones where its generator draws nothing finite."""
    try:
        return generate_images(find_checkpoint(checkpoints_in(run)[-1]), COLUMNS)
    except UserError:
        metadata = read_metadata(run)
        return np.full((COLUMNS, metadata.size, metadata.size, metadata.channels), 127, dtype=np.uint8)


def _draw_row(axes: Axes, name: str, images: NDArray[np.uint8]) -> None:
    row = np.concatenate(list(np.pad(images, ((0, 0), (0, 0), (0, 1), (0, 0)), constant_values=255)), axis=1)
    axes.imshow(row, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_title(name, fontsize=8)
    axes.axis("off")
