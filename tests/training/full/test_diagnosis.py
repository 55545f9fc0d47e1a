import numpy as np
import pytest

from ganetic.metrics.diversity import Diversity
from ganetic.training.diagnosis import PATIENCE, failure_so_far, has_failed
from ganetic.training.failure_modes import FailureMode

REAL = Diversity(np.full(10, 0.1), 20.0)
GOOD = Diversity(np.full(10, 0.1), 18.0)
ONE_CLASS = Diversity(np.eye(10)[0], 18.0)
MOVING, STILL = [0.5] * 10, [1e-9] * 10


@pytest.mark.parametrize(
    ("trace", "updates", "generated", "failure"),
    [
        ([900, 300, 100], MOVING, GOOD, None),
        ([900, 300, 100], MOVING, ONE_CLASS, FailureMode.MODE_COLLAPSE),
        ([900, 300, 100], STILL, GOOD, FailureMode.VANISHING_GRADIENT),
        ([900, 100, 300], MOVING, GOOD, FailureMode.NON_CONVERGENCE),
        ([900, 890, 880], MOVING, ONE_CLASS, FailureMode.LEARNT_NOTHING),
    ],
)
def test_each_ill_is_named(
    trace: list[float], updates: list[float], generated: Diversity, failure: FailureMode | None
) -> None:
    points = [(100 * place, fd) for place, fd in enumerate(trace)]
    assert failure_so_far(points, 1000, 2.0, updates, generated, REAL) is failure


@pytest.mark.parametrize(("updates", "failure"), [(MOVING, None), (STILL, FailureMode.VANISHING_GRADIENT)])
def test_in_the_first_tenth_only_a_vanished_gradient_is_a_failure(
    updates: list[float], failure: FailureMode | None
) -> None:
    assert failure_so_far([(0, 900.0), (100, 890.0)], 1000, 2.0, updates, ONE_CLASS, REAL) is failure


@pytest.mark.parametrize(("updates", "failure"), [(MOVING, None), (STILL, FailureMode.VANISHING_GRADIENT)])
@pytest.mark.parametrize("floor_fd", [900.0, 1000.0])
def test_where_distances_tell_nothing_only_a_vanished_gradient_is_a_failure(
    floor_fd: float, updates: list[float], failure: FailureMode | None
) -> None:
    assert failure_so_far([(0, 900.0), (500, 950.0)], 1000, floor_fd, updates, ONE_CLASS, REAL) is failure


def test_a_training_has_failed_when_the_last_three_measurements_say_so() -> None:
    collapse = "mode_collapse"
    assert PATIENCE == 3
    assert not has_failed([collapse, collapse])
    assert not has_failed([collapse, collapse, collapse, None])
    assert not has_failed([collapse, None, collapse])
    assert has_failed([None, collapse, "non_convergence", collapse])
