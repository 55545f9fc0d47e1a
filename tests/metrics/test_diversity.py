import numpy as np
import pytest
import torch

from ganetic.metrics.diversity import Diversity, collapsed, covered, divergence, missing

REAL = Diversity(np.full(10, 0.1), 20.0)


def shares(*values: float) -> Diversity:
    return Diversity(np.array(values) / sum(values), 20.0)


def test_diversity_of_features() -> None:
    features = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]])
    found = Diversity.of(features, torch.tensor([0, 2, 2]), 4)
    assert found.spread == pytest.approx(10 / 3)
    assert found.shares is not None
    assert found.shares == pytest.approx([1 / 3, 0, 2 / 3, 0])
    assert Diversity.of(features, None, 0).shares is None


def test_collapse_by_classes() -> None:
    assert not collapsed(REAL, REAL)
    assert not collapsed(shares(1, 1, 1, 1, 1, 1, 1, 1, 0, 0), REAL)  # eight of ten classes
    assert collapsed(shares(1, 1, 1, 1, 1, 1, 1, 0, 0, 0), REAL)
    assert collapsed(shares(*[2] * 9, 80 * 3), REAL)  # all classes, but nearly all images of one
    assert not collapsed(Diversity(None, 20.0), REAL)


def test_collapse_is_measured_against_the_real_classes() -> None:
    uneven = Diversity(np.array([0.8, 0.2, 0.0]), 20.0)
    assert not collapsed(Diversity(np.array([0.82, 0.18, 0.0]), 20.0), uneven)
    assert collapsed(Diversity(np.array([1.0, 0.0, 0.0]), 20.0), uneven)
    assert collapsed(Diversity(np.array([0.6, 0.1, 0.3]), 20.0), uneven)


def test_collapse_by_distance() -> None:
    assert not collapsed(Diversity(REAL.shares, 5.1), REAL)
    assert collapsed(Diversity(REAL.shares, 4.9), REAL)
    assert collapsed(Diversity(REAL.shares, float("nan")), REAL)


def test_coverage_counts_the_classes_that_occur() -> None:
    real = np.array([0.5, 0.3, 0.195, 0.005])
    assert covered(np.array([0.5, 0.485, 0.01, 0.005]), real) == 1
    assert covered(np.array([0.5, 0.491, 0.009, 0.0]), real) == pytest.approx(2 / 3)
    assert covered(np.array([0.0, 0.0, 0.0, 1.0]), real) == 0


def test_hundreds_of_classes_need_not_have_one_percent_each() -> None:
    real = np.full(200, 1 / 200)
    assert covered(real, real) == 1
    assert covered(np.repeat([0.01, 0.0], 100), real) == 0.5


def test_missing_classes_count_by_how_common_they_are() -> None:
    real = np.array([0.5, 0.3, 0.1, 0.1])
    assert missing(real, real) == 0
    assert missing(np.array([0.9, 0.0, 0.08, 0.02]), real) == pytest.approx(0.4)
    assert missing(np.array([0.53, 0.35, 0.12, 0.0]), real) == pytest.approx(0.1)


def test_divergence_is_kullback_s() -> None:
    half, skewed = np.array([0.5, 0.5]), np.array([0.75, 0.25])
    assert divergence(half, half) == 0
    assert divergence(skewed, half) == pytest.approx(0.75 * np.log(1.5) + 0.25 * np.log(0.5))
    assert divergence(np.array([1.0, 0.0]), half) == pytest.approx(np.log(2))
    assert divergence(np.array([0.5, 0.5]), np.array([1.0, 0.0])) == pytest.approx(
        0.5 * np.log(0.5) + 0.5 * np.log(500)
    )
