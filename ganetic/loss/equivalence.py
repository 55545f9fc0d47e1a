"""Is a loss that a search found a published one in other words?

The fingerprint looks out to |d| = 20, where the epsilon of a protected logarithm already tells -log(p) from the exact
softplus(-d). No discriminator goes there in a short training, so that for people the two are one loss.
"""

from functools import cache

import numpy as np

from ganetic.loss.fingerprint import oriented_gradients
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.loss.numeric import responses
from ganetic.loss.ops import Array
from ganetic.loss.screen import judge

REACH = 12.0
"""Largest |d| and |m| at which gradients are compared; the epsilon is 0.2 % of p there."""
TOLERANCE = 0.01
"""Of asinh(gradient / rms)."""


def published_name(formula: Formula) -> str:
    """The name of the library's loss whose gradients agree up to a factor and d → -d; empty when there is none."""
    own = _gradients(formula)
    if own is None:
        return ""
    for name, gradients in _library().items():
        if gradients.shape == own.shape and bool((np.abs(own - gradients) <= TOLERANCE).all()):
            return name
    return ""


@cache
def _library() -> dict[str, Array]:
    found = {name: _gradients(loss.formula) for name, loss in LIBRARY.items()}
    return {name: gradients for name, gradients in found.items() if gradients is not None}


def _gradients(formula: Formula) -> Array | None:
    """Both players' normalised gradients within reach, D's higher output meaning real; None if D does not separate."""
    points, slots = responses(formula)
    orientation = judge(points, slots).orientation
    if orientation is None:
        return None
    gradients = oriented_gradients(points, slots, orientation)
    within = (np.abs(points.d) <= REACH) & (np.abs(points.m) <= REACH)
    return np.arcsinh(gradients[:, within])
