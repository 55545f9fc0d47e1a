import numpy as np
import pytest

from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.plots.loss import curves, draw_loss


def test_curves_of_bce() -> None:
    found = curves(LIBRARY["bce"].formula)
    d = found["d_real"].d
    # Derivative of softplus(-d), and its rms over both slots of D on |d| <= 2.
    gradient = -1 / (1 + np.exp(d))
    near = np.abs(d) <= 2
    scale = np.sqrt(np.mean(gradient[near] ** 2))
    np.testing.assert_allclose(found["d_real"].gradient, gradient / scale, rtol=1e-9)
    np.testing.assert_allclose(found["d_real"].value, (np.log1p(np.exp(-d)) - np.log(2)) / scale, rtol=1e-9, atol=1e-12)


def test_scale_does_not_show() -> None:
    plain, scaled = (curves(Formula.from_text(f"mul({factor}, square(sub(p, y)))")) for factor in ("1", "250"))
    np.testing.assert_allclose(plain["g_fake"].gradient, scaled["g_fake"].gradient, rtol=1e-9)


def test_a_loss_that_puts_fakes_above_reals_is_mirrored() -> None:
    upright = curves(Formula.from_text("d_real=neg(d); d_fake=d; g_fake=neg(d)"))
    mirrored = curves(Formula.from_text("d_real=d; d_fake=neg(d); g_fake=d"))
    for slot, curve in upright.items():
        np.testing.assert_allclose(mirrored[slot].value, curve.value)
        np.testing.assert_allclose(mirrored[slot].gradient, curve.gradient)


@pytest.mark.parametrize("name", LIBRARY)
def test_every_published_loss_can_be_drawn(name: str) -> None:
    formula = LIBRARY[name].formula
    figure = draw_loss(formula, name)
    assert len(figure.axes) == 2 * len(formula.slots) + 1
    figure.draw_without_rendering()


def test_the_note_says_that_a_loss_was_mirrored() -> None:
    figure = draw_loss(Formula.from_text("d_real=d; d_fake=neg(d); g_fake=d"), "#7")
    assert "#7 puts generated images above real ones" in figure.axes[-1].texts[0].get_text()
