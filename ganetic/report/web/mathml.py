"""Losses as MathML, which browsers set and screen readers read.

It is made of the LaTeX that the table of operators gives, so that an operator of another package is set, too. sympy's
printer is not used: to build an expression there may take for ever (sixteen nested cubes of 9), and of one that it must
not evaluate it leaves out brackets: 1 - (s - m) becomes 1 - s - m.
"""

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from latex2mathml.converter import convert
from markupsafe import Markup

from ganetic.loss.formula import Formula

_NAMESPACE = ' xmlns="http://www.w3.org/1998/Math/MathML"'
_SIGMOID = "\u03c3"


def formula_mathml(formula: Formula) -> Markup:
    """Write a loss as it stands, without simplifying it: an equation for each expression.

    The protecting epsilons are left out, as in `Formula.readable`.
    """
    return Markup("\n").join(_equation(formula, name, text) for name, text in formula.latex.items())


def _equation(formula: Formula, name: str, latex: str) -> Markup:
    said = f"{_name(formula, name)} = {latex}"
    root = ET.fromstring(convert(said, display="block").replace(_NAMESPACE, "", 1))
    for row in root.iter():
        _bracket_powers(row)
    root.set("alttext", f"{name} = {formula.infix[name]}")
    return Markup(ET.tostring(root, encoding="unicode"))


def _bracket_powers(row: ET.Element) -> None:
    """Put brackets around a function with a power: log|x|², which stands for (log|x|)², would be read as log(x²)."""
    for name, power in list(_powers(row)):
        inner = ET.Element("mrow")
        inner.append(_bracket("(", "prefix"))
        inner.extend((name, power[0]))
        inner.append(_bracket(")", "postfix"))
        power[0] = inner
        row.remove(name)


def _powers(row: ET.Element) -> Iterator[tuple[ET.Element, ET.Element]]:
    """Names of functions with the power behind their argument."""
    for name, power in zip(list(row), list(row)[1:], strict=False):
        if _is_function(name) and power.tag == "msup" and len(power[0]) and power[0][0].get("fence") == "true":
            yield name, power


def _is_function(name: ET.Element) -> bool:
    text = name.text or ""
    return name.tag in ("mi", "mo") and (text == _SIGMOID or (len(text) > 1 and text.isalpha()))


def _bracket(mark: str, form: str) -> ET.Element:
    bracket = ET.Element("mo", {"stretchy": "true", "fence": "true", "form": form})
    bracket.text = mark
    return bracket


def _name(formula: Formula, name: str) -> str:
    """The left-hand side: L(y, p), or ℓ with player and images as its index."""
    if formula.form == "label":
        return "L(y, p)"
    player, images = name.split("_")
    return rf"\ell_{{{player.upper()}, \text{{{images}}}}}({'d, m' if formula.is_relativistic else 'd'})"
