import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from ganetic.detection.statistics import Resampling, areas, verdict_of
from ganetic.stats import Verdict

UNIT = (0.0, 1.0)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 60), st.integers(1, 40))
def test_areas_are_those_of_scikit_learn_with_ties_and_weights(seed: int, count: int, values: int) -> None:
    stream = np.random.default_rng(seed)
    anomalous = np.arange(count) % 2 == 1
    scores = stream.integers(0, values, count).astype(float)
    weights = stream.integers(0, 3, (3, count)).astype(float)
    weights[:, :2] += 1  # both kinds are drawn
    for row, area, precision in zip(weights, *areas(scores, anomalous, weights), strict=True):
        assert area == pytest.approx(roc_auc_score(anomalous, scores, sample_weight=row))
        assert precision == pytest.approx(average_precision_score(anomalous, scores, sample_weight=row))


def test_the_interval_of_images_alone_is_hanleys() -> None:
    stream = np.random.default_rng(0)
    anomalous = np.arange(600) < 250
    scores = stream.normal(size=600) + anomalous
    found = Resampling(anomalous, np.arange(600), seeds=1).measure([scores])[0].estimate(0.5, UNIT)
    area = float(roc_auc_score(anomalous, scores))
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = (area * (1 - area) + 249 * (q1 - area**2) + 349 * (q2 - area**2)) / (250 * 350)
    assert found.value == pytest.approx(area)
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * variance**0.5, rel=0.1)
    assert found.p < 1e-6


def test_a_score_below_chance_stays_below() -> None:
    anomalous = np.arange(100) < 40
    found = Resampling(anomalous, np.arange(100), seeds=1).measure([-anomalous.astype(float)])[0].estimate(0.5, UNIT)
    assert found.value == 0


def test_images_of_one_patient_widen_the_interval() -> None:
    stream = np.random.default_rng(1)
    patient = np.repeat(np.arange(50), 10)
    anomalous = patient < 25
    scores = stream.normal(size=50)[patient] + stream.normal(size=500) * 0.1
    alone, together = (
        Resampling(anomalous, groups, seeds=1).measure([scores])[0].estimate(0.5, UNIT)
        for groups in (np.arange(500), patient)
    )
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_seeds_that_differ_widen_the_interval() -> None:
    stream = np.random.default_rng(2)
    anomalous = np.arange(400) < 200
    base = stream.normal(size=400) + anomalous
    resampling = Resampling(anomalous, np.arange(400), seeds=5)
    alike = resampling.measure([base] * 5, of_seeds=True)[0]
    noisy = [base + stream.normal(size=400) * noise for noise in range(5)]
    differing = resampling.measure(noisy, of_seeds=True)[0]
    one, other = alike.estimate(0.5, UNIT), differing.estimate(0.5, UNIT)
    assert other.high - other.low > 1.5 * (one.high - one.low)
    assert differing.values.mean() == pytest.approx(other.value)


def test_a_difference_of_methods_is_paired() -> None:
    stream = np.random.default_rng(3)
    anomalous = np.arange(200) < 100
    scores = stream.normal(size=200) + anomalous
    resampling = Resampling(anomalous, np.arange(200), seeds=1)
    one = resampling.measure([scores])[0]
    other = resampling.measure([scores + stream.normal(size=200) * 0.05])[0]
    apart = (one - other).estimate(0.0, (-1.0, 1.0))
    alone = one.estimate(0.5, UNIT)
    assert apart.high - apart.low < (alone.high - alone.low) / 3
    same = (one - one).estimate(0.0, (-1.0, 1.0))
    assert same.value == 0 and np.isnan(same.low) and same.p == 1


@pytest.mark.parametrize(("normal", "anomalous", "patients"), [(100, 100, 0), (60, 40, 30)])
def test_labels_at_random_give_intervals_around_chance(normal: int, anomalous: int, patients: int) -> None:
    """Of 100 simulated studies of 5 seeds, and of their differences between two losses, 90 or more."""
    covered = apart = 0
    for number in range(100):
        stream = np.random.default_rng([number, 7])
        flags = np.arange(normal + anomalous) < anomalous
        groups = stream.integers(0, patients, len(flags)) if patients else np.arange(len(flags))
        groups = np.unique(groups, return_inverse=True)[1]
        shared = stream.normal(size=len(flags))
        losses = [[shared + stream.normal(size=len(flags)) for _ in range(5)] for _ in range(2)]
        resampling = Resampling(flags, groups, seeds=5, resamples=300)
        first, second = (resampling.measure(scores, of_seeds=True)[0] for scores in losses)
        one, difference = first.estimate(0.5, UNIT), (first - second).estimate(0.0, (-1.0, 1.0))
        covered += one.low <= 0.5 <= one.high
        apart += difference.low <= 0 <= difference.high
    assert covered >= 90
    assert apart >= 90


def test_verdicts_follow_the_adjusted_p() -> None:
    assert verdict_of(0.1, 0.04) is Verdict.HIGHER
    assert verdict_of(-0.1, 0.04) is Verdict.LOWER
    assert verdict_of(0.1, 0.06) is Verdict.NOT_SHOWN
