"""Does a shorter loss train like the one it was made from?"""

from functools import cache

import numpy as np

from ganetic.errors import UserError
from ganetic.loss.expression import Node, to_text
from ganetic.loss.fingerprint import normalised_gradients, of_responses
from ganetic.loss.formula import Formula
from ganetic.loss.numeric import Grid, respond, responses
from ganetic.loss.ops import Array
from ganetic.loss.screen import judge

TOLERANCE = 1e-3
"""Largest difference of two gradients, relative to their rms near 0 and to their own size."""


class Original:
    """A loss as the measure of its rewritings."""

    def __init__(self, formula: Formula) -> None:
        self.formula = formula
        self._relativistic = formula.is_relativistic
        self._key, self._gradients = _key(formula), _dense_gradients(formula, self._relativistic)

    def trains_like(self, candidate: Formula) -> bool:
        """Whether fingerprint and orientation are the same and the gradients agree, also between the grid's points.

        The gradients of each player are compared after one positive factor a player.
        """
        if _key(candidate) != self._key:
            return False
        return close(_dense_gradients(candidate, self._relativistic), self._gradients)

    def rewritten(self, formula: Formula, name: str, tree: Node) -> Formula | None:
        """`formula` with one of its trees replaced; None where that is no loss or does not train like the original."""
        try:
            candidate = Formula.of(formula.form, {**formula.expressions, name: to_text(tree)})
        except UserError:  # too large, or a label makes a part of it non-finite
            return None
        return candidate if self.trains_like(candidate) else None


def close(gradients: Array, expected: Array) -> bool:
    """Whether normalised gradients agree; never where one is not finite."""
    with np.errstate(all="ignore"):
        return bool((np.abs(gradients - expected) <= TOLERANCE * (1 + np.abs(expected))).all())


def _key(formula: Formula) -> tuple[str, str | None]:
    points, slots = responses(formula)
    orientation = judge(points, slots).orientation
    return of_responses(points, slots, orientation), orientation


def _dense_gradients(formula: Formula, relativistic: bool) -> Array:
    points = _dense(relativistic)
    return normalised_gradients(points, respond(formula, points.d, points.m))


@cache
def _dense(relativistic: bool) -> Grid:
    """Points between those of the fingerprint: a fine line, or a lattice over the plane for losses that read m."""
    line = np.linspace(-20, 20, 401)
    if relativistic:
        across = np.linspace(-7.9, 7.9, 24)
        d, m = (np.append(axis.ravel(), line) for axis in np.meshgrid(across, across))
    else:
        d, m = line, np.zeros_like(line)
    none = np.zeros(0, dtype=np.intp)
    near = np.flatnonzero((np.abs(d) <= 2) & (np.abs(m) <= 2))
    return Grid(d, m, near, none, none, relativistic)
