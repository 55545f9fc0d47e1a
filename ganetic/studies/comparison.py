"""A comparison of losses as tables: read from its journal, also while it is being written."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from itertools import count, takewhile
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd

from ganetic.config import validate
from ganetic.errors import UserError, unknown
from ganetic.evolution.individual import seed_trace
from ganetic.jobs.executor import Status
from ganetic.jobs.grid import read_grid
from ganetic.jobs.journal import Record
from ganetic.loss.formula import Formula
from ganetic.metrics.fitness import SeedTrace, fitness
from ganetic.stats import Summary, summarise
from ganetic.studies.config import MADE_WITH, Entry, Kind, Setup, StudyConfig, settings_in, trained_at
from ganetic.studies.ratios import Pair, Ratio, ratios
from ganetic.training.result import TrialResult, TrialState

JOURNAL = "journal.db"

RAISED: Status = "raised"
NOTHING = Summary(0, *[math.nan] * 6)
"""The summary of a loss whose trainings all raised."""

_RUNS = (
    *("proxy", "loss", "learning_rate", "beta1", "seed"),
    *("state", "reason", "fd", "counted_fd", "steps", "seconds", "node", "error"),
)
_RATES = ["learning_rate", "beta1"]
"""Columns that stand only where losses have rates of their own."""
_TUNING = ("loss", "learning_rate", "beta1", "geometric_mean", "seeds", "failed", "chosen")


@dataclass(frozen=True)
class LossSummary:
    """How a loss did on a proxy. All of fd is over seeds, a failed training counting as the untrained generator.

    Attributes:
        proxy: its name.
        loss: its name.
        learning_rate: Adam's, with which it was trained.
        beta1: Adam's decay rate of the mean of gradients.
        trainings: that have ended, but for those that raised an error: these say nothing of the loss.
        best: the lowest fd.
        worst: the highest.
        mean: the arithmetic mean.
        geometric_mean: what losses are ranked by.
        sd: standard deviation with n - 1; NaN of a single training.
        worst_over_best: their ratio.
        failed: trainings that failed, crashed or ran over their wall time.
        ills: what came of those that did not train, such as ``2 mode_collapse, 1 timed_out, 1 raised``.
        instability: see `ganetic.metrics.fitness`.
        seconds: wall time of a training, the median.
    """

    proxy: str
    loss: str
    learning_rate: float
    beta1: float
    trainings: int
    best: float
    worst: float
    mean: float
    geometric_mean: float
    sd: float
    worst_over_best: float
    failed: int
    ills: str
    instability: float
    seconds: float


class Comparison:
    """Losses on the same seeds for the same steps, as it stood when it was opened; nothing is ever written.

    A training that failed, crashed or ran over its wall time counts as the untrained generator's fd. One that raised is
    an error in our own code: it counts for nothing, and its seed is left out of the pairs.

    Attributes:
        directory: where its journal lies.
        settings: what was trained, how, and what is compared with what.
        made_with: versions and hardware.
    """

    def __init__(self, path: Path, kind: Kind = "comparison") -> None:
        meta, _, records = read_grid(path)
        self.directory = path.parent
        self.settings: StudyConfig = settings_in(meta, kind, path)
        self.made_with: dict[str, str] = dict(meta.get(MADE_WITH, {}))
        self._records: dict[int, Record] = {record.number: record for record in records}
        self._results = {
            record.number: validate(record.record, TrialResult, where=f"{path}: training {record.number}")
            for record in records
            if record.record is not None
        }

    @property
    def finished(self) -> bool:
        """Whether every training has ended."""
        return len(self._records) == self.total

    @property
    def ended(self) -> int:
        """How many trainings have ended."""
        return len(self._records)

    @property
    def total(self) -> int:
        """How many trainings there are, ended or not."""
        return len(self._trainings)

    def runs(self, at: Mapping[str, int] | None = None) -> pd.DataFrame:
        """A row a training that has ended, in order.

        Args:
            at: a step by proxy, at which the fd of its trainings is read; None for the last.

        Columns: proxy, loss, seed, state, reason (of a failure: its mode, or None), fd (as measured last; NaN where
        nothing was), counted_fd (the untrained generator's for a failure, NaN for an error), steps, seconds, node,
        error (the last line of a traceback, or why there is no record). Where losses have rates of their own,
        learning_rate and beta1 stand behind loss.
        """
        rows = [self._run_row(number, at) for number in sorted(self._records)]
        return self._without_shared_rates(pd.DataFrame(rows, columns=_RUNS))

    def traces(self) -> pd.DataFrame:
        """A row a measurement: proxy, loss, seed, failed, step, fd; step 0 is the untrained generator."""
        rows = [
            (proxy.name, loss.name, seed, result.state is not TrialState.COMPLETED, step, fd)
            for number, result in sorted(self._results.items())
            for loss, proxy, seed in (self._trainings[number],)
            for step, fd in result.trace
        ]
        return pd.DataFrame(rows, columns=("proxy", "loss", "seed", "failed", "step", "fd"))

    def summaries(self) -> list[LossSummary]:
        """How each loss did of which a training has ended, proxy by proxy, by rising geometric mean."""
        numbers: dict[tuple[int, Entry], list[int]] = {}
        order = {proxy.name: place for place, proxy in enumerate(self.settings.proxies)}
        for number in sorted(self._records):
            loss, proxy, _ = self._trainings[number]
            numbers.setdefault((order[proxy.name], loss), []).append(number)
        found = [(place, self._summary(own)) for (place, _), own in numbers.items()]
        return [
            summary
            for _, summary in sorted(found, key=lambda one: (one[0], not one[1].trainings, one[1].geometric_mean))
        ]

    def summary(self) -> pd.DataFrame:
        """The fields of `summaries`, a row a loss and proxy; without rates where losses have none of their own."""
        columns = tuple(field.name for field in fields(LossSummary))
        return self._without_shared_rates(pd.DataFrame([asdict(one) for one in self.summaries()], columns=columns))

    def tuning(self) -> pd.DataFrame:
        """A row a loss and rates that were tried for it, by loss and by rising rates; none where none were.

        Columns: loss, learning_rate, beta1, geometric_mean (of fd over seeds and proxies, a failed training counting as
        the untrained generator), seeds, failed (trainings, on all proxies), chosen.
        """
        runs = _tuning_runs(self.directory)
        if runs.empty:
            return pd.DataFrame(columns=_TUNING)
        runs["failed"] = runs["state"] != TrialState.COMPLETED
        table = runs.groupby(["loss", *_RATES], as_index=False).agg(
            geometric_mean=("counted_fd", lambda fds: math.exp(fds.map(math.log).mean())),
            seeds=("seed", "nunique"),
            failed=("failed", "sum"),
        )
        chosen = {(one.name, one.rates.learning_rate, one.rates.beta1) for one in self.settings.losses if one.rates}
        table["chosen"] = [row in chosen for row in table[["loss", *_RATES]].itertuples(index=False, name=None)]
        places = {name: place for place, name in enumerate(self.settings.names)}
        return table.sort_values("loss", key=lambda names: names.map(places), kind="stable", ignore_index=True)

    def ratios(self, reference: str | None = None, at: Mapping[str, int] | None = None) -> list[Ratio]:
        """Every loss against its reference on the seeds that both have, as one family, by rising ratio on each proxy.

        Where configurations are compared, each is in the same family against its reference, loss by loss.

        Args:
            reference: another loss to compare all the others with, or another configuration likewise.
            at: a step by configuration, at which the fd of its trainings is read; configurations alone are compared
                then. None for the last.

        Raises:
            UserError: no loss has this name, and no configuration.
        """
        runs = self.runs(at)
        runs["untrained"] = runs["state"] != TrialState.COMPLETED
        tables, failed = (self._by_seed(runs, values) for values in ("counted_fd", "untrained"))
        if not self.settings.several_proxies:
            tables, failed = ({"": next(iter(table.values()))} for table in (tables, failed))
        pairs = self._pairs(reference)
        return ratios(tables, pairs if at is None else [pair for pair in pairs if pair.first in at], failed)

    def measures(self) -> pd.DataFrame:
        """A row a number that a training ended with: proxy, loss, seed, name, protocol, value, floor.

        Trainings of configurations that are compared have such numbers, but for those that failed.
        """
        rows = [
            (proxy.name, loss.name, seed, one.name, one.protocol, one.value, one.floor)
            for number, result in sorted(self._results.items())
            for loss, proxy, seed in (self._trainings[number],)
            for one in result.measures
        ]
        return pd.DataFrame(rows, columns=("proxy", "loss", "seed", "name", "protocol", "value", "floor"))

    def paces(self) -> pd.DataFrame:
        """A row a training by its own clock: proxy, loss, seed, steps, seconds (until the last measurement)."""
        rows = [
            (proxy.name, loss.name, seed, result.steps, result.seconds)
            for number, result in sorted(self._results.items())
            for loss, proxy, seed in (self._trainings[number],)
        ]
        return pd.DataFrame(rows, columns=("proxy", "loss", "seed", "steps", "seconds"))

    def strengths(self) -> pd.DataFrame:
        """A row a training whose augmentation adapts: proxy, loss, seed, most (the largest p of its measurements)."""
        rows = [
            (proxy.name, loss.name, seed, max(result.strengths))
            for number, result in sorted(self._results.items())
            for loss, proxy, seed in (self._trainings[number],)
            if result.strengths
        ]
        return pd.DataFrame(rows, columns=("proxy", "loss", "seed", "most"))

    def differences(self, reference: str | None = None, at: Mapping[str, int] | None = None) -> pd.DataFrame:
        """The fields of `ratios`, a row a pair."""
        columns = tuple(field.name for field in fields(Ratio))
        return pd.DataFrame([asdict(one) for one in self.ratios(reference, at)], columns=columns)

    def formulas(self) -> dict[str, str]:
        """The losses for people, by name."""
        return {loss.name: Formula.from_text(loss.text).readable for loss in self.settings.losses}

    @cached_property
    def _trainings(self) -> list[tuple[Entry, Setup, int]]:
        return list(self.settings.trainings())

    def _without_shared_rates(self, table: pd.DataFrame) -> pd.DataFrame:
        return table if self.settings.has_rates else table.drop(columns=_RATES)

    def _pairs(self, reference: str | None) -> Sequence[Pair]:
        settings = self.settings
        names, arms = settings.names, [proxy.name for proxy in settings.proxies] if settings.has_arms else []
        if reference is None:
            return [*settings.pairs, *settings.arms]
        if reference not in (*names, *arms):
            raise unknown("reference", reference, [*names, *arms], str(self.directory))
        if reference in names:
            return [*(Pair(name, reference) for name in names if name != reference), *settings.arms]
        return [*settings.pairs, *(Pair(name, reference) for name in arms if name != reference)]

    def _by_seed(self, runs: pd.DataFrame, values: str) -> dict[str, pd.DataFrame]:
        tables = {
            proxy.name: runs[runs["proxy"] == proxy.name].pivot(index="seed", columns="loss", values=values)
            for proxy in self.settings.proxies
        }
        if not self.settings.has_arms:
            return tables
        between = {
            place_of(loss, self.settings): runs[runs["loss"] == loss].pivot(
                index="seed", columns="proxy", values=values
            )
            for loss in self.settings.names
        }
        return {**tables, **between}

    def _run_row(self, number: int, at: Mapping[str, int] | None) -> tuple[Any, ...]:
        loss, proxy, seed = self._trainings[number]
        record, result = self._records[number], self._results.get(number)
        trace = [] if result is None else _until(result.trace, None if at is None else at[proxy.name])
        return (
            *(proxy.name, loss.name, *_rates_of(loss, proxy), seed, record.state, record.reason),
            *(trace[-1][1] if trace else math.nan, self._counted_fd(number, at)),
            *(result.steps if result else 0, record.seconds, record.node, _last_line(record.error)),
        )

    def _summary(self, numbers: list[int]) -> LossSummary:
        loss, proxy, _ = self._trainings[numbers[0]]
        records, measure = [self._records[number] for number in numbers], self.settings.measure(proxy.name)
        counted = [number for number in numbers if self._records[number].status != RAISED]
        fd = summarise([self._counted_fd(number) for number in counted]) if counted else NOTHING
        traces = [self._seed_trace(number) for number in counted]
        known = fitness(traces, measure.start_fd, measure.floor_fd) if counted else None
        reasons = Counter(record.reason or record.state for record in records if record.state != TrialState.COMPLETED)
        learning_rate, beta1 = _rates_of(loss, proxy)
        return LossSummary(
            proxy=proxy.name,
            loss=loss.name,
            learning_rate=learning_rate,
            beta1=beta1,
            trainings=fd.count,
            best=fd.best,
            worst=fd.worst,
            mean=fd.mean,
            geometric_mean=fd.geometric_mean,
            sd=fd.sd,
            worst_over_best=fd.worst_over_best,
            failed=known.failed if known else 0,
            ills=", ".join(f"{count} {reason}" for reason, count in reasons.most_common()),
            instability=known.instability if known else math.nan,
            seconds=median(record.seconds for record in records),
        )

    def _seed_trace(self, number: int) -> SeedTrace:
        result = self._results.get(number)
        return SeedTrace(failed=True, points=()) if result is None else seed_trace(result)

    def _counted_fd(self, number: int, at: Mapping[str, int] | None = None) -> float:
        if self._records[number].status == RAISED:
            return math.nan
        trace, proxy = self._seed_trace(number), self._trainings[number][1]
        points = _until(trace.points, None if at is None else at[proxy.name])
        return self.settings.measure(proxy.name).start_fd if trace.failed or not points else points[-1][1]


def place_of(loss: str, settings: StudyConfig) -> str:
    """Where configurations are compared with one another: in trainings with a loss; empty where there is one alone."""
    return f"trainings with {loss}" if len(settings.losses) > 1 else ""


def arm_label(arm: str, loss: str, settings: StudyConfig) -> str:
    """Name a loss in a configuration that is compared with others."""
    return f"{arm}, {loss}" if len(settings.losses) > 1 else arm


def tuning_journal(directory: Path, number: int) -> Path:
    """Where the trainings lie with which the choice of rates began (0), or those of its first, second, … extension."""
    return directory / (f"tuning-{number + 1}.db" if number else "tuning.db")


def open_comparison(directory: Path | str) -> Comparison:
    """Open a comparison for reading, also while it runs.

    Raises:
        UserError: there is none, or its journal is damaged.
    """
    directory = Path(directory)
    if not (directory / JOURNAL).is_file() and tuning_journal(directory, 0).is_file():
        raise UserError(
            f"{directory}: the rates of its losses are still being chosen; the command that began it goes on with it"
        )
    if not (directory / JOURNAL).is_file():
        raise UserError(f"{directory}: no comparison is here; `ganetic compare` makes one under runs/")
    return Comparison(directory / JOURNAL)


def _until(trace: Sequence[tuple[int, float]], step: int | None) -> Sequence[tuple[int, float]]:
    """The points of a trace up to a step; all where none is named."""
    return trace if step is None else [point for point in trace if point[0] <= step]


def _rates_of(loss: Entry, setup: Setup) -> tuple[float, float]:
    rates = trained_at(loss, setup)[0]
    return rates.learning_rate, rates.beta1


def _tuning_runs(directory: Path) -> pd.DataFrame:
    """A row a training of a tuning that has ended; empty where there is none."""
    journals = takewhile(Path.is_file, (tuning_journal(directory, number) for number in count()))
    parts = [runs for journal in journals if len(runs := Comparison(journal, "tuning").runs())]
    return pd.concat(parts) if parts else pd.DataFrame()


def _last_line(error: str | None) -> str | None:
    return error.strip().splitlines()[-1] if error and error.strip() else None
