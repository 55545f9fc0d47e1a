"""Individuals as DEAP trees: primitive sets from a search space, random trees, variation, and the way to a formula."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

from deap import gp

from ganetic.evolution.space import SearchSpace
from ganetic.loss.expression import Const, Node, Var, call, round4
from ganetic.loss.formula import Formula
from ganetic.loss.ops import OPERATORS
from ganetic.training.rates import Rates

Tree = list[Any]
"""A `gp.PrimitiveTree`, which is a list of primitives and terminals in prefix order."""
Trees = dict[str, Tree]
"""The trees of an individual by expression name."""

_CONSTANT = "constant"


@contextmanager
def drawing_from(stream: random.Random) -> Iterator[None]:
    """Let DEAP, which draws from the global `random`, draw from a stream instead; the global state is put back."""
    outside = random.getstate()
    random.setstate(stream.getstate())
    try:
        yield
    finally:
        stream.setstate(random.getstate())
        random.setstate(outside)


class Genome:
    """The primitive sets of a space, and what can be done with trees over them.

    Every method that draws must be called inside `drawing_from`.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self._constant = partial(_draw_constant, *space.trees.constants)
        self._sets = {name: self._primitive_set(name) for name in space.tree_names}
        weights = space.evolution.variation
        self._mutations: dict[str, tuple[float, Callable[[Tree, Any], Tree]]] = {
            "subtree": (weights.subtree, self._mutate_subtree),
            "node": (weights.node, lambda tree, primitives: gp.mutNodeReplacement(tree, primitives)[0]),
            "ephemeral": (weights.ephemeral, lambda tree, _: gp.mutEphemeral(tree, "one")[0]),
            "shrink": (weights.shrink, lambda tree, _: gp.mutShrink(tree)[0]),
            "insert": (weights.insert, lambda tree, primitives: gp.mutInsert(tree, primitives)[0]),
        }

    def random(self) -> Trees:
        """A random individual: each tree by DEAP's ramped half-and-half."""
        low, high = self._space.trees.initial_depth
        return {
            name: gp.PrimitiveTree(gp.genHalfAndHalf(primitives, low, high)) for name, primitives in self._sets.items()
        }

    def random_rates(self) -> Rates | None:
        """Draw rates of the space's list, each as likely; None, without a draw, where it has no list."""
        known = self._space.rates
        return random.choice(known) if len(known) > 1 else known[0]

    def other_rates(self, rates: Rates | None) -> Rates | None:
        """Draw other rates of the list than these, each as likely."""
        return random.choice([other for other in self._space.rates if other != rates])

    def draw_operator(self) -> str:
        """Choose an operator of variation by its weight: ``crossover``, the name of a mutation, or ``rates``."""
        variation = self._space.evolution.variation
        weights = {"crossover": variation.crossover, **{name: one for name, (one, _) in self._mutations.items()}}
        if len(self._space.rates) > 1:
            weights["rates"] = variation.rates
        return random.choices(list(weights), list(weights.values()))[0]

    def cross(self, first: Trees, second: Trees) -> Trees:
        """The first parent with a subtree of the second in one of its trees. The parents are not changed."""
        child = _copy(first)
        name = random.choice(list(child))
        child[name] = gp.cxOnePoint(child[name], gp.PrimitiveTree(second[name]))[0]
        return child

    def mutate(self, parent: Trees, operator: str) -> Trees:
        """A copy of the parent with one of its trees mutated by the named operator."""
        child = _copy(parent)
        name = random.choice(list(child))
        child[name] = self._mutations[operator][1](child[name], self._sets[name])
        return child

    def formula(self, trees: Trees) -> Formula:
        """The formula of an individual, constants folded.

        Raises:
            UserError: a constant part is not finite.
        """
        return Formula.from_trees(self._space.form, {name: to_node(tree) for name, tree in trees.items()})

    def trees(self, formula: Formula) -> Trees:
        """The individual of a formula of this space; its constants can mutate like drawn ones."""
        return {name: gp.PrimitiveTree(self._prefix(node, self._sets[name])) for name, node in formula.trees.items()}

    def _mutate_subtree(self, tree: Tree, primitives: Any) -> Tree:
        low, high = self._space.trees.initial_depth
        grow = partial(gp.genHalfAndHalf, min_=0, max_=max(1, (low + high) // 2))
        return cast("Tree", gp.mutUniform(tree, grow, primitives)[0])

    def _primitive_set(self, name: str) -> Any:
        variables = self._space.tree_variables
        primitives = gp.PrimitiveSetTyped(name, [float] * len(variables), float)
        primitives.renameArguments(**{f"ARG{i}": variable for i, variable in enumerate(variables)})
        for operator in self._space.operators:
            row = OPERATORS[operator]
            primitives.addPrimitive(row.torch, [float] * row.arity, float, name=row.name)
        primitives.addEphemeralConstant(_CONSTANT, self._constant, float)
        return primitives

    def _prefix(self, node: Node, primitives: Any) -> list[Any]:
        if isinstance(node, Const):
            constant = primitives.mapping[_CONSTANT]
            terminal = constant.__new__(constant)  # calling the class would draw a value from the stream
            terminal.value = node.value
            return [terminal]
        if isinstance(node, Var):
            return [primitives.mapping[node.name]]
        parts: list[Any] = [part for arg in node.args for part in self._prefix(arg, primitives)]
        return [primitives.mapping[node.op], *parts]


def to_node(tree: Tree) -> Node:
    """A DEAP tree as an expression, constants folded.

    Raises:
        UserError: a constant part is not finite.
    """
    stack: list[Node] = []
    for part in reversed(tree):
        if isinstance(part, gp.Primitive):
            arguments = tuple(stack.pop() for _ in range(part.arity))
            stack.append(call(part.name, arguments))
        elif isinstance(part.value, str):
            stack.append(Var(part.value))
        else:
            stack.append(Const(round4(part.value)))
    (root,) = stack
    return root


def _copy(trees: Trees) -> Trees:
    return {name: gp.PrimitiveTree(tree) for name, tree in trees.items()}


def _draw_constant(low: float, high: float) -> float:
    return round4(random.uniform(low, high))
