import pytest

from ganetic.training.failure_modes import FailureMode, diagnose, learnt, vanished

MOVING = [0.2] * 20


def test_vanished() -> None:
    assert not vanished([])
    assert not vanished([1e-3] * 9 + [0.0])
    assert vanished([1e-3] * 8 + [0.0, 9e-7])
    assert vanished([float("nan")] * 3)


def test_learnt_is_the_share_of_the_way_in_logarithms() -> None:
    assert learnt(900, 900, 9) == 0
    assert learnt(900, 90, 9) == pytest.approx(0.5)
    assert learnt(900, 9, 9) == pytest.approx(1)


@pytest.mark.parametrize(
    ("trace", "updates", "is_collapsed", "failure"),
    [
        ([900, 200, 60], MOVING, False, None),
        ([900, 60, 110], MOVING, False, None),
        ([900, 60, 130], MOVING, False, FailureMode.NON_CONVERGENCE),
        ([900, 880, 860], MOVING, False, FailureMode.LEARNT_NOTHING),
        ([900, 880, 860], MOVING, True, FailureMode.LEARNT_NOTHING),
        ([900, 880, 860], [1e-4] * 20, False, FailureMode.VANISHING_GRADIENT),
        ([900, 200, 60], [1e-4] * 20, False, None),
        ([900, 300, 890], MOVING, True, FailureMode.MODE_COLLAPSE),
        ([900, 480, 880], MOVING, False, FailureMode.NON_CONVERGENCE),
        ([900, 200, 60], MOVING, True, FailureMode.MODE_COLLAPSE),
        ([900, 200, 60], [0.0] * 20, False, FailureMode.VANISHING_GRADIENT),
        ([900, 900, 900], [0.0] * 20, False, FailureMode.VANISHING_GRADIENT),
    ],
)
def test_the_ill_is_named(
    trace: list[float], updates: list[float], is_collapsed: bool, failure: FailureMode | None
) -> None:
    points = [(100 * k, float(fd)) for k, fd in enumerate(trace)]
    assert diagnose(points, 2.3, updates, is_collapsed) == failure
