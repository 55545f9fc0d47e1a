"""Grids of samples: generated images beside real ones, and one image at every scale."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.utils import make_grid

from ganetic.data import Indices
from ganetic.files import make_directory, whole

COLUMNS = 8
SAMPLES = COLUMNS * COLUMNS
"""Images of a grid."""
GAP = 2
"""Pixels of white around the images of a grid."""
ROWS_MOST = 16
"""Rows of a grid that has a class in each."""
MIDDLE = 8 * GAP
"""Pixels between generated and real images."""


def grid(images: Tensor, columns: int = COLUMNS) -> Tensor:
    """Lay uint8 images ``(N, H, W, C)`` out in rows, with a little white between: uint8 ``(3, H', W')``."""
    laid: Tensor = make_grid(images.permute(0, 3, 1, 2), nrow=columns, padding=GAP, pad_value=255)
    return laid


def beside(generated: Tensor, real: Tensor) -> Tensor:
    """Lay generated images out on the left and real ones on the right: uint8 ``(3, H', W')``.

    Where one side has fewer images, and so fewer rows, the rest of it is white.
    """
    left, right = grid(generated), grid(real)
    height, width = max(left.shape[1], right.shape[1]), left.shape[2] + MIDDLE + right.shape[2]
    laid = torch.full((3, height, width), 255, dtype=torch.uint8)
    laid[:, : left.shape[1], : left.shape[2]] = left
    laid[:, : right.shape[1], -right.shape[2] :] = right
    return laid


def row_labels(classes: int) -> Tensor:
    """Return the labels of a grid's images where a row has one class, int64 ``(rows · 8,)``.

    There are 8 rows, or as many as classes up to 16. Classes come in turn, so that the first rows have different ones.
    Of more than 16 classes some are left out.

    Args:
        classes: number of classes.
    """
    rows = min(max(SAMPLES // COLUMNS, classes), ROWS_MOST)
    labels = torch.arange(rows) % classes if classes <= rows else torch.arange(rows) * classes // rows
    return labels.repeat_interleave(COLUMNS)


def real_by_rows(images: Tensor, labels: Indices, wanted: Tensor) -> Tensor:
    """Choose a real image of each label, none twice; where a class has too few, the rest is white.

    Args:
        images: uint8 ``(N, H, W, C)``, in a random order.
        labels: of them, int64 ``(N,)``.
        wanted: labels to find an image for, ``(M,)``.

    Returns:
        uint8 ``(M, H, W, C)``.
    """
    chosen = torch.full((len(wanted), *images.shape[1:]), 255, dtype=torch.uint8)
    for label in wanted.unique().tolist():
        places, members = np.flatnonzero(wanted.numpy() == label), np.flatnonzero(labels == label)
        count = min(len(places), len(members))
        chosen[places[:count]] = images[members[:count]]
    return chosen


def by_class(images: Tensor, labels: Indices, columns: int) -> Tensor:
    """Put images of one class into rows of their own: the last row of each is filled up with white.

    Args:
        images: uint8 ``(N, H, W, C)``.
        labels: of them, int64 ``(N,)``.
        columns: images a row.

    Returns:
        uint8 ``(M, H, W, C)`` with M a multiple of the columns.
    """
    rows = []
    for label in np.unique(labels):
        own = images[np.flatnonzero(labels == label)]
        missing = -len(own) % columns
        rows += [own, torch.full((missing, *images.shape[1:]), 255, dtype=torch.uint8)]
    return torch.cat(rows)


def scales_grid(levels: list[Tensor]) -> Tensor:
    """Lay the first images of every scale out, a row a scale, enlarged to the finest: uint8 ``(3, H', W')``.

    Args:
        levels: uint8 ``(N, H, W, C)`` for each scale, the finest last.
    """
    side = levels[-1].shape[1]
    rows = [
        level[:COLUMNS].repeat_interleave(side // level.shape[1], 1).repeat_interleave(side // level.shape[1], 2)
        for level in levels
    ]
    return grid(torch.cat(rows))


def write_png(path: Path, image: Tensor) -> None:
    """Write uint8 ``(1 or 3, H, W)`` aside, then rename it into place.

    Raises:
        UserError: the place cannot be written.
    """
    make_directory(path.parent)
    pixels = image[0] if len(image) == 1 else image.permute(1, 2, 0)
    with whole(path) as aside:
        Image.fromarray(pixels.contiguous().numpy()).save(aside, format="png")
