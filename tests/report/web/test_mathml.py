"""Formulas as browsers set them: read back here by their structure, brackets among them."""

from xml.etree.ElementTree import Element, fromstring

import pytest

from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.report.web.mathml import formula_mathml


def read(element: Element) -> str:
    """Write what is seen in one line, fractions and powers with marks of their own."""
    parts = [read(child) for child in element]
    match element.tag:
        case "mfrac":
            return f"[{parts[0]}/{parts[1]}]"
        case "msup":
            return f"{parts[0]}^{parts[1]}"
        case "msqrt":
            return f"√[{''.join(parts)}]"
        case "msub":
            return f"{parts[0]}_{parts[1]}"
        case _:
            return (element.text or "").strip() + "".join(parts)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("add(cube(p), sqrt(mul(3.985, div(y, p))))", "L(y,p)=p^3+√[|3.985[y/p]|]"),
        ("sub(1, sub(sigmoid(p), p))", "L(y,p)=1−(σ(p)−p)"),
        ("mul(p, neg(y))", "L(y,p)=p(−y)"),
        ("square(log(div(neg(p), y)))", "L(y,p)=(log|[−p/y]|)^2"),
        ("log(square(p))", "L(y,p)=log|p^2|"),
        ("cube(tanh(square(sigmoid(p))))", "L(y,p)=(tanh((σ(p))^2))^3"),
        ("exp(neg(square(sub(y, p))))", "L(y,p)=e^−(y−p)^2"),
        ("mul(2e-9, p)", "L(y,p)=2·10^−9p"),
    ],
)
def test_a_formula_is_set_as_it_stands(text: str, seen: str) -> None:
    assert read(fromstring(formula_mathml(Formula.from_text(text)))) == seen


def test_every_slot_has_an_equation() -> None:
    said = formula_mathml(LIBRARY["relativistic-hinge"].formula).split("\n")
    assert [read(fromstring(one)) for one in said] == [
        "ℓ_D,real(d,m)=max(0,1−(d−m))",
        "ℓ_D,fake(d,m)=max(0,1+d−m)",
        "ℓ_G,fake(d,m)=max(0,1−(d−m))",
        "ℓ_G,real(d,m)=max(0,1+d−m)",
    ]


@pytest.mark.parametrize("name", LIBRARY)
def test_published_losses_are_set_without_a_hyphen(name: str) -> None:
    said = formula_mathml(LIBRARY[name].formula)
    assert "-" not in "".join(fromstring(f"<div>{said}</div>").itertext())


def test_a_formula_that_sympy_would_blow_up_is_set() -> None:
    deep = "cube(" * 16 + "mul(9, p)" + ")" * 16
    assert formula_mathml(Formula.from_text(deep)).count("<msup>") == 16
