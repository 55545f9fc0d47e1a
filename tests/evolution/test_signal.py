import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from ganetic.evolution.signal import Table, rank_correlation, seed_reliability, spread


def planted(rng: np.random.Generator, losses: int, seeds: int, signal: float, seed: float, noise: float) -> Table:
    return (
        rng.normal(scale=signal, size=(losses, 1))
        + rng.normal(scale=seed, size=(1, seeds))
        + rng.normal(scale=noise, size=(losses, seeds))
    )


def analysis_of_variance(table: Table) -> tuple[float, float, float]:
    """The textbook's sums for a table without gaps: variances of losses' means, residual and within losses."""
    losses, seeds = table.shape
    grand, rows, columns = table.mean(), table.mean(axis=1), table.mean(axis=0)
    within = sum((table[i, j] - rows[i]) ** 2 for i in range(losses) for j in range(seeds))
    residual = sum((table[i, j] - rows[i] - columns[j] + grand) ** 2 for i in range(losses) for j in range(seeds))
    between = sum((row - grand) ** 2 for row in rows) / (losses - 1)
    return between, residual / ((losses - 1) * (seeds - 1)), within / (losses * (seeds - 1))


@settings(deadline=None)
@given(st.integers(2, 8), st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_agrees_with_the_textbook_where_nothing_is_missing(losses: int, seeds: int, entropy: int) -> None:
    table = planted(np.random.default_rng(entropy), losses, seeds, 0.3, 0.2, 0.1)
    between, residual, within = analysis_of_variance(table)
    found = spread(table)
    assert found.noise_sd**2 == pytest.approx(residual, rel=1e-9)
    assert found.seed_sd**2 == pytest.approx(within, rel=1e-9)
    assert found.signal_sd**2 == pytest.approx(max(0.0, between - residual / seeds), rel=1e-6, abs=1e-12)


def test_finds_what_was_planted() -> None:
    rng = np.random.default_rng(0)
    found = [spread(planted(rng, 12, 6, 0.3, 0.4, 0.2)) for _ in range(300)]
    assert np.mean([one.noise_sd**2 for one in found]) == pytest.approx(0.2**2, rel=0.05)
    assert np.mean([one.seed_sd**2 for one in found]) == pytest.approx(0.2**2 + 0.4**2, rel=0.1)
    assert np.mean([one.signal_sd**2 for one in found]) == pytest.approx(0.3**2, rel=0.1)


def test_finds_what_was_planted_in_spite_of_gaps() -> None:
    rng = np.random.default_rng(1)
    found = []
    for _ in range(300):
        table = planted(rng, 12, 6, 0.3, 0.4, 0.2)
        table[rng.random(table.shape) < 0.15] = math.nan
        found.append(spread(table))
    assert np.mean([one.noise_sd**2 for one in found]) == pytest.approx(0.2**2, rel=0.05)


def test_nine_intervals_in_ten_hold_the_truth() -> None:
    rng = np.random.default_rng(2)
    ends = [spread(planted(rng, 10, 3, 0.3, 0.1, 0.2)).interval for _ in range(1000)]
    assert np.mean([low <= 1.5 <= high for low, high in ends]) == pytest.approx(0.9, abs=0.03)


def test_pure_noise_has_next_to_no_signal() -> None:
    rng = np.random.default_rng(3)
    found = [spread(planted(rng, 12, 8, 0.0, 0.5, 0.2)) for _ in range(200)]
    assert np.median([one.signal_sd for one in found]) < 0.05
    assert np.mean([one.interval[0] > 0 for one in found]) == pytest.approx(0.05, abs=0.04)


@pytest.mark.parametrize(
    "table",
    [np.empty((0, 3)), np.full((2, 3), np.nan), np.ones((1, 1)), np.array([[1.0, 2.0]]), np.array([[1.0], [2.0]])],
)
def test_says_nothing_where_there_is_too_little(table: Table) -> None:
    found = spread(table)
    assert math.isnan(found.signal_sd)
    assert math.isnan(found.signal_to_noise)
    assert math.isnan(found.per_minute(10.0))


def test_losses_without_values_change_nothing() -> None:
    table = planted(np.random.default_rng(4), 5, 4, 0.3, 0.1, 0.1)
    assert spread(np.vstack([table, np.full((1, 4), np.nan)])) == spread(table)


def test_speed_counts_seeds_a_minute() -> None:
    found = spread(planted(np.random.default_rng(5), 5, 4, 0.3, 0.1, 0.1))
    assert found.per_minute(20.0) == pytest.approx(3 * found.signal_to_noise**2)


@settings(deadline=None)
@given(st.integers(3, 8), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_rank_correlation_is_that_of_the_ranks_of_means(losses: int, seeds: int, entropy: int) -> None:
    rng = np.random.default_rng(entropy)
    early, late = rng.normal(size=(losses, seeds)), rng.normal(size=(losses, seeds))
    ranks = [rankdata(table.mean(axis=1)) for table in (early, late)]
    assert rank_correlation(early, late) == pytest.approx(np.corrcoef(*ranks)[0, 1])


def test_rank_correlations_at_their_ends() -> None:
    table = np.arange(8.0).reshape(4, 2)
    assert rank_correlation(table, table) == pytest.approx(1)
    assert rank_correlation(table, -table) == pytest.approx(-1)
    assert math.isnan(rank_correlation(table[:2], table[:2]))
    assert math.isnan(rank_correlation(np.ones((4, 2)), table))


def test_reliability_is_between_different_seeds() -> None:
    rng = np.random.default_rng(6)
    early, late = rng.normal(size=(6, 3)), rng.normal(size=(6, 3))
    pairs = [
        np.corrcoef(rankdata(early[:, one]), rankdata(late[:, other]))[0, 1]
        for one, other in itertools.product(range(3), repeat=2)
        if one != other
    ]
    assert seed_reliability(early, late) == pytest.approx(np.mean(pairs))
    assert math.isnan(seed_reliability(early[:, :1], late[:, :1]))


def test_luck_that_stays_is_no_reliability() -> None:
    rng = np.random.default_rng(7)
    luck = [rng.normal(size=(20, 3)) for _ in range(30)]
    assert all(rank_correlation(table, table) == pytest.approx(1) for table in luck)
    assert abs(np.mean([seed_reliability(table, table) for table in luck])) < 0.05
