"""Slot functions and their exact gradients on fixed grids, in float64 numpy, by forward differentiation.

This is the fast path of a candidate: no torch graph, about a microsecond an array operation.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from ganetic.loss.expression import Const, Node, Var
from ganetic.loss.formula import Formula, Slot
from ganetic.loss.ops import OPERATORS, Array, logistic

Places = npt.NDArray[np.intp]
"""Indices of a grid's points."""

Linear = tuple[Array, Array]
"""A value of shape (N,) and its tangents of shape (1 or 2, N); both may still be scalars to broadcast."""

REFERENCE_BATCH = 32
"""Batch of equal logits on which the batch sum of a published reference is evaluated."""

_HALF_GRID = (
    *(0.0, 0.07, 0.23, 0.41, 0.67, 0.89, 1.13, 1.37, 1.71, 1.97, 2.31, 2.63, 2.97, 3.41, 3.83, 4.27, 4.79, 5.5),
    *(6.1, 6.9, 7.7, 8.9, 10.3, 11.9, 13.7, 15.7, 17.7, 20.0),
)
_SURE = 5.5
AXIS_POINTS = 2 * _HALF_GRID.index(_SURE) + 1
"""Points from -5.5 to 5.5, where D is sure."""

_SCATTERED = 24


@dataclass(frozen=True, eq=False)
class Grid:
    """Points (d, m), the second half the negatives of the first, so that d → -d is a roll by half.

    Attributes:
        d: critic outputs, shape (N,).
        m: mean critic outputs of the opposite batch, shape (N,).
        near: indices of the points where both are at most 2 in magnitude.
        axis: indices of the points with m = 0 and |d| ≤ 5.5, in rising order of d; shape (AXIS_POINTS,).
        cross: indices of the points with d = 0 and |m| ≤ 5.5, in rising order of m; `axis` where m is always 0.
        relativistic: whether m varies.
    """

    d: Array
    m: Array
    near: Places
    axis: Places
    cross: Places
    relativistic: bool

    def flip(self, values: Array) -> Array:
        """Values at (-d, -m), along the last axis."""
        return np.roll(values, self.d.size // 2, axis=-1)


@dataclass(frozen=True, eq=False)
class Response:
    """One slot on a grid: value and partial derivatives by d (through p and s) and m, each of shape (N,)."""

    value: Array
    by_d: Array
    by_m: Array


@cache
def grid(relativistic: bool) -> Grid:
    """The fixed grid out to ±20: on the line m = 0, or over the plane for losses that read m."""
    line = np.array(_HALF_GRID)
    if not relativistic:
        return _mirrored(line, np.zeros_like(line))
    step = np.arange(1, _SCATTERED + 1)
    # Points of low discrepancy (multiples of the golden ratio and of its square), with no regular pattern in d - m.
    first, second = (
        12 * ((step * ratio) % 1.0) - 6 for ratio in (0.6180339887498949, 0.3819660112501051 * 0.7548776662)
    )
    zeros = np.zeros_like(line)
    return _mirrored(np.concatenate((line, zeros, first)), np.concatenate((zeros, line, second)))


def _mirrored(d: Array, m: Array) -> Grid:
    d, m = np.concatenate((d, -d)), np.concatenate((m, -m))
    relativistic = bool(m.any())
    axis = along(d, m, _SURE)
    cross = along(m, d, _SURE) if relativistic else axis
    near = np.flatnonzero((np.abs(d) <= 2) & (np.abs(m) <= 2))
    return Grid(d, m, near, axis, cross, relativistic)


def along(own: Array, other: Array, reach: float) -> Places:
    """Indices of a grid's points on one of its axes out to ±reach, in rising order, 0 once."""
    on_axis = np.flatnonzero((other == 0) & (np.abs(own) <= reach))
    rising = on_axis[np.argsort(own[on_axis], kind="stable")]
    return rising[np.diff(own[rising], prepend=-np.inf) > 0]


def responses(formula: Formula) -> tuple[Grid, dict[Slot, Response]]:
    """Evaluate every slot on the grid that fits the formula. Values may be non-finite; nothing raises or warns."""
    points = grid(formula.is_relativistic)
    slots = _respond(formula, _inputs(formula.is_relativistic))
    if not formula.is_relativistic or any(response.by_m.any() for response in slots.values()):
        return points, slots
    # m is written, but does nothing: the same loss without it must respond the same.
    points = grid(False)
    return points, _respond(formula, {**_inputs(False), "m": (np.zeros_like(points.d), np.zeros((1, points.d.size)))})


def respond(formula: Formula, d: Array, m: Array) -> dict[Slot, Response]:
    """Evaluate every slot at given points (d, m), each of shape (N,)."""
    return _respond(formula, _linear_inputs(d, m if formula.is_relativistic else None))


@cache
def _inputs(relativistic: bool) -> dict[str, Linear]:
    points = grid(relativistic)
    return _linear_inputs(points.d, points.m if relativistic else None)


def _linear_inputs(d: Array, m: Array | None) -> dict[str, Linear]:
    """The variables and their tangents by d, and by m where there is one."""
    probability = logistic(d)
    slope = probability * logistic(-d)
    inputs = {
        "d": (d, _tangents(np.ones_like(d), m)),
        "p": (probability, _tangents(slope, m)),
        "s": (REFERENCE_BATCH * probability, _tangents(REFERENCE_BATCH * slope, m)),
    }
    if m is not None:
        inputs["m"] = (m, np.stack((np.zeros_like(m), np.ones_like(m))))
    return inputs


def _tangents(by_d: Array, m: Array | None) -> Array:
    return by_d[None] if m is None else np.stack((by_d, np.zeros_like(by_d)))


def _respond(formula: Formula, inputs: dict[str, Linear]) -> dict[Slot, Response]:
    value, tangents = inputs["d"]
    zero_value, zero_tangents = np.zeros_like(value), np.zeros_like(tangents)
    known: dict[int, Response] = {}  # by identity: the label form fills two slots with one tree
    with np.errstate(all="ignore"):
        for tree in formula.slots.values():
            if id(tree) not in known:
                value, tangents = _evaluate(tree, inputs)
                tangents = tangents + zero_tangents
                by_m = tangents[1] if len(tangents) > 1 else zero_value
                known[id(tree)] = Response(value + zero_value, tangents[0], by_m)
    return {slot: known[id(tree)] for slot, tree in formula.slots.items()}


def _evaluate(node: Node, inputs: dict[str, Linear]) -> Linear:
    if isinstance(node, Var):
        return inputs[node.name]
    if isinstance(node, Const):
        return np.asarray(node.value), np.zeros(())
    arguments = [_evaluate(arg, inputs) for arg in node.args]
    value, partials = OPERATORS[node.op].linearise(*[argument[0] for argument in arguments])
    tangents = partials[0] * arguments[0][1]
    for partial, (_, tangent) in zip(partials[1:], arguments[1:], strict=True):
        tangents = tangents + partial * tangent
    return value, tangents
