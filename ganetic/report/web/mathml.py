"""Losses as MathML, which browsers set and screen readers read."""

from collections.abc import Callable
from typing import Any

import sympy
from markupsafe import Markup
from sympy.printing.mathml import mathml as written

from ganetic.loss.expression import Const, Node, Var
from ganetic.loss.formula import Formula
from ganetic.loss.ops import OPERATORS

_MARKS = {"&ExponentialE;": "e", "&InvisibleTimes;": "\u2062", ">-": ">\u2212"}
"""What sympy writes, and what stands for it here: a minus for its hyphen, no names that XML does not know."""


def formula_mathml(formula: Formula) -> Markup:
    """Write a loss as it stands, without simplifying it: an equation for each expression.

    The protecting epsilons are left out, as in `Formula.readable`.
    """
    equations = (_equation(formula, name, tree) for name, tree in formula.trees.items())
    return Markup("\n").join(equations)


def _equation(formula: Formula, name: str, tree: Node) -> Markup:
    readable = formula.infix[name] if formula.form == "label" else f"{name} = {formula.infix[name]}"
    with sympy.evaluate(False):  # to evaluate sixteen nested cubes of 9 takes for ever
        said = written(_expression(tree), printer="presentation")
    for mark, text in _MARKS.items():
        said = said.replace(mark, text)
    # Markup of sympy over a closed table of operators: no text of a user is in it.
    inner = Markup(f"<mrow>{_name(formula, name)}<mo>=</mo>{said}</mrow>")
    return Markup('<math display="block" alttext="{}">{}</math>').format(readable, inner)


def _expression(tree: Node) -> Any:
    if isinstance(tree, Var):
        return sympy.Symbol(tree.name)
    if isinstance(tree, Const):
        whole = tree.value == int(tree.value) and abs(tree.value) < 1e4
        return sympy.Integer(int(tree.value)) if whole else sympy.Float(f"{tree.value:.4g}", 4)
    build: Callable[..., Any] = OPERATORS[tree.op].sympy
    return build(sympy, *map(_expression, tree.args))


def _name(formula: Formula, name: str) -> str:
    """The left-hand side: L(y, p), or ℓ with player and images as its index."""
    if formula.form == "label":
        return "<mi>L</mi><mo>(</mo><mi>y</mi><mo>,</mo><mi>p</mi><mo>)</mo>"
    player, images = name.split("_")
    index = f"<mrow><mi>{player.upper()}</mi><mo>,</mo><mtext>{images}</mtext></mrow>"
    arguments = "<mi>d</mi><mo>,</mo><mi>m</mi>" if formula.is_relativistic else "<mi>d</mi>"
    return f"<msub><mi>ℓ</mi>{index}</msub><mo>(</mo>{arguments}<mo>)</mo>"
