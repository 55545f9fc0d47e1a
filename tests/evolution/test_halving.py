import math

import pytest

from ganetic.evolution.choice_record import ChoiceConditions, Sifting
from ganetic.evolution.halving import SettingTraining, merit, pooled_sd, ranked, staying
from ganetic.evolution.shortlist import Schedule, Setting
from ganetic.training.result import TrialState
from ganetic.training.spec import ProxySpec

SCHEDULE = Schedule(losses=("bce", "hinge"), seeds=(2, 3))


def trained(
    setting: int = 0, gap: float = 0.1, noise: float = 0.05, seconds: float = 10.0, seeds: int = 2, failed: int = 0
) -> list[SettingTraining]:
    """Both losses on the seeds: ln fd at the end is 5 ± noise in turn, earlier it is the gap more."""
    made: list[SettingTraining] = []
    for number in range(seeds):
        for loss in SCHEDULE.losses:
            fails = len(made) < failed
            last = 5 + (noise if number % 2 else -noise)
            made.append(
                SettingTraining(
                    setting=setting,
                    loss=loss,
                    seed=400 + number,
                    state=TrialState.FAILED if fails else TrialState.COMPLETED,
                    reason="mode_collapse" if fails else None,
                    early=None if fails else math.exp(last + gap),
                    last=None if fails else math.exp(last),
                    seconds=seconds,
                )
            )
    return made


def sifted(*settings: list[SettingTraining]) -> Sifting:
    """What became of settings, each with its trainings."""
    named = tuple(Setting(name=f"setting {number}", proxy=ProxySpec()) for number in range(len(settings)))
    conditions = ChoiceConditions(
        version=1, data="planted:0123456789ab", side=28, inception=False, schedule=SCHEDULE, settings=named
    )
    return Sifting(conditions=conditions, trainings=tuple(one for setting in settings for one in setting))


def test_merit_of_planted_numbers() -> None:
    found = merit(trained(gap=0.2, noise=0.1, seconds=8), SCHEDULE)
    assert (found.trained, found.failed) == (4, 0)
    assert found.gap == pytest.approx(0.2)
    assert found.noise == pytest.approx(0.1 * math.sqrt(2))  # two seeds each at ± 0.1, with one degree of freedom
    assert found.score == pytest.approx(found.ratio**2 / 8)
    assert found.score == pytest.approx(2 / 8)


def test_failed_trainings_have_no_say_in_gap_and_noise() -> None:
    found = merit(trained(gap=0.2, seeds=4, failed=1), SCHEDULE)
    assert found.failed == 1
    assert found.gap == pytest.approx(0.2)


def test_what_cannot_be_told_scores_nothing() -> None:
    assert merit(trained(seeds=1), SCHEDULE).score == 0  # no noise
    assert merit(trained(gap=-0.5), SCHEDULE).score == 0  # it gets worse with training
    assert merit(trained(failed=4), SCHEDULE).score == 0


def test_the_sd_is_pooled_by_degrees_of_freedom() -> None:
    assert pooled_sd([[1, 3], [5, 5, 5], [7], []]) == pytest.approx(math.sqrt(2 / 3))
    assert math.isnan(pooled_sd([[1], [2]]))


def test_the_best_third_goes_on_and_at_least_two() -> None:
    merits = {number: merit(trained(gap=gap), SCHEDULE) for number, gap in enumerate((0.1, 0.3, 0.2, 0.5, 0.05, 0.4))}
    assert staying(merits, SCHEDULE) == [3, 5]
    assert staying({number: merits[number] for number in (0, 1, 2)}, SCHEDULE) == [1, 2]
    assert staying({**merits, 6: merits[0]}, SCHEDULE) == [1, 3, 5]


def test_what_takes_longer_must_tell_more() -> None:
    merits = {0: merit(trained(gap=0.1, seconds=10), SCHEDULE), 1: merit(trained(gap=0.11, seconds=20), SCHEDULE)}
    assert ranked(merits, SCHEDULE) == [0, 1]


def test_ties_go_to_the_first_of_the_shortlist() -> None:
    merits = {number: merit(trained(), SCHEDULE) for number in (2, 0, 1)}
    assert ranked(merits, SCHEDULE) == [0, 1, 2]


def test_a_setting_that_fails_too_often_is_dropped_however_good_the_rest_is() -> None:
    merits = {0: merit(trained(gap=0.9, failed=1), SCHEDULE), 1: merit(trained(gap=0.01), SCHEDULE)}
    assert ranked(merits, SCHEDULE) == [1]
    assert not merit(trained(seeds=5, failed=1), SCHEDULE).fails_too_often(0.1)  # one in ten may


def test_rounds_are_told_by_their_trainings() -> None:
    sifting = sifted(trained(0), trained(1, seeds=5), trained(2, seeds=5, gap=0.3), trained(3, gap=5))
    assert [sifting.rounds(number) for number in range(4)] == [1, 2, 2, 1]
    assert list(sifting.last_round) == [1, 2]
    assert ranked(sifting.last_round, SCHEDULE) == [2, 1]
    assert sifting.refusal() is None


def test_where_all_fail_too_often_it_says_so_with_the_reason_and_advice() -> None:
    sifting = sifted(trained(0, failed=3), trained(1, failed=2))
    assert sifting.staying() == []
    refusal = sifting.refusal()
    assert refusal is not None
    assert 'with the best, "setting 1", 2 of 4 trainings failed, most by mode collapse' in refusal
    assert "at most 10%" in refusal
    assert "?size=" in refusal


def test_a_choice_says_how_many_trainings_it_takes_at_most() -> None:
    assert sifted(*(trained(number) for number in range(8))).conditions.most_trainings == 8 * 4 + 3 * 6
