import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganetic.metrics.fitness import SeedTrace, fitness
from tests.reference import stability_numpy

values = st.lists(st.floats(0.5, 2000), min_size=1, max_size=12)
seeds = st.lists(st.tuples(st.booleans(), values), min_size=1, max_size=6)


@given(seeds)
def test_agrees_with_the_independent_reference(raw: list[tuple[bool, list[float]]]) -> None:
    traces = [(failed, [(100 * k, fd) for k, fd in enumerate(points)]) for failed, points in raw]
    expected = stability_numpy.fitness(traces, 900.0, 2.3)
    found = fitness([SeedTrace(failed, tuple(points)) for failed, points in traces], 900.0, 2.3)
    assert found.fd == pytest.approx(expected[0], rel=1e-12)
    assert found.instability == pytest.approx(expected[1], rel=1e-9, abs=1e-9)
    assert found.failed == expected[2]


def trace(*fds: float) -> SeedTrace:
    return SeedTrace(False, tuple((100 * k, fd) for k, fd in enumerate(fds)))


def test_each_part_alone() -> None:
    smooth = trace(900, 300, 100, 60, 50)
    assert fitness([smooth] * 3, 900, 2.3).instability == 0
    assert fitness([smooth] * 3, 900, 2.3).fd == pytest.approx(50)
    spread = fitness([trace(900, 200, 50), trace(900, 200, 50 * math.e)], 900, 2.3)
    assert spread.instability == pytest.approx(math.sqrt(0.5))
    assert spread.fd == pytest.approx(50 * math.sqrt(math.e))
    # One rise, early: only the loss against the best counts, and nothing when the end is the best.
    assert fitness([trace(900, 100, 200, 50, 40)], 900, 2.3).instability == 0
    # The last of two late moves is a rise by ln 2: ln(final/best) + rms(0, ln 2).
    late = fitness([trace(900, 100, 50, 40, 80)], 900, 2.3)
    assert late.instability == pytest.approx(math.log(2) + math.log(2) / math.sqrt(2))
    failing = fitness([smooth, smooth, SeedTrace(True, ())], 900, 2.3)
    assert failing.instability == pytest.approx(math.log(900 / 2.3) / 3)
    assert failing.fd == pytest.approx((50 * 50 * 900) ** (1 / 3))
    assert failing.failed == 1


def test_doing_nothing_is_never_stable() -> None:
    nothing = fitness([SeedTrace(True, ((0, 900.0), (400, 900.0)))] * 3, 900, 2.3)
    wobbly = fitness([trace(900, 80, 60, 90, 70), trace(900, 90, 50, 60, 120), trace(900, 70, 80, 60, 60)], 900, 2.3)
    assert nothing.fd == pytest.approx(900)
    assert nothing.instability == pytest.approx(math.log(900 / 2.3))
    assert wobbly.instability < nothing.instability
    assert wobbly.fd < nothing.fd


@pytest.mark.parametrize("points", [(), ((0, math.nan),), ((0, 0.0),), ((0, math.inf), (1, 2.0))])
def test_a_number_that_could_win_is_refused(points: tuple[tuple[int, float], ...]) -> None:
    with pytest.raises(ValueError, match="did not fail"):
        fitness([SeedTrace(False, points)], 900, 2.3)


def test_bounds_out_of_order_are_refused() -> None:
    for start, floor in ((2.3, 900), (900, 0), (math.nan, 2), (900, math.nan)):
        with pytest.raises(ValueError, match="between floor"):
            fitness([trace(900, 50)], start, floor)
    with pytest.raises(ValueError, match="0 traces"):
        fitness([], 900, 2.3)


def test_swings_are_read_from_the_trained_generator_where_fd_is_of_an_averaged_one() -> None:
    averaged, swinging = trace(900, 300, 100, 60, 50), trace(900, 100, 50, 40, 80)
    both = SeedTrace(False, averaged.points, swinging.points)
    found = fitness([both] * 3, 900, 2.3)
    assert found.fd == pytest.approx(50)
    assert found.instability == fitness([swinging] * 3, 900, 2.3).instability > 1
    assert both.until(200) == SeedTrace(False, averaged.points[:3], swinging.points[:3])
    assert both.until(400) is both
