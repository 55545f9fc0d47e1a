from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganetic.evolution.space import load_space
from ganetic.loss.expression import node_count
from ganetic.loss.fingerprint import fingerprint
from ganetic.loss.formula import Formula
from ganetic.loss.numeric import along, grid, responses
from ganetic.loss.screen import screen
from tests.analysis.scripts import script

curves: Any = script("curves")
HEIGHTS = st.lists(st.floats(-3, 3), min_size=len(curves.KNOTS), max_size=len(curves.KNOTS))


def gradient(text: str) -> tuple[Any, Any]:
    """d on the axis, and the derivative there of an expression over d."""
    points, slots = responses(Formula.of("logit", dict.fromkeys(curves.CURVES, text)))
    axis = along(points.d, points.m, 8.0)
    return points.d[axis], slots["d_real"].by_d[axis]


@given(HEIGHTS)
def test_a_curve_is_the_derivative_of_its_formula(heights: list[float]) -> None:
    d, found = gradient(curves.integral(heights, "d"))
    # Constants have four digits, of which the last moves the far end by up to a few hundredths.
    np.testing.assert_allclose(found, np.interp(d, curves.KNOTS, heights), atol=0.05)


def test_the_generator_s_gradient_on_real_images_is_the_mirrored_one() -> None:
    formula = curves.formula_of(curves.START)
    assert screen(formula).passed
    assert formula.is_relativistic
    points = grid(True)
    _, slots = responses(formula)
    axis = along(points.d, points.m, 4.0)
    np.testing.assert_allclose(slots["g_real"].by_d[axis], -slots["g_fake"].by_d[axis][::-1], atol=1e-6)


def test_a_fit_is_small_and_close() -> None:
    space = load_space("logit").model_copy(update={"genes": None})
    error, text = curves.Fit([0.018, 0.119, 0.269, 0.5, 0.731, 0.881, 0.982], space).run(0)
    assert error < 0.05
    formula = Formula.of("logit", dict.fromkeys(curves.CURVES, text))
    assert node_count(formula.trees["d_real"]) <= curves.MOST_NODES + 2
    d, found = gradient(text)
    inner = np.abs(d) <= 4
    assert np.sqrt(np.mean((found - 1 / (1 + np.exp(-d)))[inner] ** 2)) < 0.08


@pytest.mark.parametrize("text", ["mul(-1.9,relu(sub(d,3.2)))", "add(d,abs(d))"])
def test_a_fit_is_lifted_above_the_other_batch(text: str) -> None:
    assert curves.above(text) == text.replace("d,", "sub(d, m),").replace("(d)", "(sub(d, m))")


def test_other_heights_are_other_losses() -> None:
    other = [*curves.START[:-1], 0.5]
    assert fingerprint(curves.formula_of(other)) != fingerprint(curves.formula_of(curves.START))
