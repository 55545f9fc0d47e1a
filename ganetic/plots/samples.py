"""Generated images beside real ones."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ganetic.plots.style import caption, shorten, styled

SIDE = 8
"""Images in a row, and rows."""

_LINE = 105


def draw_samples(generated: NDArray[np.uint8], real: NDArray[np.uint8], title: str, formula: str) -> Figure:
    """Draw a square of generated images beside one of real images.

    Args:
        generated: uint8 ``(SIDE², H, W, C)`` with 1 or 3 channels.
        real: the same of real images.
        title: what stands over the generated ones.
        formula: of the loss, for people.
    """
    with styled():
        figure = Figure(figsize=(9, 5.0))
        grid = figure.add_gridspec(2, 2, height_ratios=(4.5, 0.4))
        _draw_square(figure.add_subplot(grid[0, 0]), generated, title)
        _draw_square(figure.add_subplot(grid[0, 1]), real, "real images")
        caption(figure.add_subplot(grid[1, :]), [shorten(part, _LINE) for part in formula.split("; ")])
    return figure


def _draw_square(axes: Axes, images: NDArray[np.uint8], title: str) -> None:
    axes.imshow(tiled(images), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_title(title)
    axes.axis("off")


def tiled(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay ``(SIDE², H, W, C)`` out as one image, with a pixel of white between; ``(H', W')`` or ``(H', W', 3)``."""
    framed = np.pad(images, ((0, 0), (0, 1), (0, 1), (0, 0)), constant_values=255)
    count, height, width, channels = framed.shape
    rows = framed.reshape(SIDE, count // SIDE, height, width, channels).swapaxes(1, 2)
    square: NDArray[np.uint8] = rows.reshape(SIDE * height, count // SIDE * width, channels)
    return square[..., 0] if channels == 1 else square
