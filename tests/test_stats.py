import math
from itertools import product

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from ganetic.stats import (
    Verdict,
    detectable_effect,
    family,
    holm,
    least_wilcoxon_p,
    mean_interval,
    paired_difference,
    summarise,
    wilcoxon_p,
)

plain = st.floats(-50, 50).map(lambda value: round(value, 6))
vectors = st.lists(plain, min_size=2, max_size=30)


def test_the_detectable_effect_is_found_in_four_of_five_studies() -> None:
    stream = np.random.default_rng(3)
    for pairs in (3, 10, 25):
        draws = stream.normal(detectable_effect(pairs), 1, (4000, pairs))
        p = scipy.stats.ttest_1samp(draws, 0, axis=1).pvalue
        found = ((p < 0.05) & (draws.mean(axis=1) > 0)).mean()
        assert found == pytest.approx(0.8, abs=4 * (0.16 / 4000) ** 0.5)


@pytest.mark.parametrize("pairs", [2, 3, 5, 10, 20, 25, 50, 100])
def test_the_detectable_effect_is_that_of_the_noncentral_t(pairs: int) -> None:
    critical = scipy.stats.t.isf(0.025, pairs - 1)
    power = scipy.stats.nct.sf(critical, pairs - 1, detectable_effect(pairs) * pairs**0.5)
    assert power == pytest.approx(0.8, abs=1e-6)


def test_published_sizes_of_samples() -> None:
    # Cohen's table of the paired t test at two-sided 5 % and power .80: n = 34 for d = .5, n = 15 for d = .8.
    for effect, pairs in ((0.5, 34), (0.8, 15)):
        assert detectable_effect(pairs) <= effect < detectable_effect(pairs - 1)
    assert math.isnan(detectable_effect(1))


@given(vectors, st.data())
def test_a_difference_is_that_of_scipy(mine: list[float], data: st.DataObject) -> None:
    theirs = data.draw(st.lists(plain, min_size=len(mine), max_size=len(mine)))
    differences = np.subtract(mine, theirs)
    found = paired_difference(mine, theirs)
    assert found.pairs == len(mine)
    assert found.mean == pytest.approx(differences.mean(), abs=1e-12)
    varied = found.sd > 1e-12 * abs(found.mean)
    assert all(math.isfinite(value) == varied for value in (found.low, found.high, found.detectable))
    assert all(math.isfinite(value) for value in (found.mean, found.sd, found.t_p, found.wilcoxon_p))
    if differences.std() > 1e-6:
        test = scipy.stats.ttest_rel(mine, theirs)
        low, high = test.confidence_interval(0.95)
        assert found.t_p == pytest.approx(test.pvalue, rel=1e-6, abs=1e-300)
        assert found.low == pytest.approx(low, abs=1e-9)
        assert found.high == pytest.approx(high, abs=1e-9)
        assert found.detectable == pytest.approx(detectable_effect(len(mine)) * differences.std(ddof=1))


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
def test_wilcoxon_is_exact_with_ties_and_zeros(numbers: list[int]) -> None:
    kept = np.array([number for number in numbers if number], dtype=np.float64)
    ranks = scipy.stats.rankdata(np.abs(kept))
    mine = ranks @ np.sign(kept) if len(kept) else 0.0
    signed = [abs(ranks @ signs) for signs in product((-1, 1), repeat=len(kept))]
    share = sum(total >= abs(mine) - 1e-9 for total in signed) / len(signed)
    assert wilcoxon_p(numbers) == pytest.approx(share)


@pytest.mark.parametrize("pairs", [1, 2, 5, 12, 25, 50, 100])
def test_wilcoxon_without_ties_is_that_of_scipy(pairs: int) -> None:
    for shift in (0.0, 0.2, 1.0):
        numbers = np.random.default_rng(pairs).normal(shift, 1, pairs)
        assert wilcoxon_p(numbers) == pytest.approx(scipy.stats.wilcoxon(numbers, method="exact").pvalue)
    assert wilcoxon_p(np.arange(1.0, pairs + 1)) == pytest.approx(least_wilcoxon_p(pairs), rel=1e-9)


def test_five_pairs_never_go_below_a_sixteenth() -> None:
    assert wilcoxon_p([1, 2, 3, 4, 5]) == least_wilcoxon_p(5) == 0.0625


def test_a_single_pair_says_nothing_of_spread() -> None:
    found = paired_difference([1.0], [3.0])
    assert (found.pairs, found.mean, found.t_p, found.wilcoxon_p) == (1, -2.0, 1.0, 1.0)
    assert all(map(math.isnan, (found.sd, found.low, found.high, found.detectable)))
    assert family([found])[0].verdict is Verdict.NOT_SHOWN


def test_equal_measurements_do_not_differ() -> None:
    found = paired_difference([1.0, 5.0, 2.0], [1.0, 5.0, 2.0])
    assert (found.mean, found.sd, found.t_p, found.wilcoxon_p) == (0.0, 0.0, 1.0, 1.0)
    assert all(map(math.isnan, (found.low, found.high, found.detectable)))


def test_a_constant_difference_has_no_more_than_its_signs() -> None:
    theirs = np.array([0.1, 0.7, 0.4, 2.3])
    found = paired_difference(theirs - 0.3, theirs)
    assert found.t_p == found.wilcoxon_p == 0.125
    assert found.mean == pytest.approx(-0.3)
    assert all(map(math.isnan, (found.low, found.high, found.detectable))), "it says nothing of the spread of others"


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_rejects_what_its_steps_reject(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    rejected: set[float] = set()
    for rank, p in enumerate(sorted(p_values)):
        if p * (len(p_values) - rank) >= 0.05:
            break
        rejected.add(p)
    assert [p in rejected for p in p_values] == [p < 0.05 for p in adjusted]
    assert all(raw <= new <= 1 for raw, new in zip(p_values, adjusted, strict=True))


def test_verdicts_have_a_side() -> None:
    reference = np.random.default_rng(0).normal(0, 1, 20)
    others = [reference - 1.0 + 0.01 * np.arange(20), reference + 1.0 + 0.01 * np.arange(20)]
    found = family([paired_difference(other, reference) for other in others])
    assert [one.verdict for one in found] == [Verdict.LOWER, Verdict.HIGHER]


def test_nothing_is_said_where_mean_and_ranks_contradict_each_other() -> None:
    mostly_lower = paired_difference([*[-0.1] * 24, 3.0], [0.001 * number for number in range(25)])
    assert mostly_lower.mean > 0 > mostly_lower.rank_balance and mostly_lower.wilcoxon_p < 0.001
    for sign in (1, -1):
        differences = sign * np.array([*[-0.1] * 24, 3.0])
        (found,) = family([paired_difference(differences, np.zeros(25))], [0.0001])
        assert found.verdict is Verdict.NOT_SHOWN


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=20))
def test_the_balance_of_ranks_is_what_wilcoxon_sums(differences: list[float]) -> None:
    numbers = np.array(differences)
    numbers = numbers[numbers != 0]
    expected = float((rankdata(np.abs(numbers)) * np.sign(numbers)).sum()) if len(numbers) else 0.0
    assert paired_difference(differences, np.zeros(len(differences))).rank_balance == expected


@given(st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=30))
def test_summaries(values: list[float]) -> None:
    found = summarise(values)
    assert (found.count, found.best, found.worst) == (len(values), min(values), max(values))
    assert found.mean == pytest.approx(np.mean(values))
    assert found.geometric_mean == pytest.approx(scipy.stats.gmean(values))
    assert found.worst_over_best == max(values) / min(values)
    if len(values) > 1:
        assert found.sd == pytest.approx(np.std(values, ddof=1))
        interval = mean_interval(values)
        assert interval.low <= interval.mean <= interval.high
    else:
        assert math.isnan(found.sd) and math.isnan(mean_interval(values).low)


@pytest.mark.parametrize("values", [[], [math.nan], [math.inf, 1.0], [[1.0]]])
def test_what_is_no_measurement_is_refused(values: list[float]) -> None:
    for function in (summarise, mean_interval, wilcoxon_p):
        with pytest.raises(ValueError, match="expected one finite number or more"):
            function(values)


def test_measurements_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(ValueError, match="2 measurements cannot be paired with 3"):
        paired_difference([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="expected positive numbers"):
        summarise([1.0, 0.0])
