"""Whether the sign of a discriminator's output says what it takes an image for."""

import numpy as np

from ganetic.loss.formula import Formula
from ganetic.loss.numeric import responses
from ganetic.loss.ops import Array
from ganetic.loss.screen import Orientation, judge

_LIKELY = 0.7
"""Probability that an image is real where D should say so."""
_TIE = 1e-9
"""Values of a loss that differ by less than this share count as equal."""


def sign_tells(formula: Formula) -> bool:
    """Return whether a D that has learnt what it can puts an image on the side of 0 that is likelier.

    An image that is real with probability η costs η·d_real(d) + (1 − η)·d_fake(d) in the mean, and D learns the d that
    is best. Its sign tells where that d is above 0 for η = 0.7, below 0 for η = 0.3, and where 0 is among the best, but
    not everything is, for η = ½: the loss is calibrated (Bartlett, Jordan & McAuliffe, Convexity, Classification, and
    Risk Bounds, 2006, definition 1). It is so of bce, hinge and exponential. lsgan has its border at ½, fgan-kl at 1,
    and wasserstein and relativistic losses none at all: they see differences alone.

    For losses that put fakes above reals the sides are exchanged.
    """
    points, slots = responses(formula)
    orientation = judge(points, slots).orientation
    if points.relativistic or orientation is None:
        return False
    upwards = 1.0 if orientation is Orientation.REAL_ABOVE_FAKE else -1.0
    d, real, fake = (
        values[points.axis] for values in (upwards * points.d, slots["d_real"].value, slots["d_fake"].value)
    )
    likely, unlikely, even = (_best(d, share * real + (1 - share) * fake) for share in (_LIKELY, 1 - _LIKELY, 0.5))
    return bool(likely.min() > 0 > unlikely.max() and even.min() <= 0 <= even.max() and len(even) < len(d))


def _best(d: Array, loss: Array) -> Array:
    """The places where a loss is least."""
    best: Array = d[loss <= loss.min() + _TIE * np.abs(loss).max()]
    return best
