"""Numbers with their intervals, a row each, on a linear axis."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ganetic.plots.style import shorten
from ganetic.report.web.svg import WIDTH, Area, Scale, drawing, number, scale_of, tag

_ROW = 28
_TOP, _BOTTOM = 16, 62
_LABELS = 230
"""Where names end."""
_NUMBERS = WIDTH - 160
"""Where numbers begin."""
_NAME = 26
"""Characters of a name."""


@dataclass(frozen=True)
class Interval:
    """A number and where it may lie.

    Attributes:
        name: what it is of.
        value: the number.
        low: end of its interval; NaN where there is none.
        high: the other end.
        filled: whether it is marked as one that matters.
    """

    name: str
    value: float
    low: float
    high: float
    filled: bool


def draw_intervals(rows: Sequence[Interval], marked: float, label: str, across: str) -> Markup:
    """Draw a row a number: its interval as a line, itself as a point, both in numbers at the right.

    Args:
        rows: from top to bottom.
        marked: a value with an upright line, such as chance.
        label: what the drawing shows.
        across: what stands below the axis.
    """
    height = _TOP + _ROW * len(rows) + _BOTTOM
    values = [value for one in rows for value in (one.low, one.high, one.value)]
    area = Area(
        scale_of([*values, marked], _LABELS + 12, _NUMBERS - 12),
        Scale(len(rows) - 0.5, -0.5, height - _BOTTOM, _TOP),
    )
    x = number(area.x(marked))
    line = tag("line", x1=x, x2=x, y1=area.y.start, y2=area.y.end, class_="one")
    return drawing(height, _axis(area, across), line, *(_row(area, *one) for one in enumerate(rows)), label=label)


def _axis(area: Area, across: str) -> Markup:
    bottom, top, parts = area.y.start, area.y.end, []
    for value, text in area.x.ticks(6):
        place = number(area.x(value))
        parts.append(tag("line", x1=place, x2=place, y1=bottom, y2=top, class_="grid"))
        parts.append(tag("text", text, x=place, y=bottom, dy="1.4em", class_="tick middle"))
    middle = (area.x.start + area.x.end) / 2
    return tag("g", *parts, tag("text", across, x=middle, y=bottom, dy="2.9em", class_="label middle"))


def _row(area: Area, place: int, one: Interval) -> Markup:
    y = area.y(place)
    parts = [tag("text", shorten(one.name, _NAME), x=_LABELS, y=y, dy=".35em", class_="row end")]
    said = f"{one.value:.3f}"
    if math.isfinite(one.low):
        parts.append(tag("line", x1=area.x(one.low), x2=area.x(one.high), y1=y, y2=y, class_="interval"))
        said += f" ({one.low:.3f} to {one.high:.3f})"
    parts.append(tag("circle", cx=area.x(one.value), cy=y, r=5, class_="mark"))
    parts.append(tag("text", said, x=_NUMBERS, y=y, dy=".35em", class_="row"))
    return tag("g", *parts, class_=f"ratio {'better' if one.filled else 'open'}")
