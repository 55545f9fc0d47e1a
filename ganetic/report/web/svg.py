"""Drawings as SVG within a page: elements, scales and axes.

Colours and sizes of letters are the style sheet's, by classes, so that a drawing is right on light and dark paper and
on a small screen. Lengths are in units of the drawing, of which a full one is `WIDTH` wide.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup
from matplotlib.ticker import MaxNLocator

WIDTH = 720
"""Units across a drawing that takes the width of the text."""

_STEPS = [1, 2, 2.5, 5, 10]
_DECADE = 6.0
"""A logarithmic axis that spans less has the ticks of a linear one."""


def tag(name: str, *children: Markup | str, **attributes: str | float | None) -> Markup:
    """Write an element: attributes and texts are escaped, markup among the children is kept.

    Args:
        name: of the element.
        children: what stands in it.
        attributes: ``_`` stands for ``-``, and one at the end is dropped; None leaves an attribute out.
    """
    said = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _plain(value))
        for key, value in attributes.items()
        if value is not None
    )
    return Markup("<{0}{1}>{2}</{0}>").format(name, said, Markup("").join(children))


def number(value: float) -> str:
    """Write a place in a drawing, to a tenth of a unit."""
    return f"{value:.1f}".removesuffix(".0")


def path_of(points: Iterable[tuple[float, float]]) -> str:
    """Write the ``d`` of a path through points; those that are not finite break it.

    Steps are told, not places: they are half as long. They are steps between tenths, so that none is lost by rounding.
    """
    parts: list[str] = []
    before: tuple[int, int] | None = None
    for x, y in points:
        if not (math.isfinite(x) and math.isfinite(y)):
            before = None
            continue
        place = round(10 * x), round(10 * y)
        parts.append(_pair("M", *place) if before is None else _pair("l", place[0] - before[0], place[1] - before[1]))
        before = place
    return "".join(parts)


def _pair(letter: str, x: int, y: int) -> str:
    """A command of a path, of tenths; a minus parts numbers as well as a blank."""
    blank = "" if y < 0 else " "
    return f"{letter}{_tenths(x)}{blank}{_tenths(y)}"


def _tenths(count: int) -> str:
    text = number(count / 10)
    return text.replace("0.", ".", 1) if abs(count) < 10 else text


@dataclass(frozen=True)
class Scale:
    """How values become places along an axis.

    Attributes:
        low: the value at its start.
        high: the value at its end; more than low.
        start: the place of low.
        end: the place of high; may be less than start.
        log: whether it is logarithmic; both values are positive then.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Give the place of a value, which may lie beyond the ends; one that has none is NaN."""
        if self.log:
            share = math.log(value / self.low) / math.log(self.high / self.low) if value > 0 else math.nan
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, most: int = 5) -> list[tuple[float, str]]:
        """Give round values within the ends, and how they are written; about so many at most."""
        if not self.log or self.high / self.low < _DECADE:
            values = [float(value) for value in MaxNLocator(most, steps=_STEPS).tick_values(self.low, self.high)]
        else:
            values = _decades(self.low, self.high, most)
        slack = 1e-9 * (self.high - self.low)
        return [(value, f"{value:g}") for value in values if self.low - slack <= value <= self.high + slack]


def scale_of(values: Iterable[float], start: float, end: float, log: bool = False, room: float = 0.05) -> Scale:
    """Make a scale on which values have room at both ends.

    Args:
        values: those to be shown; what is not finite, or not positive on a logarithmic scale, is passed over.
        start: the place of the lowest.
        end: the place of the highest.
        log: whether it is logarithmic.
        room: at each end, as a share of the whole.
    """
    known = [value for value in values if math.isfinite(value) and (value > 0 or not log)] or [1.0]
    low, high = min(known), max(known)
    if log:
        margin = (high / low) ** room if high > low else 1.5  # a value alone stands in the middle
        return Scale(low / margin, high * margin, start, end, log)
    margin = (high - low) * room if high > low else abs(high) * 0.5 or 1.0
    return Scale(low - margin, high + margin, start, end)


@dataclass(frozen=True)
class Area:
    """Where values are drawn: two scales, with axes and lines behind what is drawn."""

    x: Scale
    y: Scale

    def axes(self, across: str, up: str, ticks: tuple[int, int] = (6, 5)) -> Markup:
        """Draw both axes with their ticks and what they show."""
        left, right, bottom, top = self.x.start, self.x.end, self.y.start, self.y.end
        parts = []
        for value, text in self.x.ticks(ticks[0]):
            place = number(self.x(value))
            parts += [_line(place, number(bottom), place, number(top), "grid")]
            parts += [tag("text", text, x=place, y=number(bottom), dy="1.4em", class_="tick middle")]
        for value, text in self.y.ticks(ticks[1]):
            place = number(self.y(value))
            parts += [_line(number(left), place, number(right), place, "grid")]
            parts += [tag("text", text, x=number(left - 6), y=place, dy=".35em", class_="tick end")]
        middle = (left + right) / 2
        parts.append(tag("text", across, x=middle, y=bottom, dy="3em", class_="label middle"))
        parts.append(tag("text", up, x=number(left), y=number(top), dy="-.8em", class_="label"))
        return tag("g", *parts, aria_hidden="true")

    def points(self, values: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
        """Give the places of points."""
        return [(self.x(across), self.y(up)) for across, up in values]

    def inside(self, *parts: Markup) -> Markup:
        """Cut off what lies beyond the ends of the scales."""
        left, top = min(self.x.start, self.x.end), min(self.y.start, self.y.end)
        width, height = abs(self.x.end - self.x.start), abs(self.y.end - self.y.start)
        # A drawing in a drawing is cut off at its edges; its units are those of the outer one.
        places = {"x": number(left), "y": number(top), "width": number(width), "height": number(height)}
        box = f"{places['x']} {places['y']} {places['width']} {places['height']}"
        return tag("svg", *parts, **places, viewBox=box)


def stepped(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Give the corners of a line that holds each value until the next one."""
    corners = list(points[:1])
    for (_, before), (across, up) in pairwise(points):
        corners += [(across, before), (across, up)]
    return corners


def drawing(height: float, *parts: Markup, label: str, width: float = WIDTH, class_: str = "") -> Markup:
    """Write a drawing that is one picture to those who cannot see it.

    Args:
        height: in units of it.
        parts: what is in it.
        label: what it shows.
        width: in units of it.
        class_: of the style sheet.
    """
    box = f"0 0 {number(width)} {number(height)}"
    return tag("svg", *parts, viewBox=box, role="img", aria_label=label, class_=f"drawing {class_}".strip())


def _line(x1: str, y1: str, x2: str, y2: str, class_: str) -> Markup:
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def _decades(low: float, high: float, most: int) -> list[float]:
    """Round values on a logarithmic axis: 1, 2, 5 or 1, 3 or 1 of every decade, or of every few."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for factors in ((1, 2, 5), (1, 3), (1,)):
        values = [factor * 10.0**power for power in range(first, last + 1) for factor in factors]
        within = [value for value in values if low <= value <= high]
        if len(within) <= most + 1:
            return within
    stride = math.ceil(len(within) / most)
    return within[::stride]


def _plain(value: str | float) -> str:
    return value if isinstance(value, str) else number(value)
