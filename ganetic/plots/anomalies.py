"""The most and the least anomalous images, each with what was made of it and where it differs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from ganetic.plots.style import shorten, styled

SHOWN = 10
"""Images of each kind."""
_NARROWEST = 4
"""Columns that titles need."""
_TITLES = ("most anomalous", "least anomalous")
_ROWS = ("image", "made again", "heat map")
_NAME = 14
"""Characters of a file's name below its image."""


@dataclass(frozen=True, eq=False)
class Anomalies:
    """Images to draw, the most anomalous first.

    Attributes:
        names: what each is called.
        images: uint8 ``(N, H, W, C)``.
        made: what the generator made of them, of the same shape.
        maps: heat maps ``(N, H, W)``.
        scores: ``(N,)``.
    """

    names: Sequence[str]
    images: NDArray[np.uint8]
    made: NDArray[np.uint8]
    maps: NDArray[np.float64]
    scores: NDArray[np.float64]


def ends(count: int) -> tuple[range, range]:
    """Return the places of the most and of the least anomalous of so many images: ten each, and none twice."""
    most = min(SHOWN, (count + 1) // 2)
    return range(most), range(count - min(SHOWN, count - most), count)


def draw_anomalies(most: Anomalies, least: Anomalies, score: str) -> Figure:
    """Draw images in columns: the image, what was made of it, and its heat map. All heat maps have one scale.

    Args:
        most: the most anomalous images, the most anomalous first; one or more.
        least: the least anomalous ones, the least anomalous last; none where there is but one image.
        score: what the score is called.
    """
    drawn = [(title, part) for title, part in zip(_TITLES, (most, least), strict=True) if len(part.names)]
    top = max(float(part.maps.max()) for _, part in drawn) or 1.0
    columns = max(len(most.names), _NARROWEST)
    with styled():
        figure = Figure(figsize=(1.6 + 1.05 * columns, 4.1 * len(drawn)))
        halves = figure.subfigures(1, 2, width_ratios=(columns, 0.8), squeeze=False)
        bands = halves[0, 0].subfigures(len(drawn), 1, squeeze=False)[:, 0]
        for band, (title, part) in zip(bands, drawn, strict=True):
            band.suptitle(f"{title}, by {score}", x=0.01, ha="left", fontsize=10)
            heat = _draw(band.subplots(len(_ROWS), columns, squeeze=False), part, top)
        bar = halves[0, 1].add_axes((0.15, 0.25, 0.18, 0.5))
        figure.colorbar(heat, cax=bar, label="|image − made again|, smoothed")
    return figure


def _draw(axes: NDArray[np.object_], part: Anomalies, top: float) -> AxesImage:
    for row, title in zip(axes, _ROWS, strict=True):
        row[0].set_ylabel(title)
        for one in row:
            _bare(one)
    for column, name in enumerate(part.names):
        axes[0, column].set_title(f"{part.scores[column]:.1f}", fontsize=9, loc="center")
        axes[0, column].set_xlabel(shorten(name, _NAME), fontsize=6)
        for place, pictures in enumerate((part.images, part.made)):
            picture = pictures[column]
            plane = picture[..., 0] if picture.shape[2] == 1 else picture
            axes[place, column].imshow(plane, cmap="gray", vmin=0, vmax=255)
        heat: AxesImage = axes[2, column].imshow(part.maps[column], cmap="inferno", vmin=0, vmax=top)
    return heat


def _bare(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
