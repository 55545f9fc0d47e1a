"""Ratios with their intervals as a forest plot, and the seeds that they come from as points."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ganetic.plots.style import shorten
from ganetic.report.web.svg import WIDTH, Area, Scale, drawing, number, scale_of, tag
from ganetic.studies.formatting import interval, ratio_number
from ganetic.studies.ratios import Ratio

_ROW = 32
_TOP, _BOTTOM = 16, 62
_LABELS = 190
"""Where names end."""
_NUMBERS = WIDTH - 205
"""Where numbers begin."""
_NAME = 20
"""Characters of a name."""
_METRIC = 50


@dataclass(frozen=True)
class SeedsRow:
    """How a loss did on its seeds.

    Attributes:
        label: what it is called.
        mean: the geometric mean.
        values: one a seed.
        failed: for each of them whether its training failed, and its value is the untrained generator's.
        published: whether it is a published loss.
    """

    label: str
    mean: float
    values: tuple[float, ...]
    failed: tuple[bool, ...]
    published: bool


def draw_forest(ratios: Sequence[Ratio], names: Sequence[str], label: str, across: str) -> Markup:
    """Draw a row a ratio: its interval as a line, itself as a point, both in numbers at the right; 1 is marked.

    Args:
        ratios: from top to bottom.
        names: of the rows.
        label: what the drawing shows.
        across: what stands below the axis.
    """
    height = _TOP + _ROW * len(ratios) + _BOTTOM
    ends = [value for one in ratios for value in (one.low, one.high, one.ratio) if value > 0]
    area = Area(
        scale_of([*ends, 1.0], _LABELS + 12, _NUMBERS - 12, log=True),
        Scale(len(ratios) - 0.5, -0.5, height - _BOTTOM, _TOP),
    )
    one = number(area.x(1.0))
    parts = [
        _axis(area, across),
        tag("line", x1=one, x2=one, y1=area.y.start, y2=area.y.end, class_="one"),
        *(_ratio(area, place, ratio, name) for place, (ratio, name) in enumerate(zip(ratios, names, strict=True))),
    ]
    return drawing(height, *parts, label=label)


def draw_seeds(rows: Sequence[SeedsRow], label: str, metric: str) -> Markup:
    """Draw a row a loss: each seed as a short line, the geometric mean as a mark.

    Args:
        rows: from top to bottom.
        label: what the drawing shows.
        metric: the name of the Fréchet distance.
    """
    height = _TOP + _ROW * len(rows) + _BOTTOM
    values = [value for row in rows for value in (*row.values, row.mean)]
    area = Area(
        scale_of(values, _LABELS + 12, WIDTH - 70, log=True), Scale(len(rows) - 0.5, -0.5, height - _BOTTOM, _TOP)
    )
    parts = [_axis(area, f"{shorten(metric, _METRIC)}, lower is better")]
    parts += [_seeds(area, place, row) for place, row in enumerate(rows)]
    return drawing(height, *parts, label=label)


def _axis(area: Area, across: str) -> Markup:
    """The axis below, and a line at each of its ticks."""
    bottom, top, parts = area.y.start, area.y.end, []
    for value, text in area.x.ticks(5):
        place = number(area.x(value))
        parts.append(tag("line", x1=place, x2=place, y1=bottom, y2=top, class_="grid"))
        parts.append(tag("text", text, x=place, y=bottom, dy="1.4em", class_="tick middle"))
    middle = (area.x.start + area.x.end) / 2
    return tag("g", *parts, tag("text", across, x=middle, y=bottom, dy="2.9em", class_="label middle"))


def _name(area: Area, place: int, name: str) -> Markup:
    return tag("text", shorten(name, _NAME), x=_LABELS, y=area.y(place), dy=".35em", class_="row end")


def _ratio(area: Area, place: int, ratio: Ratio, name: str) -> Markup:
    y, verdict = area.y(place), {"better": "better", "worse": "worse"}.get(ratio.verdict, "open")
    parts = [_name(area, place, name)]
    if ratio.low > 0 and math.isfinite(ratio.high):
        parts.append(tag("line", x1=area.x(ratio.low), x2=area.x(ratio.high), y1=y, y2=y, class_="interval"))
    if ratio.ratio > 0:
        parts.append(tag("circle", cx=area.x(ratio.ratio), cy=y, r=6, class_="mark"))
    said = f"{ratio_number(ratio.ratio)} ({interval(ratio.low, ratio.high)})"
    parts.append(tag("text", said, x=_NUMBERS, y=y, dy=".35em", class_="row"))
    return tag("g", *parts, class_=f"ratio {verdict}")


def _seeds(area: Area, place: int, row: SeedsRow) -> Markup:
    y = area.y(place)
    parts = [_name(area, place, row.label)]
    for value, failed in zip(row.values, row.failed, strict=True):
        if value > 0:
            x, class_ = area.x(value), "failed" if failed else "seed"
            parts.append(tag("line", x1=x, x2=x, y1=y - 9, y2=y + 9, class_=class_))
    if row.mean > 0:
        x = area.x(row.mean)
        mark = (
            tag("rect", x=x - 5.5, y=y - 5.5, width=11, height=11, class_="mark")
            if row.published
            else tag("circle", cx=x, cy=y, r=6, class_="mark")
        )
        parts += [mark, tag("text", f"{row.mean:.1f}", x=WIDTH - 8, y=y, dy=".35em", class_="row end")]
    return tag("g", *parts, class_="published" if row.published else "found")
