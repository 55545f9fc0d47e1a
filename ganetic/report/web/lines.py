"""Lines over training steps, each in a colour and a dash of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ganetic.plots.style import shorten
from ganetic.report.web.svg import WIDTH, Area, drawing, path_of, scale_of, tag

HEIGHT = 330
MOST = 6
"""Lines that are told apart in a drawing."""
_POINTS = 400
"""Points of a line; of more, so many are drawn, with both ends."""
_METRIC = 64

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Line:
    """A line.

    Attributes:
        label: what it is.
        points: from left to right.
    """

    label: str
    points: Points


def draw_lines(
    lines: Sequence[Line], across: str, up: str, label: str, log: bool = False, within: Sequence[float] = ()
) -> Markup:
    """Draw at most `MOST` lines.

    Args:
        lines: the first is drawn on top.
        across: what the axis below shows.
        up: what the other one shows.
        label: what the drawing shows.
        log: whether the upright axis is logarithmic.
        within: what the upright axis has room for besides the lines, such as both ends of what can be.
    """
    everything = [point for line in lines for point in line.points]
    area = Area(
        scale_of([0.0, *(x for x, _ in everything)], 62, WIDTH - 18, room=0.0),
        scale_of([*within, *(y for _, y in everything)], HEIGHT - 62, 34, log=log),
    )
    paths = [
        tag("path", d=path_of(area.points(thinned(line.points))), class_=f"line s{place}")
        for place, line in enumerate(lines[:MOST], start=1)
    ]
    return drawing(HEIGHT, area.axes(across, shorten(up, _METRIC)), area.inside(*reversed(paths)), label=label)


def thinned(points: Points, most: int = _POINTS) -> Points:
    """Give so many of the points at most, evenly chosen, both ends among them."""
    if len(points) <= most:
        return points
    return [points[round(place * (len(points) - 1) / (most - 1))] for place in range(most)]


def legend(labels: Sequence[str]) -> Markup:
    """Say which line is which."""
    rows = (tag("li", _sample(place), tag("bdi", label)) for place, label in enumerate(labels[:MOST], start=1))
    return tag("ul", *rows, class_="legend")


def _sample(place: int) -> Markup:
    line = tag("line", x1=0, x2=32, y1=8, y2=8, class_=f"line s{place}")
    return tag("svg", line, viewBox="0 0 32 16", class_="swatch", aria_hidden="true")
