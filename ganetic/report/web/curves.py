"""The gradients of a loss beside those of binary cross-entropy: a small drawing for each slot."""

from functools import cache

import numpy as np
from markupsafe import Markup

from ganetic.loss.formula import Formula, Slot
from ganetic.loss.library import library_loss
from ganetic.plots.loss import RANGE, TITLES, Curve, curves
from ganetic.report.web.svg import Area, Scale, drawing, path_of, scale_of, tag

_WIDTH, _HEIGHT = 236, 170
_EVERY = 8
"""Of the points of a curve, one in so many is drawn: steps of 0.2, which meet the corners of hinges at ±1."""
_LIMIT = 6.0
"""A gradient that explodes is cut off here, so that it does not flatten everything else."""


def draw_curves(formula: Formula, label: str) -> Markup:
    """Draw the gradient of every slot by the critic's output, beside that of BCE, both scaled as in `plots.loss`.

    Args:
        formula: the loss.
        label: what to call it.
    """
    theirs = _bce()
    parts = (_slot(slot, curve, theirs.get(slot), label) for slot, curve in curves(formula).items())
    return tag("div", *parts, class_="curves")


@cache
def _bce() -> dict[Slot, Curve]:
    return curves(library_loss("bce").formula)


def _slot(slot: Slot, mine: Curve, bce: Curve | None, label: str) -> Markup:
    both = [curve for curve in (bce, mine) if curve is not None]
    known = np.clip(np.concatenate([curve.gradient for curve in both]), -_LIMIT, _LIMIT)
    area = Area(Scale(-RANGE, RANGE, 40, _WIDTH - 8), scale_of([*map(float, known), 0.0], _HEIGHT - 44, 12))
    lines = [
        tag("path", d=path_of(_points(area, curve)), class_=f"line {name}")
        for name, curve in (("bce", bce), ("mine", mine))
        if curve is not None
    ]
    zero = tag("line", x1=area.x.start, x2=area.x.end, y1=area.y(0), y2=area.y(0), class_="zero")
    picture = drawing(
        _HEIGHT,
        area.axes("critic output d", "", (4, 4)),
        zero,
        area.inside(*lines),
        label=f"gradient of {slot} of {label} by the critic's output, beside that of bce",
        width=_WIDTH,
        class_="small",
    )
    return tag("figure", tag("figcaption", TITLES[slot]), picture)


def _points(area: Area, curve: Curve) -> list[tuple[float, float]]:
    pairs = zip(curve.d[::_EVERY], curve.gradient[::_EVERY], strict=True)
    return [(area.x(float(d)), area.y(float(np.clip(slope, -100, 100)))) for d, slope in pairs]
