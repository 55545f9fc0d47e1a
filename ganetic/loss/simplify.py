"""Makes a found loss short without changing how it trains.

Evolved trees carry parts that do nothing. A subtree is replaced by a part of itself, by a variable or by a constant,
the largest saving first, as long as fingerprint and orientation stay and the gradients agree.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce as fold

import numpy as np

from ganetic.loss.expression import Call, Const, Node, Var, node_count, round4, variables_of, walk
from ganetic.loss.fingerprint import normalised_gradients
from ganetic.loss.formula import Formula, Slot
from ganetic.loss.gradient_equivalence import Original, close
from ganetic.loss.numeric import REFERENCE_BATCH, Grid, Response, grid
from ganetic.loss.ops import OPERATORS, Array, logistic
from ganetic.loss.symbolic import SECONDS, rewritings

Path = tuple[int, ...]
"""The way to a subtree: which argument to take, from the root down."""
Linear = tuple[Array, Array]
"""A value of shape (N,) and its tangents of shape (2, N), by d and by m; both may be scalars to broadcast."""

EFFORT = 20_000
"""How many operators are evaluated at most; about two seconds."""


def reduce(formula: Formula, seconds: float = SECONDS) -> Formula:
    """The shortest form found that trains like `formula`.

    Fingerprint and orientation are kept, and the gradients agree to 1e-3 after one positive factor a player. The same
    formula gives the same result, unless sympy runs into its time limit.

    Args:
        formula: the loss, screened or not.
        seconds: time limit of sympy for one expression.
    """
    original, allowance = Original(formula), [EFFORT]
    current = _greedy(formula, original, allowance)
    while (shorter := _rewritten(current, original, seconds)) is not None:
        current = _greedy(shorter, original, allowance)
    return current


def _rewritten(formula: Formula, original: Original, seconds: float) -> Formula | None:
    for name, tree in formula.trees.items():
        for rewriting in rewritings(tree, seconds):
            if node_count(rewriting) < node_count(tree):
                candidate = original.rewritten(formula, name, rewriting)
                if candidate is not None:
                    return candidate
    return None


def _greedy(formula: Formula, original: Original, allowance: list[int]) -> Formula:
    refused: set[tuple[str, Node]] = set()
    while (shorter := _shorter(formula, original, allowance, refused)) is not None:
        formula = shorter
    return formula


def _shorter(
    formula: Formula, original: Original, allowance: list[int], refused: set[tuple[str, Node]]
) -> Formula | None:
    """The formula with the largest saving that a single replacement gives, or None."""
    trial = _Trial(formula)
    for edit in sorted(_edits(formula, trial), key=lambda edit: -edit.saving):
        allowance[0] -= len(edit.path) + 1
        if allowance[0] < 0:
            return None
        if not trial.agrees(edit):
            continue
        tree = _replaced(formula.trees[edit.name], edit.path, edit.node)
        if (edit.name, tree) in refused:
            continue
        candidate = original.rewritten(formula, edit.name, tree)
        if candidate is not None:
            return candidate
        refused.add((edit.name, tree))
    return None


@dataclass(frozen=True)
class _Edit:
    """Put `node` at `path` of the expression `name`."""

    name: str
    path: Path
    node: Node
    saving: int


def _edits(formula: Formula, trial: "_Trial") -> Iterator[_Edit]:
    for name, tree in formula.trees.items():
        leaves: list[Node] = [Var(variable) for variable in sorted(variables_of(tree))]
        for path, part in _parts(tree):
            if not isinstance(part, Call):
                continue
            size = node_count(part)
            constants: list[Node] = [Const(value) for value in dict.fromkeys((0.0, 1.0, *trial.mean(name, path)))]
            inner = [node for node in walk(part) if isinstance(node, Call)][1:]
            for node in dict.fromkeys([*constants, *leaves, *inner]):
                yield _Edit(name, path, node, size - node_count(node))


class _Trial:
    """Every part of a formula evaluated on the grid, so that an edit costs only the way from its place to the root."""

    def __init__(self, formula: Formula) -> None:
        self.formula, self.points = formula, grid(formula.is_relativistic)
        variables = _variables(self.points)
        self._contexts: dict[Slot, dict[str, Linear]] = {}
        self._parts: dict[Slot, dict[Path, Linear]] = {}
        for slot in formula.slots:
            if formula.form == "label" and slot == "g_fake":  # the same function as d_real
                continue
            self._contexts[slot] = {**variables, "y": _number(0.0 if slot == "d_fake" else 1.0)}
            self._parts[slot] = {}
            self._fill(slot, (), formula.trees[self._expression(slot)])
        self._gradients = self._normalised({slot: parts[()] for slot, parts in self._parts.items()})

    def mean(self, name: str, path: Path) -> list[float]:
        """The mean of a part over the grid and over the slots that it serves; nothing where it is not finite."""
        with np.errstate(all="ignore"):
            value = float(np.mean([np.mean(self._parts[slot][path][0]) for slot in self._slots(name)]))
        return [round4(value)] if np.isfinite(value) else []

    def agrees(self, edit: _Edit) -> bool:
        """Whether the gradients stay the same on the grid."""
        roots = {slot: parts[()] for slot, parts in self._parts.items()}
        for slot in self._slots(edit.name):
            roots[slot] = self._root_with(slot, edit)
        return close(self._normalised(roots), self._gradients)

    def _expression(self, slot: Slot) -> str:
        return "loss" if self.formula.form == "label" else slot

    def _slots(self, name: str) -> list[Slot]:
        return [slot for slot in self._parts if self._expression(slot) == name]

    def _fill(self, slot: Slot, path: Path, node: Node) -> Linear:
        if isinstance(node, Call):
            arguments = [self._fill(slot, (*path, index), arg) for index, arg in enumerate(node.args)]
            result = _apply(node.op, arguments)
        else:
            result = self._contexts[slot][node.name] if isinstance(node, Var) else _number(node.value)
        self._parts[slot][path] = result
        return result

    def _root_with(self, slot: Slot, edit: _Edit) -> Linear:
        result = self._known(slot, edit)
        nodes = list(_along(self.formula.trees[edit.name], edit.path))
        for depth in range(len(edit.path) - 1, -1, -1):
            above, index = edit.path[:depth], edit.path[depth]
            node = nodes[depth]
            arguments = [self._parts[slot][(*above, i)] if i != index else result for i in range(len(node.args))]
            result = _apply(node.op, arguments)
        return result

    def _known(self, slot: Slot, edit: _Edit) -> Linear:
        if isinstance(edit.node, Const):
            return _number(edit.node.value)
        if isinstance(edit.node, Var):
            return self._contexts[slot][edit.node.name]
        tree = fold(_argument, edit.path, self.formula.trees[edit.name])
        inside = next(path for path, part in _parts(tree) if part is edit.node)
        return self._parts[slot][edit.path + inside]

    def _normalised(self, roots: dict[Slot, Linear]) -> Array:
        none = np.zeros((2, self.points.d.size))
        roots.setdefault("g_fake", roots["d_real"])
        return normalised_gradients(
            self.points,
            {slot: Response(value, *(tangents + none)) for slot, (value, tangents) in roots.items()},
        )


def _variables(points: Grid) -> dict[str, Linear]:
    probability = logistic(points.d)
    slope = probability * logistic(-points.d)
    zeros, ones = np.zeros_like(slope), np.ones_like(slope)
    return {
        "d": (points.d, np.stack((ones, zeros))),
        "m": (points.m, np.stack((zeros, ones))),
        "p": (probability, np.stack((slope, zeros))),
        "s": (REFERENCE_BATCH * probability, np.stack((REFERENCE_BATCH * slope, zeros))),
    }


def _apply(op: str, arguments: list[Linear]) -> Linear:
    with np.errstate(all="ignore"):
        value, partials = OPERATORS[op].linearise(*[argument[0] for argument in arguments])
        return value, sum((partial * a[1] for partial, a in zip(partials, arguments, strict=True)), np.zeros(()))


def _number(value: float) -> Linear:
    return np.asarray(value), np.zeros(())


def _argument(node: Node, index: int) -> Node:
    assert isinstance(node, Call)
    return node.args[index]


def _along(tree: Node, path: Path) -> Iterator[Call]:
    """The calls that lie above a place, the root first."""
    for index in path:
        assert isinstance(tree, Call)
        yield tree
        tree = tree.args[index]


def _parts(tree: Node, path: Path = ()) -> Iterator[tuple[Path, Node]]:
    yield path, tree
    if isinstance(tree, Call):
        for index, arg in enumerate(tree.args):
            yield from _parts(arg, (*path, index))


def _replaced(tree: Node, path: Path, node: Node) -> Node:
    if not path:
        return node
    assert isinstance(tree, Call)
    index, *rest = path
    args = (*tree.args[:index], _replaced(tree.args[index], tuple(rest), node), *tree.args[index + 1 :])
    return Call(tree.op, args)
