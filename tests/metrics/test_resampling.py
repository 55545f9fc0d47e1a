from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from ganetic.metrics.frechet import FeatureStatistics
from ganetic.metrics.resampling import half_sample_error, interval


def test_of_a_mean_it_is_the_standard_error() -> None:
    values = torch.randn(400, generator=torch.Generator().manual_seed(0))
    found = half_sample_error(lambda members: float(values[members].mean()), 400, "mean", 2000)
    assert found == pytest.approx(float(values.std()) / 20, rel=0.05)


def test_intervals_cover_the_expected_frechet_distance_at_this_size() -> None:
    random = np.random.default_rng(0)

    def cloud(shift: float) -> Tensor:
        return torch.tensor(random.normal(shift, 1, (120, 8)))

    real = FeatureStatistics.of(cloud(0))
    expected = np.mean([real.distance_to(cloud(0.3)) for _ in range(400)])
    covering = 0
    for _ in range(100):
        found = cloud(0.3)
        error = half_sample_error(partial(distance_of_part, real, found), 120, "fd", 40)
        low, high = interval(real.distance_to(found), error, 40)
        covering += int(low <= expected <= high)
    assert covering >= 90


def distance_of_part(real: FeatureStatistics, found: Tensor, part: Tensor) -> float:
    return real.distance_to(found[part])


def test_the_same_name_draws_the_same_halves() -> None:
    def drawn(name: str) -> list[list[int]]:
        seen: list[list[int]] = []

        def record(members: Tensor) -> float:
            seen.append(members.tolist())
            return 0.0

        half_sample_error(record, 9, name, 3)
        return seen

    assert drawn("a") == drawn("a") != drawn("b")
    assert all(len(half) == len(set(half)) == 4 for half in drawn("a"))


def test_intervals_stay_within_what_is_possible() -> None:
    low, high = interval(0.98, 0.1, least=0, most=1)
    assert low == pytest.approx(0.7816, abs=1e-3)
    assert high == 1
    assert interval(0.5, 0.0) == (0.5, 0.5)
