from collections import Counter
from itertools import islice

import pytest

from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.loss.screen import Orientation, Rejection, generator_gradient_scale, gradient_scale, screen
from tests.loss.random_trees import label_formulas, logit_formulas

GANETIC = "add(cube(p), sqrt(mul(3.985, div(y, p))))"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("d_real=0; d_fake=0; g_fake=0", Rejection.NO_GRADIENT),
        ("0", Rejection.NO_GRADIENT),
        ("3.5", Rejection.NO_GRADIENT),
        ("mul(0, p)", Rejection.NO_GRADIENT),
        ("mul(y, 3)", Rejection.NO_GRADIENT),
        ("mul(1e-12, p)", Rejection.NO_GRADIENT),
        ("mul(y, p)", Rejection.NO_GRADIENT),
        ("d_real=neg(d); d_fake=d; g_fake=5", Rejection.NO_GRADIENT),
        ("cube(p)", Rejection.NO_SEPARATION),
        ("add(y, p)", Rejection.NO_SEPARATION),
        ("d_real=sin(d); d_fake=neg(sin(d)); g_fake=neg(d)", Rejection.NO_SEPARATION),
        ("d_real=neg(d); d_fake=d; g_fake=d", Rejection.WRONG_DIRECTION),
        ("d_real=softplus(neg(d)); d_fake=softplus(d); g_fake=neg(softplus(neg(d)))", Rejection.WRONG_DIRECTION),
        ("d_real=softplus(neg(d)); d_fake=softplus(d); g_fake=neg(softplus(d))", Rejection.VANISHING),
        ("square(sub(p, y))", Rejection.VANISHING),
        ("d_real=cube(cube(cube(cube(cube(d))))); d_fake=d; g_fake=d", Rejection.NON_FINITE),
    ],
)
def test_what_cannot_train_is_rejected_with_its_reason(text: str, reason: Rejection) -> None:
    verdict = screen(Formula.from_text(text))
    assert (verdict.passed, verdict.reason) == (False, reason)


@pytest.mark.parametrize(
    "text",
    [
        GANETIC,
        f"add({GANETIC}, 7)",
        f"mul(0.01, {GANETIC})",
        "div(sub(1.6, mul(p, log(y))), sqrt(sqrt(p)))",
        "d_real=neg(d); d_fake=d; g_fake=neg(d)",
    ],
)
def test_what_can_train_passes(text: str) -> None:
    verdict = screen(Formula.from_text(text))
    assert (verdict.passed, verdict.reason, verdict.orientation) == (True, None, Orientation.REAL_ABOVE_FAKE)


@pytest.mark.parametrize(
    "text",
    [
        "d_real=d; d_fake=neg(d); g_fake=d",
        "d_real=softplus(d); d_fake=softplus(neg(d)); g_fake=softplus(d)",
        "d_real=relu(add(1, sub(d, m))); d_fake=relu(sub(1, sub(d, m))); "
        "g_fake=relu(add(1, sub(d, m))); g_real=relu(sub(1, sub(d, m)))",
    ],
)
def test_the_other_orientation_is_found_and_accepted(text: str) -> None:
    verdict = screen(Formula.from_text(text))
    assert verdict.passed
    assert verdict.orientation is Orientation.FAKE_ABOVE_REAL


def test_the_orientation_is_known_also_for_losses_that_fail_later() -> None:
    assert screen(LIBRARY["bce-minimax"].formula).orientation is Orientation.REAL_ABOVE_FAKE


def test_the_vanishing_bound_is_an_option() -> None:
    least_squares = Formula.from_text("square(sub(p, y))")
    assert not screen(least_squares).passed
    assert screen(least_squares, vanishing_bound=0.01).passed


WITHOUT_ORIENTATION = (Rejection.NON_FINITE, Rejection.NO_GRADIENT, Rejection.NO_SEPARATION)


def test_random_formulas_get_a_verdict_and_few_pass() -> None:
    reasons = Counter(screen(formula).reason for formula in islice(label_formulas(11), 1500))
    assert set(reasons) > {Rejection.NO_GRADIENT, Rejection.NO_SEPARATION, Rejection.WRONG_DIRECTION}
    assert 0 < reasons[None] < 0.05 * reasons.total()
    verdicts = [screen(formula) for formula in islice(logit_formulas(11), 300)]
    assert {verdict.reason for verdict in verdicts} == {None, *Rejection}
    assert 0 < sum(verdict.passed for verdict in verdicts) < 0.2 * len(verdicts)
    for verdict in verdicts:
        assert verdict.passed == (verdict.reason is None)
        assert verdict.orientation or verdict.reason in WITHOUT_ORIENTATION


def test_the_generator_s_gradient_scale_follows_its_own_loss() -> None:
    wasserstein = LIBRARY["wasserstein"].formula
    assert generator_gradient_scale(wasserstein) == pytest.approx(0.5**0.5)
    ten = Formula.from_text("d_real=neg(d); d_fake=d; g_fake=mul(-10, d)")
    assert generator_gradient_scale(ten) == pytest.approx(10 * 0.5**0.5)
    assert gradient_scale(ten) == gradient_scale(wasserstein)
    assert generator_gradient_scale(Formula.from_text("d_real=neg(d); d_fake=d; g_fake=5")) == 0


@pytest.mark.parametrize("name", ["bce", "wasserstein", "exponential", "relativistic-hinge"])
def test_a_generator_that_wants_the_opposite_of_d_has_the_scale_of_d(name: str) -> None:
    formula = LIBRARY[name].formula
    assert generator_gradient_scale(formula) == pytest.approx(gradient_scale(formula))


def test_gradient_scale() -> None:
    wasserstein = LIBRARY["wasserstein"].formula
    once, thrice = (
        gradient_scale(wasserstein),
        gradient_scale(Formula.from_text("d_real=mul(-3, d); d_fake=mul(3, d); g_fake=neg(d)")),
    )
    assert thrice == pytest.approx(3 * once)
