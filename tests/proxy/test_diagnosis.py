import numpy as np
import pytest

from ganetic.metrics.diversity import Diversity
from ganetic.proxy.diagnosis import Ill, diagnose, learnt, vanished

REAL = Diversity(np.full(10, 0.1), 20.0)
MOVING = [0.2] * 20


def shares(*values: float) -> Diversity:
    return Diversity(np.array(values) / sum(values), 20.0)


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
    ("trace", "updates", "generated", "ill"),
    [
        ([900, 200, 60], MOVING, REAL, None),
        ([900, 60, 110], MOVING, REAL, None),
        ([900, 60, 130], MOVING, REAL, Ill.NON_CONVERGENCE),
        ([900, 880, 860], MOVING, REAL, Ill.LEARNT_NOTHING),
        ([900, 880, 860], MOVING, shares(1, 0, 0, 0, 0, 0, 0, 0, 0, 0), Ill.LEARNT_NOTHING),
        ([900, 880, 860], [1e-4] * 20, REAL, Ill.VANISHING_GRADIENT),
        ([900, 200, 60], [1e-4] * 20, REAL, None),
        ([900, 300, 890], MOVING, shares(1, 0, 0, 0, 0, 0, 0, 0, 0, 0), Ill.MODE_COLLAPSE),
        ([900, 480, 880], MOVING, REAL, Ill.NON_CONVERGENCE),
        ([900, 200, 60], MOVING, shares(1, 1, 1, 0, 0, 0, 0, 0, 0, 0), Ill.MODE_COLLAPSE),
        ([900, 200, 60], [0.0] * 20, REAL, Ill.VANISHING_GRADIENT),
        ([900, 900, 900], [0.0] * 20, REAL, Ill.VANISHING_GRADIENT),
    ],
)
def test_the_ill_is_named(trace: list[float], updates: list[float], generated: Diversity, ill: Ill | None) -> None:
    points = [(100 * k, float(fd)) for k, fd in enumerate(trace)]
    assert diagnose(points, 2.3, updates, generated, REAL) == ill
