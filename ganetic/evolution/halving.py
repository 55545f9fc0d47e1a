"""Which settings of a proxy go on: successive halving by what their trainings say, as pure functions.

A setting is good when a planted gap (one loss after fewer and after all steps) stands out from the noise between
seeds: n seeds detect it at (gap / noise)² · n, so (gap / noise)² a second of training is what a second buys
(Jamieson & Talwalkar, https://arxiv.org/abs/1502.07943, for the halving).
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ganetic.config import Config
from ganetic.evolution.shortlist import Schedule
from ganetic.training.result import TrialState

NOISE_LEAST = 1e-6
"""Keeps a score finite where seeds agree exactly."""


class SettingTraining(Config):
    """What one training of a setting left."""

    setting: int
    """Its place in the shortlist."""
    loss: str
    """Its name."""
    seed: int
    """See `ganetic.evolution.seeds`."""
    state: TrialState
    """How it ended."""
    reason: str | None = None
    """Why it failed."""
    early: float | None = None
    """The distance at the earlier step of the gap; None where the training failed."""
    last: float | None = None
    """The distance at the last step; None where the training failed."""
    seconds: float
    """Wall time, measuring included."""

    @property
    def completed(self) -> bool:
        """Whether it did not fail."""
        return self.last is not None


@dataclass(frozen=True)
class Merit:
    """What the trainings of one setting say.

    Attributes:
        trained: how many there are.
        failed: how many of them failed.
        gap: mean of ln fd early − ln fd at the end, of the gap's loss; NaN where none was completed.
        noise: sd of the last ln fd between seeds, pooled over the losses; NaN without two seeds of a loss.
        seconds: mean of a completed training; NaN where none was.
    """

    trained: int
    failed: int
    gap: float
    noise: float
    seconds: float

    @property
    def ratio(self) -> float:
        """The gap over the noise."""
        return self.gap / max(self.noise, NOISE_LEAST)

    @property
    def score(self) -> float:
        """(gap / noise)² a second; 0 where the gap is none, or not known."""
        return self.ratio**2 / max(self.seconds, NOISE_LEAST) if self.gap > 0 and math.isfinite(self.noise) else 0.0

    def fails_too_often(self, most: float) -> bool:
        """Whether more than this share of the trainings failed."""
        return self.failed > most * self.trained


def merit(trainings: Sequence[SettingTraining], schedule: Schedule) -> Merit:
    """Say what the trainings of one setting say."""
    completed = [one for one in trainings if one.completed]
    gaps = [_ln(one.early) - _ln(one.last) for one in completed if one.loss == schedule.gap_loss]
    return Merit(
        trained=len(trainings),
        failed=len(trainings) - len(completed),
        gap=_mean(gaps),
        noise=pooled_sd([[_ln(one.last) for one in completed if one.loss == loss] for loss in schedule.losses]),
        seconds=_mean([one.seconds for one in completed]),
    )


def pooled_sd(groups: Sequence[Sequence[float]]) -> float:
    """The sd within groups, pooled by their degrees of freedom; NaN where no group has two values."""
    squares = [(value - _mean(group)) ** 2 for group in groups for value in group]
    freedom = sum(len(group) - 1 for group in groups if group)
    return math.sqrt(math.fsum(squares) / freedom) if freedom > 0 else math.nan


def ranked(merits: dict[int, Merit], schedule: Schedule) -> list[int]:
    """The settings that do not fail too often, the best score first; of equal ones the first of the shortlist."""
    kept = [number for number, one in merits.items() if not one.fails_too_often(schedule.failed_most)]
    return sorted(kept, key=lambda number: (-merits[number].score, number))


def staying(merits: dict[int, Merit], schedule: Schedule) -> list[int]:
    """The settings that go on to another round, in the order of the shortlist; none where all fail too often."""
    return sorted(ranked(merits, schedule)[: schedule.kept_of(len(merits))])


def commonest_reason(trainings: Sequence[SettingTraining]) -> str:
    """Why most of the failed trainings failed, for people."""
    reasons = Counter(one.reason or str(one.state) for one in trainings if not one.completed)
    return reasons.most_common(1)[0][0].replace("_", " ") if reasons else ""


def _ln(distance: float | None) -> float:
    assert distance is not None  # of a completed training
    return math.log(distance)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan
