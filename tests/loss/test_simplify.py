from itertools import islice

import pytest

from ganetic.loss.fingerprint import fingerprint
from ganetic.loss.formula import Formula
from ganetic.loss.gradient_equivalence import Original
from ganetic.loss.library import LIBRARY
from ganetic.loss.screen import screen
from ganetic.loss.simplify import reduce
from tests.loss.random_trees import label_formulas, logit_formulas

GANETIC = "add(cube(p), sqrt(mul(3.985, div(y, p))))"
BCE = "d_real=softplus(neg(d)); d_fake=softplus(d); g_fake=softplus(neg(d))"


@pytest.mark.parametrize(
    "planted",
    [
        "add({0}, mul(0, p))",
        "add(mul(p, 0), {0})",
        "div({0}, 1)",
        "square(sqrt({0}))",
        "exp(log({0}))",
        "add({0}, 7)",
        "sub({0}, y)",
        "mul({0}, 2.5)",
        "mul({0}, max(1, tanh(p)))",
        "mul({0}, add(1, tanh(exp(mul(p, 0.00001)))))",
        "add({0}, sub(sin(p), sin(p)))",
        "div(mul({0}, add(p, 2)), add(p, 2))",
        "add({0}, mul(1e-9, exp(p)))",
        "neg(neg({0}))",
        "max({0}, -50)",
        "add(add({0}, {0}), mul(y, cos(y)))",
    ],
)
def test_planted_redundancy_is_removed(planted: str) -> None:
    assert reduce(Formula.from_text(planted.format(GANETIC))).text == GANETIC


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("d_real=add(softplus(neg(d)), mul(0, m)); d_fake=add(softplus(d), sub(m, m)); g_fake=softplus(neg(d))", BCE),
        (
            "d_real=neg(d); d_fake=relu(add(d, 100)); g_fake=neg(add(d, sin(2)))",
            "d_real=neg(d); d_fake=d; g_fake=neg(d)",
        ),
    ],
)
def test_slots_are_reduced(text: str, expected: str) -> None:
    formula = Formula.from_text(text)
    reduced = reduce(formula)
    assert reduced.node_count < formula.node_count
    assert fingerprint(reduced) == fingerprint(formula)
    assert reduced.text == expected


@pytest.mark.parametrize("name", LIBRARY)
def test_published_losses_are_short_already(name: str) -> None:
    formula = LIBRARY[name].formula
    reduced = reduce(formula)
    # exp(d - 1) is exp(d) up to a factor, which G's gradient does not show.
    assert reduced == formula or name == "fgan-kl"


@pytest.mark.parametrize(
    "text",
    [
        "add(cube(p), sqrt(mul(3.985, div(y, add(p, 0.05)))))",
        "mul(add(1, mul(0.02, p)), add(cube(p), sqrt(mul(3.985, div(y, p)))))",
        "d_real=softplus(neg(d)); d_fake=softplus(d); g_fake=add(softplus(neg(d)), mul(0.02, sin(d)))",
    ],
)
def test_what_does_something_stays(text: str) -> None:
    formula = Formula.from_text(text)
    assert Original(formula).trains_like(reduce(formula))
    assert reduce(formula).node_count == formula.node_count


def test_orientation_is_kept() -> None:
    negated = Formula.from_text("d_real=add(d, 2); d_fake=neg(d); g_fake=mul(2, d)")
    reduced = reduce(negated)
    assert reduced.text == "d_real=d; d_fake=neg(d); g_fake=d"
    assert screen(reduced).orientation == screen(negated).orientation


def test_it_is_deterministic_and_stable() -> None:
    formula = Formula.from_text(f"add(mul({GANETIC}, add(1, mul(0, y))), div(p, add(1e9, y)))")
    reduced = reduce(formula)
    assert reduce(formula) == reduced
    assert reduce(reduced) == reduced


def test_random_losses_keep_how_they_train() -> None:
    formulas = [*islice(label_formulas(5, depths=(3, 4, 5)), 5), *islice(logit_formulas(5, depths=(2, 3)), 2)]
    saved = 0
    for formula in formulas:
        reduced = reduce(formula, seconds=0.2)
        assert fingerprint(reduced) == fingerprint(formula)
        assert screen(reduced).orientation == screen(formula).orientation
        saved += formula.node_count - reduced.node_count
    assert saved > 0
