"""Rank correlations of made-up trainings."""

import numpy as np
import pandas as pd
import pytest

from analysis.full_rank import tau
from analysis.full_training import log_table

LOSSES = list("abcdef")


def trainings(levels: list[float], seeds: int, spread: float) -> pd.DataFrame:
    stream = np.random.default_rng(1)
    return pd.DataFrame(
        [
            (loss, seed, float(np.exp(level + spread * stream.normal())))
            for loss, level in zip(LOSSES, levels, strict=True)
            for seed in range(seeds)
        ],
        columns=["loss", "seed", "fd"],
    )


def test_the_same_order_and_the_opposite_one() -> None:
    levels = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    proxy = log_table(trainings(levels, 60, 0.01), "fd")
    assert tau(proxy, log_table(trainings(levels, 5, 0.01), "fd")) == pytest.approx((1.0, 1.0, 1.0))
    assert tau(proxy, log_table(trainings(levels[::-1], 5, 0.01), "fd")) == pytest.approx((-1.0, -1.0, -1.0))


def test_noise_widens_the_interval() -> None:
    proxy = log_table(trainings([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 60, 0.01), "fd")
    _, low, high = tau(proxy, log_table(trainings([1.0] * 6, 5, 1.0), "fd"))
    assert low < 0 < high


def test_a_training_that_failed_leaves_the_rest_of_its_loss() -> None:
    proxy = log_table(trainings([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 5, 0.01), "fd")
    full = proxy.copy()
    full.iloc[0, 0] = np.nan
    assert tau(proxy, full)[0] == pytest.approx(1.0)
