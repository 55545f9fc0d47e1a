import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from ganetic.metrics.frechet import FeatureStatistics, mean_and_covariance
from tests.reference import frechet_scipy


def cloud(seed: int, count: int, dimensions: int, shift: float = 0.0) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    return random.normal(size=(count, dimensions)) @ random.normal(size=(dimensions, dimensions)) + shift


def ours(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    return FeatureStatistics.of(torch.tensor(first)).distance_to(torch.tensor(second))


@pytest.mark.parametrize(("count", "dimensions"), [(100, 1), (300, 8), (2000, 64), (600, 256)])
def test_agrees_with_torch_fidelity_on_the_same_features(count: int, dimensions: int) -> None:
    first, second = cloud(1, count, dimensions), cloud(2, count, dimensions, 0.3)
    if dimensions == 1:
        first, second = np.repeat(first, 2, 1), np.repeat(second, 2, 1)
        first[:, 1] += cloud(3, count, 1)[:, 0]
        second[:, 1] += cloud(4, count, 1)[:, 0]
    statistics = [fid_features_to_statistics(torch.tensor(features)) for features in (first, second)]
    theirs = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    assert ours(first, second) == pytest.approx(theirs, rel=1e-6)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**6), st.integers(2, 12), st.floats(-5, 5))
def test_agrees_with_a_matrix_square_root(seed: int, dimensions: int, shift: float) -> None:
    first, second = cloud(seed, 50, dimensions), cloud(seed + 1, 40, dimensions, shift)
    assert ours(first, second) == pytest.approx(frechet_scipy.frechet_distance(first, second), rel=1e-8)


def test_it_is_symmetric() -> None:
    first, second = cloud(1, 200, 5), cloud(2, 200, 5, 1.0)
    assert ours(second, first) == pytest.approx(ours(first, second), rel=1e-9)


def test_known_values() -> None:
    white = np.sqrt(2.5) * np.concatenate((np.eye(3), -np.eye(3)))  # of mean 0, its unbiased covariance the identity
    assert ours(white, white) == pytest.approx(0, abs=1e-12)
    assert ours(white, white + np.array([3.0, 4.0, 0.0])) == pytest.approx(25)
    assert ours(white, 2 * white) == pytest.approx(3)  # 3·(1 + 4 − 2·2)


def test_singular_covariances_are_finite() -> None:
    features = cloud(1, 200, 6)
    features[:, 3:] = 0
    same = np.ones((200, 6))
    away = ((features.mean(0) - 1) ** 2).sum() + np.cov(features, rowvar=False).trace()
    assert ours(features, same) == pytest.approx(away, rel=1e-9)
    assert ours(same, same) == 0
    assert np.isfinite(ours(cloud(1, 10, 64), cloud(2, 10, 64)))


def test_float32_features_are_summed_in_float64() -> None:
    features = torch.tensor(cloud(1, 500, 4), dtype=torch.float32) + 4096
    mean, covariance = mean_and_covariance(features)
    assert mean.dtype == covariance.dtype == torch.float64
    assert np.allclose(covariance.numpy(), np.cov(features.double().numpy(), rowvar=False), rtol=1e-12)


def test_features_that_are_not_finite_have_no_finite_distance() -> None:
    statistics = FeatureStatistics.of(torch.tensor(cloud(1, 50, 4)))
    assert np.isnan(statistics.distance_to(torch.full((50, 4), torch.inf)))
    assert np.isnan(statistics.distance_to(torch.full((50, 4), torch.nan)))
