import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_rel

from ganetic.config import validate
from ganetic.errors import UserError
from ganetic.evolution.calibration import (
    KILL_MARGIN,
    LEAST_MARGIN,
    Calibration,
    Conditions,
    ReferenceTraining,
    rounded,
)
from ganetic.evolution.signal import spread
from ganetic.training.result import TrialState
from ganetic.training.spec import ProxySpec
from tests.evolution.planted import CHECKPOINTS, START, calibration_of, conditions, shares

FALLING = (0.9, 0.8, 0.5, 0.3, 0.1)


def random_calibration(seed: int, losses: int = 8, seeds: int = 5, failing: float = 0.0) -> Calibration:
    rng = np.random.default_rng(seed)
    fall = np.log(START) + np.log([0.9, 0.7, 0.4, 0.2, 0.1])
    effects = rng.normal(scale=0.3, size=losses)
    values = {
        f"loss-{n}": fall + effects[n] + rng.normal(scale=0.2, size=(seeds, len(CHECKPOINTS))) for n in range(losses)
    }
    failed = [(name, s) for name in values for s in range(seeds) if rng.random() < failing]
    return calibration_of(values, failed)


def test_reads_back_what_it_writes() -> None:
    calibration = random_calibration(0)
    assert validate(json.loads(calibration.text()), Calibration, where="text") == calibration
    assert calibration.text().count("\n") < 100


def test_numbers_are_kept_with_five_digits() -> None:
    assert rounded([123.456789, 0.00123456789, 98765.43]) == (123.46, 0.0012346, 98765.0)


def test_fifty_seeds_of_the_library_on_twenty_checkpoints_fit_into_200_kb() -> None:
    rng = np.random.default_rng(0)
    marks = tuple(range(50, 1050, 50))
    values = {f"loss-{n}": rng.normal(5, 1, size=(50, 20)) for n in range(12)}
    calibration = calibration_of(values, checkpoints=marks)
    small = calibration.model_copy(
        update={"trainings": tuple(one.model_copy(update={"fd": rounded(one.fd)}) for one in calibration.trainings)}
    )
    assert len(small.text()) < 200_000


@pytest.mark.parametrize(
    "change",
    [
        {"metric": "fd@planted-cnn64/1k"},
        {"data": "planted:ffffffffffff"},
        {"proxy": ProxySpec(width=8)},
        {"proxy": ProxySpec(batch_norm=False)},
        {"proxy": ProxySpec(beta2=0.99)},
        {"proxy": ProxySpec(augmentation="xray")},
        {"checkpoints": (*CHECKPOINTS[:-1], 800)},
        {"checkpoints": CHECKPOINTS[1:]},
        {"losses": {"a": "formula of a"}},
        {"losses": {"a": "formula of a", "b": "another formula"}},
        {"losses": {"a": "formula of a", "c": "formula of b"}},
    ],
)
def test_key_changes_with_every_condition(change: dict[str, object]) -> None:
    before = conditions(["a", "b"])
    assert Conditions.model_validate(before.model_dump()).key == before.key
    after = Conditions.model_validate({**before.model_dump(), **change})
    assert after.key != before.key
    assert after.name.startswith("planted-")


def test_at_most_a_fifth_may_fail() -> None:
    values = shares({"sound": FALLING, "fifth": FALLING, "more": FALLING, "all": FALLING}, seeds=5)
    failed = [("fifth", 0), *(("more", n) for n in range(2)), *(("all", n) for n in range(5))]
    calibration = calibration_of(values, failed)
    assert calibration.failures == {"sound": 0, "fifth": 1, "more": 2, "all": 5}
    assert calibration.viable == ("sound", "fifth")
    table = calibration.table(400)
    assert table.shape == (2, 5)
    assert np.isnan(table).tolist() == [[False] * 5, [True, False, False, False, False]]


def test_readings_find_what_was_planted() -> None:
    found = [random_calibration(seed, losses=20, seeds=10).reading(400) for seed in range(20)]
    assert np.mean([one.spread.noise_sd for one in found]) == pytest.approx(0.2, rel=0.05)
    assert np.mean([one.spread.signal_sd for one in found]) == pytest.approx(0.3, rel=0.1)
    assert all(one.correlation == pytest.approx(1) for one in found)
    one = found[0]
    assert one.per_minute == pytest.approx(one.spread.signal_to_noise**2 * 60 / 8)


def test_early_steps_cost_less() -> None:
    half, whole = (random_calibration(0).reading(step) for step in (200, 400))
    assert half.per_minute / half.spread.signal_to_noise**2 == pytest.approx(
        2 * whole.per_minute / whole.spread.signal_to_noise**2
    )
    with pytest.raises(ValueError, match="nothing was measured at step 30"):
        random_calibration(0).reading(30)


def test_the_first_step_that_ranks_is_followed_by_none_that_does_not() -> None:
    order = np.linspace(0, 1, 6)
    lucky, wrong = order, order[::-1]
    columns = np.stack([lucky, wrong, order, order, order], axis=1)
    values = {f"loss-{n}": np.tile(columns[n], (2, 1)) for n in range(6)}
    assert calibration_of(values).first_ranking_step == 100
    few = {name: values[name] for name in ("loss-0", "loss-1")}
    assert calibration_of(few).first_ranking_step is None


def test_rules_spare_the_better_half() -> None:
    calibration = calibration_of(
        shares(
            {"good": FALLING, "fair": FALLING, "slow": (1.0, 0.95, 0.9, 0.8, 0.3), "bad": (1.0, 0.95, 0.9, 0.9, 0.9)}
        )
    )
    assert set(calibration.leading) == {"good", "fair"}
    threshold = calibration.threshold(200)
    assert threshold is not None
    assert threshold.rule.above == pytest.approx(KILL_MARGIN * FALLING[3], abs=0.001)
    assert threshold.slow == 6
    assert calibration_of(shares({"one": FALLING})).leading == ("one",)


def test_rule_has_a_margin_and_lies_below_the_start() -> None:
    calibration = calibration_of(shares({"worse": FALLING}))
    at_100, at_50 = calibration.threshold(100), calibration.threshold(50)
    assert at_100 is not None
    assert at_50 is not None
    assert at_100.worst == pytest.approx(0.5)
    assert at_100.rule.above == pytest.approx(math.sqrt(0.5), abs=0.001)  # 1.5 · 0.5 would lie nearer to the start
    assert at_50.rule.above == pytest.approx(math.sqrt(0.8), abs=0.001)
    assert calibration.threshold(25) is None, "too near to the start"
    late = calibration.threshold(400)
    assert late is not None
    assert late.rule.above == pytest.approx(KILL_MARGIN * 0.1, abs=0.001)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.2, 0.5, 0.9]))
def test_no_rule_touches_a_leading_loss_or_reaches_the_start(seed: int, failing: float) -> None:
    calibration = random_calibration(seed, failing=failing)
    leading = calibration.leading
    for place, step in enumerate(CHECKPOINTS, start=1):
        threshold = calibration.threshold(step)
        if threshold is None:
            continue
        above = threshold.rule.above
        assert above < 1
        for one in calibration.trainings:
            if one.completed and one.loss in leading:
                assert one.fd[place] / one.fd[0] * LEAST_MARGIN <= above


def test_counts_the_failures_that_a_rule_catches() -> None:
    values = shares({"good": (0.5, 0.4, 0.3, 0.2, 0.1)})
    values |= shares({"flat": (1.0,) * 5, "late": (0.5, 0.4, 0.3, 0.3, 0.3)})
    calibration = calibration_of(values, [(name, seed) for name in ("flat", "late") for seed in range(3)])
    threshold = calibration.threshold(100)
    assert threshold is not None
    assert threshold.rule.above == pytest.approx(0.45, abs=0.001)
    assert (threshold.caught, threshold.failed) == (3, 6)


def test_a_training_that_ended_by_itself_is_not_caught_later() -> None:
    calibration = calibration_of(shares({"good": FALLING}, seeds=5))
    broken = ReferenceTraining(
        loss="good", seed=0, state=TrialState.FAILED, reason="non_finite", fd=(START, 450.0), seconds=1
    )
    calibration = Calibration.model_validate(
        {**calibration.model_dump(), "trainings": [broken.model_dump(), *calibration.model_dump()["trainings"][1:]]}
    )
    threshold = calibration.threshold(100)
    assert threshold is not None
    assert (threshold.caught, threshold.failed) == (0, 0)


@pytest.mark.parametrize(
    ("measured", "steps"),
    [
        (CHECKPOINTS, [100, 200]),
        ((*CHECKPOINTS, 800), [200, 400]),
        ((50, 100, 150, 200, 240), [50, 100]),
        ((50, 100, 120), [50]),
        ((80,), []),
        ((30, 60, 200, 400, 500), [60, 200]),
        ((70, 140, 210, 280, 400), [70, 140]),
    ],
)
def test_rules_stand_where_trials_are_measured_at_a_quarter_and_half(
    measured: tuple[int, ...], steps: list[int]
) -> None:
    calibration = calibration_of(shares({"good": FALLING}))
    assert [threshold.rule.step for threshold in calibration.kill_thresholds(measured)] == steps


def test_a_rule_between_two_checkpoints_is_that_of_the_one_before() -> None:
    calibration = calibration_of(shares({"good": FALLING}))
    (between, *_), known = calibration.kill_thresholds((140, 400, 560)), calibration.threshold(100)
    assert known is not None and known.rule.above == between.rule.above and between.rule.step == 140


def test_nothing_viable_gives_no_rules() -> None:
    calibration = calibration_of(shares({"good": FALLING}), [("good", seed) for seed in range(3)])
    assert calibration.viable == ()
    assert calibration.kill_thresholds(CHECKPOINTS) == ()
    assert calibration.first_ranking_step is None
    assert math.isnan(calibration.seconds)
    assert math.isnan(calibration.detectable_ratio(5))
    assert len(calibration.readings) == len(CHECKPOINTS)


def test_the_detectable_ratio_is_detected_four_times_in_five() -> None:
    calibration = random_calibration(0, losses=30, seeds=30)
    leading = [calibration.viable.index(loss) for loss in calibration.leading]
    noise = spread(calibration.table(400)[leading]).noise_sd
    ratio = calibration.detectable_ratio(5)
    rng = np.random.default_rng(1)
    ours, theirs = (rng.normal(scale=noise, size=(4000, 5)) for _ in range(2))
    p = ttest_rel(ours + math.log(ratio), theirs, axis=1).pvalue
    assert np.mean(p < 0.05) == pytest.approx(0.8, abs=0.02)
    assert 1 < calibration.detectable_ratio(25) < ratio
    assert math.isnan(calibration.detectable_ratio(1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:-1], "every loss on every seed, once"),
        (lambda rows: [*rows, rows[0]], "every loss on every seed, once"),
        (lambda rows: [{**rows[0], "fd": rows[0]["fd"][:-1]}, *rows[1:]], "5 distances; expected 6"),
        (lambda rows: [{**rows[0], "fd": [*rows[0]["fd"], 1.0]}, *rows[1:]], "7 distances; expected 6"),
        (lambda rows: [{**rows[0], "fd": [0.0] * 6}, *rows[1:]], "greater than 0"),
        (lambda rows: [{**rows[0], "speed": 1}, *rows[1:]], "speed"),
        (lambda rows: [], "at least 1 item"),
    ],
)
def test_refuses_what_is_not_whole(change: object, message: str) -> None:
    assert callable(change)
    data = json.loads(calibration_of(shares({"good": FALLING, "bad": FALLING})).text())
    with pytest.raises(UserError, match=message):
        validate({**data, "trainings": change(data["trainings"])}, Calibration, where="file")
