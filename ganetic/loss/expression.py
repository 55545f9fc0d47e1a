"""Expressions: bounded prefix text to tree and back, and to print.

The grammar is ``node = number | variable | operator "(" node {"," node} ")"``. Nothing here evaluates text as code.
"""

import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ganetic.errors import UserError, unknown
from ganetic.loss.ops import ATOM, OPERATORS, SIGN

MAX_LENGTH = 4096
"""Characters of one expression."""
MAX_DEPTH = 32
"""Levels below the root."""
MAX_NODES = 256

_TOKEN = re.compile(r"\s*(?:(?P<number>[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<mark>[(),]))")


@dataclass(frozen=True, slots=True)
class Const:
    """A number of 4 significant digits."""

    value: float


@dataclass(frozen=True, slots=True)
class Var:
    """A variable by name."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """An operator of the table on its arguments; never on constants alone."""

    op: str
    args: tuple["Node", ...]


Node = Const | Var | Call


def round4(value: float) -> float:
    """Round to 4 significant digits, which every constant has from birth."""
    return float(f"{value:.4g}") + 0.0


def constant(value: float, where: str = "expression") -> Const:
    """Make a constant of 4 significant digits.

    Raises:
        UserError: it is not finite.
    """
    rounded = round4(value)  # which may overflow
    if not math.isfinite(rounded):
        raise UserError(f"{where}: a constant is not finite; rewrite the constant part of the expression")
    return Const(rounded)


def call(op: str, args: tuple[Node, ...], where: str = "expression") -> Node:
    """Apply an operator, folding constants in float64.

    Raises:
        UserError: the folded constant is not finite.
    """
    if not all(isinstance(arg, Const) for arg in args):
        return Call(op, args)
    with np.errstate(all="ignore"):
        values = [np.float64(arg.value) for arg in args if isinstance(arg, Const)]
        return constant(float(OPERATORS[op].linearise(*values)[0]), where)


def parse(text: str, variables: Collection[str], where: str = "expression") -> Node:
    """Read a prefix expression.

    Args:
        text: such as ``"add(cube(p), sqrt(mul(3.985, div(y, p))))"``.
        variables: the names that may stand in it.
        where: what to call it in an error.

    Raises:
        UserError: it is too long, too deep or too large, does not fit the grammar, names what is not in the table or
            not among the variables, or has a constant part that is not finite.
    """
    if len(text) > MAX_LENGTH:
        raise UserError(f"{where}: {len(text)} characters; at most {MAX_LENGTH} are read")
    return _Parser(text, variables, where).read()


class _Parser:
    """Shift and reduce over the tokens, with an explicit stack."""

    def __init__(self, text: str, variables: Collection[str], where: str) -> None:
        self.text, self.variables, self.where = text, variables, where
        self.nodes = 0
        self.open: list[tuple[str, list[Node]]] = []

    def read(self) -> Node:
        tokens = list(self._tokens())
        position, finished = 0, None
        while position < len(tokens):
            kind, token = tokens[position]
            if finished is not None:
                finished = self._after_node(token, finished)
                position += 1
                continue
            if kind == "name" and position + 1 < len(tokens) and tokens[position + 1][1] == "(":
                self._open(token)
                position += 2
                continue
            finished = self._leaf(kind, token)
            position += 1
        if self.open or finished is None:
            raise UserError(f"{self.where}: ends too early; is a closing bracket missing?")
        return finished

    def _tokens(self) -> Iterator[tuple[str, str]]:
        position, end = 0, len(self.text.rstrip())
        while position < end:
            match = _TOKEN.match(self.text, position)
            if match is None or match.lastgroup is None:
                raise UserError(f"{self.where}: cannot read {self.text[position : position + 20]!r} at {position}")
            yield match.lastgroup, match[match.lastgroup]
            position = match.end()

    def _count(self) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise UserError(f"{self.where}: more than {MAX_NODES} nodes")

    def _open(self, name: str) -> None:
        self._count()
        if name not in OPERATORS:
            raise unknown("operator", name, OPERATORS, self.where)
        if len(self.open) >= MAX_DEPTH:
            raise UserError(f"{self.where}: nested deeper than {MAX_DEPTH} levels")
        self.open.append((name, []))

    def _leaf(self, kind: str, token: str) -> Node:
        self._count()
        if kind == "number":
            return constant(float(token), self.where)
        if kind == "name":
            if token not in self.variables:
                raise unknown("variable", token, self.variables, self.where)
            return Var(token)
        raise UserError(f'{self.where}: unexpected "{token}"; a number, a variable or an operator should stand there')

    def _after_node(self, token: str, node: Node) -> Node | None:
        """Take in the ``,`` or ``)`` behind a node; returns the call that a bracket finished."""
        if not self.open or token not in (",", ")"):
            raise UserError(f'{self.where}: unexpected "{token[:20]}" after the end of the expression')
        name, args = self.open[-1]
        args.append(node)
        if token == ",":
            return None
        self.open.pop()
        arity = OPERATORS[name].arity
        if len(args) != arity:
            raise UserError(f"{self.where}: {name} takes {arity} argument{'s' * (arity > 1)}, got {len(args)}")
        return call(name, tuple(args), self.where)


def to_text(node: Node) -> str:
    """The canonical prefix text: ``parse(to_text(node)) == node``."""
    if isinstance(node, Const):
        return f"{node.value:.4g}"
    if isinstance(node, Var):
        return node.name
    return f"{node.op}({', '.join(to_text(arg) for arg in node.args)})"


def walk(node: Node) -> Iterator[Node]:
    """Every node, the root first."""
    yield node
    if isinstance(node, Call):
        for arg in node.args:
            yield from walk(arg)


def node_count(node: Node) -> int:
    """How many nodes the tree has."""
    return sum(1 for _ in walk(node))


def depth(node: Node) -> int:
    """Levels below the root: 0 for a leaf."""
    return 1 + max(depth(arg) for arg in node.args) if isinstance(node, Call) else 0


def variables_of(node: Node) -> set[str]:
    """The names of the variables that the tree uses."""
    return {part.name for part in walk(node) if isinstance(part, Var)}


def substitute(node: Node, values: Mapping[str, Node], where: str = "expression") -> Node:
    """Replace variables by nodes, folding what becomes constant."""
    if isinstance(node, Var):
        return values.get(node.name, node)
    if isinstance(node, Const):
        return node
    return call(node.op, tuple(substitute(arg, values, where) for arg in node.args), where)


def to_infix(node: Node) -> str:
    """For people: ``p³ + sqrt(3.985·y/p)``. The protecting epsilons are left out."""
    return _print(node, "infix")[0]


_FIRST_WITHOUT_BRACKETS = ("div", "log", "softplus", "tanh", "sin", "cos")


def to_latex(node: Node) -> str:
    """For papers. The protecting epsilons are left out."""
    return _print(node, "latex")[0]


def to_first_latex(node: Node) -> str:
    """As cards of 0.1 have it, without brackets around some functions and fractions that have a power."""
    return _print(node, "first latex")[0]


def _print(node: Node, style: Literal["infix", "latex", "first latex"]) -> tuple[str, int]:
    if isinstance(node, Var):
        return node.name, ATOM
    if isinstance(node, Const):
        text = f"{node.value:.4g}"
        if style != "infix" and "e" in text:
            mantissa, exponent = text.split("e")
            text = rf"{mantissa} \cdot 10^{{{int(exponent)}}}"
        return text, ATOM if node.value >= 0 and "e" not in text and "cdot" not in text else SIGN
    operator = OPERATORS[node.op]
    notation = operator.infix if style == "infix" else operator.latex
    parts = []
    for index, (arg, needed) in enumerate(zip(node.args, notation.needs, strict=True)):
        text, strength = _print(arg, style)
        # "a · -b" would read as a difference.
        if strength < needed or (index > 0 and needed > 0 and text.startswith("-")):
            text = f"({text})" if style == "infix" else rf"\left({text}\right)"
        parts.append(text)
    strength = ATOM if style == "first latex" and node.op in _FIRST_WITHOUT_BRACKETS else notation.strength
    return notation.template.format(*parts), strength
