from itertools import islice

import numpy as np
import pytest

from ganetic.loss.formula import Formula
from ganetic.loss.numeric import grid, respond, responses
from tests.loss.random_trees import logit_formulas


@pytest.mark.parametrize("relativistic", [False, True])
def test_the_grid_is_its_own_mirror_image(relativistic: bool) -> None:
    points = grid(relativistic)
    np.testing.assert_array_equal(points.flip(points.d), -points.d)
    np.testing.assert_array_equal(points.flip(points.m), -points.m)
    assert points.m.any() == relativistic
    assert np.abs(points.d).max() == 20


@pytest.mark.parametrize("relativistic", [False, True])
def test_axis_and_cross_lead_through_the_grid(relativistic: bool) -> None:
    points = grid(relativistic)
    assert (np.diff(points.d[points.axis]) > 0).all()
    assert not points.m[points.axis].any()
    across = points.m if relativistic else points.d
    np.testing.assert_array_equal(across[points.cross], points.d[points.axis])


def test_gradients_are_slopes() -> None:
    formula = Formula.from_text("d_real=mul(tanh(d), sin(m)); d_fake=softplus(sub(d, m)); g_fake=exp(mul(0.2, d))")
    points, slots = responses(formula)
    step = 1e-6
    for name, change in (("by_d", (step, 0.0)), ("by_m", (0.0, step))):
        above = respond(formula, points.d + change[0], points.m + change[1])
        below = respond(formula, points.d - change[0], points.m - change[1])
        for slot, response in slots.items():
            slope = (above[slot].value - below[slot].value) / (2 * step)
            np.testing.assert_allclose(getattr(response, name), slope, rtol=1e-6, atol=1e-7)


def test_the_batch_sum_moves_with_its_logits() -> None:
    formula = Formula.from_text("mul(y, s)")
    d = np.array([-1.0, 0.0, 2.0])
    response = respond(formula, d, np.zeros(3))["d_real"]
    np.testing.assert_allclose(response.value, 32 / (1 + np.exp(-d)))
    np.testing.assert_allclose(response.by_d, 32 / (2 + np.exp(d) + np.exp(-d)))


def test_nothing_raises_or_warns_on_random_formulas() -> None:
    for formula in islice(logit_formulas(4), 500):
        points, slots = responses(formula)
        assert all(response.value.shape == response.by_m.shape == points.d.shape for response in slots.values())


def test_an_m_without_effect_is_as_good_as_none() -> None:
    with_m = Formula.from_text("d_real=add(neg(d), mul(0, m)); d_fake=add(d, sub(m, m)); g_fake=neg(d)")
    without = Formula.from_text("d_real=neg(d); d_fake=d; g_fake=neg(d)")
    (points, slots), (other_points, others) = responses(with_m), responses(without)
    np.testing.assert_array_equal(points.d, other_points.d)
    for slot, response in slots.items():
        np.testing.assert_array_equal(response.by_d, others[slot].by_d)
