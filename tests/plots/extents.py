"""Where the texts of a figure stand, as its renderer says."""

from collections.abc import Iterator, Sequence
from itertools import combinations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox


def boxes_of(figure: Figure) -> list[tuple[str, Bbox]]:
    """Return each text that is seen and its box, in pixels."""
    figure.draw_without_rendering()
    beyond = {id(label) for axes in figure.axes for label in _not_drawn(axes)}
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text) and id(text) not in beyond]
    return [
        (text.get_text(), Text.get_window_extent(text))
        for text in texts
        if text.get_visible() and text.get_text().strip()
    ]


def _not_drawn(axes: Axes) -> Iterator[Text]:
    """Yield the labels of ticks that lie outside the limits of their axis, or of an axis that is not shown."""
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if not axes.axison or not low <= tick.get_loc() <= high:
                yield tick.label1


def cut_off(figure: Figure) -> list[str]:
    """Return the texts that reach beyond the figure by more than a pixel."""
    whole = figure.bbox
    return [
        text
        for text, box in boxes_of(figure)
        if box.x0 < whole.x0 - 1 or box.y0 < whole.y0 - 1 or box.x1 > whole.x1 + 1 or box.y1 > whole.y1 + 1
    ]


def overlapping(boxes: Sequence[tuple[str, Bbox]]) -> list[tuple[str, str]]:
    """Return the pairs of texts whose boxes overlap."""
    return [(one, other) for (one, a), (other, b) in combinations(boxes, 2) if a.overlaps(b)]
