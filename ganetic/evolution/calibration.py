"""What a calibration is: published losses trained on one data set and one proxy, and what follows from their traces."""

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, PositiveFloat, model_validator

from ganetic.config import Config
from ganetic.evolution.signal import LEAST_LOSSES, Spread, Table, rank_correlation, seed_reliability, spread
from ganetic.stats import detectable_effect
from ganetic.training.result import TrialState
from ganetic.training.spec import ProxySpec, PruningRule, Steps

VIABLE_SHARE = 0.2
"""A published loss of which a larger share of trainings failed does not work on the proxy. The bound is stricter than
that of a search, which judges a newcomer by a seed or three: a loss that fails on two seeds of five is nobody's measure
of how bad a good loss may look, and its good seeds differ far more than those of others do."""

KILL_MARGIN = 1.5
"""A trial is stopped at this times the worst share that a leading reference had at the step …"""

LEAST_MARGIN = 1.1
"""… or at less, near the untrained generator, but never at less than this times the worst: there is no rule then."""

RANKING_CORRELATION = 0.7
"""A checkpoint may rank when its order of losses has this rank correlation with the last one's, and all later too."""


class Conditions(Config):
    """What a calibration was made under; not the digits of the feature net, which differ between processors."""

    metric: str
    """How a distance was measured, as in ``fd@mnist5k-cnn64/2k``."""
    data: str
    """Name and fingerprint of the images, as in ``mnist5k:b4d22f19591f``."""
    proxy: ProxySpec
    """The nets and the optimizer."""
    checkpoints: Annotated[tuple[Steps, ...], Field(min_length=1)]
    """Steps at which the distance was measured, rising; the last ends a training."""
    losses: Annotated[dict[str, str], Field(min_length=1)]
    """Formulas of the published losses, by name, as `ganetic.loss.formula.Formula.text` writes them."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if list(self.checkpoints) != sorted(set(self.checkpoints)):
            raise ValueError(f"checkpoints {self.checkpoints} do not rise")
        return self

    @property
    def steps(self) -> int:
        """Of a training."""
        return self.checkpoints[-1]

    @property
    def key(self) -> str:
        """Twelve hex digits that change with any of this."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def name(self) -> str:
        """For files and folders: the data set and the key."""
        return f"{self.data.partition(':')[0]}-{self.key}"


class ReferenceTraining(Config):
    """What one training left."""

    loss: str
    """Its name."""
    seed: int
    """See `ganetic.evolution.seeds`."""
    state: TrialState
    """How it ended."""
    reason: str | None = None
    """Why it failed."""
    fd: tuple[PositiveFloat, ...]
    """Distance at step 0 and at the checkpoints, as far as the training came."""
    seconds: Annotated[float, Field(ge=0)]
    """Wall time."""

    @property
    def completed(self) -> bool:
        """Whether it did not fail."""
        return self.state == TrialState.COMPLETED


@dataclass(frozen=True)
class Reading:
    """What the references say at one checkpoint; numbers are NaN where there are too few references or seeds.

    Attributes:
        step: the checkpoint.
        spread: of ln fd over viable losses and seeds.
        per_minute: (signal / noise)² a minute of training up to here.
        correlation: Spearman's, of the losses' order here with the last checkpoint's, seeds averaged.
        reliability: the same for one seed here and another one there.
    """

    step: int
    spread: Spread
    per_minute: float
    correlation: float
    reliability: float


@dataclass(frozen=True)
class PruningThreshold:
    """A kill rule and what it would have done to the references.

    Attributes:
        rule: stops a trial.
        worst: the largest share, fd / fd of the untrained generator, of a leading reference's completed training here.
        slow: completed trainings of the other viable references that the rule would have stopped.
        caught: failed trainings that the rule would have stopped …
        failed: … of those that failed and had come so far.
    """

    rule: PruningRule
    worst: float
    slow: int
    caught: int
    failed: int


class Calibration(Config):
    """The published losses on one data set and one proxy; everything but the trainings is computed from them.

    A loss is viable here when at most a fifth of its trainings failed. Noise, signal and ranks are those of the
    trainings of viable losses that did not fail.
    """

    version: Literal["ganetic.calibration/1"] = "ganetic.calibration/1"
    """Of this layout."""
    conditions: Conditions
    """What it was made under."""
    features: str
    """Hex digits of the feature net that measured."""
    start_fd: PositiveFloat
    """Of an untrained generator."""
    floor_fd: PositiveFloat
    """Of real images against real ones."""
    made_with: dict[str, str]
    """Versions and the machine, which `seconds` depend on."""
    trainings: Annotated[tuple[ReferenceTraining, ...], Field(min_length=1)]
    """Every loss on every seed."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        wanted = {(loss, seed) for loss in self.conditions.losses for seed in self.seeds}
        if {(one.loss, one.seed) for one in self.trainings} != wanted or len(self.trainings) != len(wanted):
            raise ValueError("trainings are not every loss on every seed, once")
        most = 1 + len(self.conditions.checkpoints)
        for one in self.trainings:
            if len(one.fd) > most or (one.completed and len(one.fd) < most):
                raise ValueError(f"{one.loss}, seed {one.seed}: {len(one.fd)} distances; expected {most}")
        return self

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of the trainings of each loss."""
        return tuple(sorted({one.seed for one in self.trainings}))

    @property
    def failures(self) -> dict[str, int]:
        """Failed trainings, by loss."""
        return {
            loss: sum(one.loss == loss and not one.completed for one in self.trainings)
            for loss in self.conditions.losses
        }

    @property
    def viable(self) -> tuple[str, ...]:
        """Losses of which at most a fifth of the trainings failed."""
        return tuple(loss for loss, failed in self.failures.items() if failed <= VIABLE_SHARE * len(self.seeds))

    @property
    def leading(self) -> tuple[str, ...]:
        """The better half of the viable losses, by the mean of the last ln fd: what a kill rule must spare.

        A slow starter that ends behind most others would not win a search either, and would forbid every early rule:
        on some proxies minimax BCE stands where an untrained generator does for a quarter of the training.
        """
        last = dict(zip(self.viable, np.nanmean(self.table(self.conditions.steps), axis=1).tolist(), strict=True))
        return tuple(sorted(last, key=last.__getitem__)[: math.ceil(len(last) / 2)]) if last else ()

    @property
    def seconds(self) -> float:
        """Wall time of a completed training, the mean; NaN where none was completed."""
        times = [one.seconds for one in self.trainings if one.completed]
        return math.fsum(times) / len(times) if times else math.nan

    def table(self, step: int) -> Table:
        """Ln fd at a checkpoint, ``(viable losses, seeds)``: NaN where the training failed, there or later."""
        values = {(one.loss, one.seed): _log_fd(one, self._place(step)) for one in self.trainings}
        rows = [[values[loss, seed] for seed in self.seeds] for loss in self.viable]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(self.seeds))

    def reading(self, step: int) -> Reading:
        """What is known at a checkpoint.

        Raises:
            ValueError: nothing was measured at this step.
        """
        here, last = self.table(step), self.table(self.conditions.steps)
        parts = spread(here)
        return Reading(
            step=step,
            spread=parts,
            per_minute=parts.per_minute(self.seconds * step / self.conditions.steps),
            correlation=rank_correlation(here, last),
            reliability=seed_reliability(here, last),
        )

    @cached_property
    def readings(self) -> tuple[Reading, ...]:
        """One a checkpoint."""
        return tuple(self.reading(step) for step in self.conditions.checkpoints)

    @property
    def noisiest(self) -> str | None:
        """The viable loss without which the noise at the last checkpoint is least; None below four viable losses.

        One slow starter can be most of the noise, and then is most of what `readings` say.
        """
        last = self.table(self.conditions.steps)
        if len(self.viable) <= LEAST_LOSSES:
            return None
        left = [spread(np.delete(last, row, axis=0)).noise_sd for row in range(len(last))]
        return self.viable[int(np.argmin(left))] if np.isfinite(left).all() else None

    def spread_without(self, loss: str) -> Spread:
        """The spread at the last checkpoint when a viable loss is left out."""
        return spread(np.delete(self.table(self.conditions.steps), self.viable.index(loss), axis=0))

    @property
    def first_ranking_step(self) -> int | None:
        """The first checkpoint from which on all have a rank correlation of at least 0.7 with the last.

        None where too few losses are viable to say.
        """
        first = None
        for reading in reversed(self.readings):
            if not reading.correlation >= RANKING_CORRELATION:
                break
            first = reading.step
        return first

    def detectable_ratio(self, seeds: int) -> float:
        """The smallest ratio of two losses' fd, above 1, that so many equal seeds detect at the last checkpoint.

        In 80 % of studies, by a two-sided paired t test at 5 % on ln fd, where no training fails. NaN below two seeds.
        The noise is that of the leading losses, with which whatever is worth a comparison will be compared.
        """
        rows = [self.viable.index(loss) for loss in self.leading]
        noise_sd = spread(self.table(self.conditions.steps)[rows]).noise_sd
        return math.exp(detectable_effect(seeds) * math.sqrt(2) * noise_sd)

    def threshold(self, step: int) -> PruningThreshold | None:
        """The kill rule that a checkpoint allows: with a margin over the worst of the leading references.

        It stops a trial above min(1.5·w, √w), where w is the worst share, fd / fd of the untrained generator, that a
        completed training of a leading loss had. √w lies halfway, on the scale of ln fd, between that training and one
        that has learnt nothing: it keeps the rule below 1, where failures are. Where √w leaves less than a tenth of
        margin there is no rule.

        Raises:
            ValueError: nothing was measured at this step.
        """
        place, viable, leading = self._place(step), self.viable, self.leading
        completed = [one for one in self.trainings if one.completed and one.loss in viable]
        worst = max((_share(one, place) for one in completed if one.loss in leading), default=math.nan)
        if not worst > 0:
            return None
        above = _rounded_up(min(KILL_MARGIN * worst, math.sqrt(worst)))
        if above < LEAST_MARGIN * worst:
            return None
        failed = [_share(one, place) for one in self.trainings if not one.completed and len(one.fd) > place]
        caught = sum(share > above for share in failed)
        slow = sum(_share(one, place) > above for one in completed)
        return PruningThreshold(PruningRule(step=step, above=above), worst, slow, caught, len(failed))

    def kill_thresholds(self, measured: Sequence[int]) -> tuple[PruningThreshold, ...]:
        """The rules for a search: at about a quarter and half of its first rung.

        At most two, at the last checkpoints up to these places; fewer where the references allow none. Where the
        references were measured at other steps, what they were before decides, which is more lenient.

        Args:
            measured: steps at which trials of the first rung are measured, rising; the last ends them.
        """
        found = {}
        for most in (measured[-1] / 4, measured[-1] / 2):
            step = max((step for step in measured if step <= most), default=0)
            known = max((known for known in self.conditions.checkpoints if known <= step), default=None)
            threshold = self.threshold(known) if known is not None else None
            if threshold is not None:
                found[step] = replace(threshold, rule=threshold.rule.model_copy(update={"step": step}))
        return tuple(found.values())

    def text(self) -> str:
        """The calibration as JSON, a training a line: what `ganetic.evolution.calibration_store` reads."""
        head = json.dumps(self.model_dump(mode="json", exclude={"trainings"}), indent=1, ensure_ascii=False)
        rows = (json.dumps(one.model_dump(mode="json"), separators=(",", ":")) for one in self.trainings)
        return head.removesuffix("\n}") + ',\n "trainings": [\n' + ",\n".join(rows) + "\n ]\n}\n"

    def _place(self, step: int) -> int:
        """Index of a checkpoint in `ReferenceTraining.fd`."""
        if step not in self.conditions.checkpoints:
            raise ValueError(f"nothing was measured at step {step}; only at {self.conditions.checkpoints}")
        return 1 + self.conditions.checkpoints.index(step)


def rounded(numbers: Iterable[float]) -> tuple[float, ...]:
    """Numbers with 5 significant digits."""
    return tuple(float(f"{number:.5g}") for number in numbers)


def _log_fd(training: ReferenceTraining, place: int) -> float:
    return math.log(training.fd[place]) if training.completed else math.nan


def _share(training: ReferenceTraining, place: int) -> float:
    return training.fd[place] / training.fd[0]


def _rounded_up(share: float) -> float:
    """To three decimals, so that rules can be read, and not below what was asked."""
    return math.ceil(share * 1000) / 1000
