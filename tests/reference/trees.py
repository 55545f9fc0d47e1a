"""Both players' losses and gradients from the tree alone: float64 numpy, forward differentiation.

With `noise`, every operation is off by about one rounding error. How far the result then moves says how many of its
digits any float64 implementation can get right.
"""

from typing import NamedTuple

import numpy as np

from ganetic.loss.expression import Const, Node, Var
from ganetic.loss.formula import Formula
from ganetic.loss.ops import OPERATORS
from tests.reference.losses import Array, Player

ROUNDING = 4e-16


class _Linear(NamedTuple):
    value: Array
    by_d: Array
    by_m: Array


def players(
    formula: Formula, real: Array, fake: Array, noise: np.random.Generator | None = None
) -> tuple[Player, Player]:
    slots = {
        slot: _slot(tree, *((real, fake) if slot in ("d_real", "g_real") else (fake, real)), noise)
        for slot, tree in formula.slots.items()
    }
    nothing = _Linear(*(np.zeros_like(real) for _ in range(3)))
    return _player(slots["d_real"], slots["d_fake"]), _player(slots.get("g_real", nothing), slots["g_fake"])


def _player(real: _Linear, fake: _Linear) -> Player:
    return Player(
        float(real.value.mean() + fake.value.mean()),
        (real.by_d + fake.by_m.mean()) / real.value.size,
        (fake.by_d + real.by_m.mean()) / fake.value.size,
    )


def _slot(tree: Node, own: Array, opposite: Array, noise: np.random.Generator | None) -> _Linear:
    p = 1 / (1 + np.exp(-own))
    zeros, ones = np.zeros_like(own), np.ones_like(own)
    inputs = {
        "d": _Linear(own, ones, zeros),
        "p": _Linear(p, p / (1 + np.exp(own)), zeros),
        "m": _Linear(np.full_like(own, opposite.mean()), zeros, ones),
    }
    with np.errstate(all="ignore"):
        result = _evaluate(tree, inputs, noise)
    return _Linear(*(part + zeros for part in result))


def _evaluate(node: Node, inputs: dict[str, _Linear], noise: np.random.Generator | None) -> _Linear:
    if isinstance(node, Var):
        return inputs[node.name]
    if isinstance(node, Const):
        return _Linear(np.asarray(node.value), np.zeros(()), np.zeros(()))
    arguments = [_evaluate(arg, inputs, noise) for arg in node.args]
    value, partials = OPERATORS[node.op].linearise(*[argument.value for argument in arguments])
    by_d = sum((partial * arg.by_d for partial, arg in zip(partials, arguments, strict=True)), np.zeros(()))
    by_m = sum((partial * arg.by_m for partial, arg in zip(partials, arguments, strict=True)), np.zeros(()))
    if noise is None:
        return _Linear(value, by_d, by_m)
    return _Linear(*(part * (1 + ROUNDING * noise.standard_normal(np.shape(part))) for part in (value, by_d, by_m)))
