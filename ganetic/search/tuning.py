"""Constants of members of the front, moved by CMA-ES: one child at a time for each skeleton.

A skeleton is a formula with its constants taken out; only their signs stay. Its strategy is a (1+1)-CMA-ES on the
logarithms of the constants' magnitudes, so that a step is relative: Igel, Hansen and Roth, "Covariance matrix
adaptation for multi-objective optimization", Evolutionary Computation 15(1), 2007, as DEAP has it.
"""

import math
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from deap import cma

from ganetic.loss.expression import Call, Const, Node, Var, call, constant, to_text, walk
from ganetic.loss.formula import Formula
from ganetic.search.individual import Individual
from ganetic.search.ranking import rank

FIRST_STEP = 0.3
"""Standard deviation of a strategy's first steps: a third of a constant."""
STEPS = (0.02, 1.0)
"""Least and most that it adapts to: fd is too noisy for finer steps, and coarser ones are random draws."""
TRIES = 10
"""Draws of a child that is new and viable, before the child is bred in another way."""
STRETCH = 1.25
"""Each draw goes further than the one before by this factor: constants that do not matter are passed over."""
MAGNITUDES = (1e-6, 1e6)
"""Least and largest magnitude of a tuned constant."""

TUNED = "tune"
"""First word of the origin of a tuned child; the parent's number follows."""


class _Point(list[float]):
    """Logarithms of the constants, and as fitness minus ln fd, which is how DEAP's strategies know an individual."""

    def __init__(self, values: Sequence[float], fitness: float) -> None:
        super().__init__(values)
        self.fitness = fitness


class Tuner:
    """The strategies of all skeletons, moved on by `register` and `tell`; `proposals` changes nothing."""

    def __init__(self) -> None:
        self._strategies: dict[str, Any] = {}
        self._pending: dict[int, str] = {}

    def proposals(self, population: Sequence[Individual]) -> Iterator[tuple[Formula, list[float], str]]:
        """Children of one parent, each further away than the one before: its formula, new constants, their origin.

        The parent is, of a skeleton drawn from those of the front that have constants and no child in training, the
        member of the front with the lowest fd at the first rung. Must be iterated inside `drawing_from`.
        """
        candidates = self._candidates(population)
        if not candidates:
            return
        skeleton = random.choice(list(candidates))
        parent, formula = min(candidates[skeleton], key=lambda entry: (entry[0].climb[0][0], entry[0].number))
        strategy = self._strategy(skeleton, parent, formula)
        low, high = (math.log(magnitude) for magnitude in MAGNITUDES)
        for attempt in range(TRIES):
            with _numpy_drawing_from(random.getrandbits(32)):
                (drawn,) = strategy.generate(np.asarray)
            moved = strategy.parent + STRETCH**attempt * (drawn - np.array(strategy.parent))
            magnitudes = np.exp(np.clip(moved, low, high)).tolist()
            signed = [math.copysign(size, old) for size, old in zip(magnitudes, tunable(formula), strict=True)]
            yield formula, signed, f"{TUNED} {parent.number}"

    def register(self, child: Individual, parent: Individual) -> None:
        """Take note of a tuned child that was submitted: its skeleton has no other until it is told."""
        formula = Formula.from_text(parent.text)
        skeleton = skeleton_of(formula)
        self._strategies[skeleton] = self._strategy(skeleton, parent, formula)
        self._pending[child.number] = skeleton

    def tell(self, child: Individual) -> None:
        """Learn from an individual that has reached the first rung, or died before; nothing if it was not tuned."""
        skeleton = self._pending.pop(child.number, None)
        if skeleton is None:
            return
        fitness = -child.climb[0][0] if child.climb else -math.inf
        strategy = self._strategies[skeleton]
        strategy.update([_Point(_logarithms(Formula.from_text(child.text)), fitness)])
        strategy.sigma = min(max(strategy.sigma, STEPS[0]), STEPS[1])

    def _candidates(self, population: Sequence[Individual]) -> dict[str, list[tuple[Individual, Formula]]]:
        """The members of the front by skeleton, where there is something to tune and nothing in training."""
        ranks = rank([member.climb for member in population]).rank
        found: dict[str, list[tuple[Individual, Formula]]] = {}
        for member, number in zip(population, ranks, strict=True):
            formula = Formula.from_text(member.text) if number == 0 else None
            if formula is not None and tunable(formula):
                found.setdefault(skeleton_of(formula), []).append((member, formula))
        return {skeleton: entries for skeleton, entries in found.items() if skeleton not in self._pending.values()}

    def _strategy(self, skeleton: str, parent: Individual, formula: Formula) -> Any:
        """A copy of a skeleton's strategy, or a new one, that starts from this parent."""
        point = _Point(_logarithms(formula), -parent.climb[0][0])
        fresh = cma.StrategyOnePlusLambda(point, FIRST_STEP, lambda_=1)
        known = self._strategies.get(skeleton)
        if known is not None:
            vars(fresh).update(vars(known), parent=point)
        return fresh


def tunable(formula: Formula) -> list[float]:
    """The constants of a formula that are not 0, in prefix order."""
    return [
        node.value
        for tree in formula.trees.values()
        for node in walk(tree)
        if isinstance(node, Const) and node.value != 0
    ]


def skeleton_of(formula: Formula) -> str:
    """The formula's text with ``+``, ``-`` or ``0`` for each constant."""
    return "; ".join(f"{name}={to_text(_bare(tree))}" for name, tree in formula.trees.items())


def with_constants(formula: Formula, values: Sequence[float]) -> Formula:
    """The formula with other constants, rounded to 4 digits, in place of those that `tunable` gives.

    Raises:
        UserError: a label makes a constant part non-finite.
    """
    source = iter(values)
    return Formula.from_trees(formula.form, {name: _refilled(tree, source) for name, tree in formula.trees.items()})


def _bare(node: Node) -> Node:
    if isinstance(node, Const):
        return Var("0" if node.value == 0 else "+" if node.value > 0 else "-")
    return Call(node.op, tuple(_bare(arg) for arg in node.args)) if isinstance(node, Call) else node


def _refilled(node: Node, values: Iterator[float]) -> Node:
    if isinstance(node, Const):
        return constant(next(values)) if node.value != 0 else node
    return call(node.op, tuple(_refilled(arg, values) for arg in node.args)) if isinstance(node, Call) else node


def _logarithms(formula: Formula) -> list[float]:
    return [math.log(abs(value)) for value in tunable(formula)]


@contextmanager
def _numpy_drawing_from(seed: int) -> Iterator[None]:
    """Let DEAP, which draws from numpy's global state, draw from a seed instead; the global state is put back."""
    outside = np.random.get_state()
    np.random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(outside)
