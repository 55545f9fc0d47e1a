from itertools import islice

import pytest

from ganetic.errors import UserError
from ganetic.loss.expression import to_text
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from tests.loss.random_trees import label_formulas, logit_formulas


def test_the_label_form_fills_its_slots() -> None:
    formula = Formula.from_text(" mul(y, log(p)) ")
    assert formula.text == "mul(y, log(p))"
    slots = {slot: to_text(tree) for slot, tree in formula.slots.items()}
    assert slots == {"d_real": "mul(1, log(p))", "d_fake": "mul(0, log(p))", "g_fake": "mul(1, log(p))"}


def test_the_logit_form_reads_slots_in_any_order() -> None:
    formula = Formula.from_text("g_fake = neg(d); d_fake=d ;d_real=neg(d)")
    assert formula.text == "d_real=neg(d); d_fake=d; g_fake=neg(d)"
    assert formula == LIBRARY["wasserstein"].formula
    assert formula.node_count == 5


def test_text_says_all() -> None:
    for formula in (*islice(label_formulas(2), 200), *islice(logit_formulas(2), 200)):
        again = Formula.from_text(formula.text)
        assert again == formula
        assert again.slots == formula.slots
        assert Formula.of(again.form, again.expressions) == formula


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("neg(d)", 'unknown variable "d"'),
        ("d_real=neg(d); d_fake=d", 'needs the expression "g_fake"'),
        ("d_real=p; d_fake=d; g_fake=d", 'unknown variable "p"'),
        ("d_real=d; d_fake=d; g_fake=d; g_reel=d", 'did you mean "g_real"'),
        ("d_real=d; d_real=d", "given twice"),
        ("d_real=d; d_fake", "not of the form slot=expression"),
        ("d_real=d; d_fake=d; g_fake=d;", "not of the form slot=expression"),
        ("", "ends too early"),
        ("mul(p, cube(cube(cube(cube(cube(div(1e9, sub(y, 1))))))))", "y = 1"),
    ],
)
def test_what_is_no_loss_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint) as caught:
        Formula.from_text(text)
    assert "\n" not in str(caught.value)


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(UserError, match='unknown form "labels"'):
        Formula.of("labels", {"loss": "p"})  # type: ignore[arg-type]


def test_readable() -> None:
    assert LIBRARY["ganetic"].formula.readable == "p³ + sqrt(3.985·y/p)"
    assert LIBRARY["wasserstein"].formula.readable == "d_real = -d; d_fake = d; g_fake = -d"
