"""A run as tables: read from its journal, also while it is being written."""

import fcntl
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from ganetic.config import validate
from ganetic.errors import UserError
from ganetic.jobs.journal import Journal, Record, Submission
from ganetic.loss.formula import Formula
from ganetic.loss.resemblance import published_name
from ganetic.metrics.stability import Fitness, SeedTrace, fitness
from ganetic.proxy.trial import TrialResult
from ganetic.search.driver import FINISHED, STOP
from ganetic.search.finals import FinalTrial, assess, front
from ganetic.search.history import history
from ganetic.search.individual import Individual, joint_fitness, seed_trace
from ganetic.search.ledger import ABOUT, describe, results_of
from ganetic.search.run_config import RunConfig
from ganetic.search.seeds import training_seed

JOURNAL = "journal.db"
Status = Literal["running", "stopped", "finished"]


class _Final(NamedTuple):
    """An ended trial of the finals."""

    about: FinalTrial
    individual: int
    text: str
    seed: int
    trace: SeedTrace


class Run:
    """A look at a run as it stood when it was opened; nothing is ever written.

    Attributes:
        directory: of the run.
        config: the space, the data, the seed and the metric.
        made_with: versions and hardware.
        results: what came of each trial that ended, by its number in the journal.
        stop_reason: why the search last ended, such as ``max_trials``; None before it did.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        if not directory.is_dir():
            raise UserError(f"{directory}: there is no run here; `ganetic search` makes one under runs/")
        self._path = path = directory / JOURNAL
        if not path.exists():
            raise UserError(f"{directory}: not a run, it holds no {JOURNAL}; name a directory under runs/")
        with Journal.open_readonly(path) as journal:
            meta = journal.meta
            # Records first: a trial that ends in between is then known as running, never as a record of nothing.
            self._records: list[Record] = journal.records()
            self._submissions: list[Submission] = journal.submissions()
            self._events = journal.events()
        if "config" not in meta:
            raise UserError(f"{path}: holds no configuration; it was not written by `ganetic search`")
        self.config = validate(meta["config"], RunConfig, where=str(path))
        with _as_written(path):
            self.made_with: dict[str, str] = dict(meta.get("made_with", {}))
            self.results: dict[int, TrialResult] = results_of(self._records)
            self._budgets = [(int(one.payload["seed"]), int(one.payload["steps"])) for one in self._submissions]
            self._individuals = assess(self.config.space, self.config.scales, self._submissions, self.results)
            self._finals = self._last_finals()
            rows = [self._final_row(trials) for trials in self._finals.values()]
            self._final_rows = [row for row in rows if row is not None]
            stops = [event for event in self._events if event.name == STOP]
            self.stop_reason: str | None = stops[-1].detail["reason"] if stops else None

    @property
    def status(self) -> Status:
        """``running`` while a driver holds its lock; ``finished`` when its finals are over; else ``stopped``."""
        return "running" if _is_locked(self.directory) else self.status_when_idle

    @property
    def status_when_idle(self) -> Status:
        """The status as it is without a driver."""
        last = self._events[-1] if self._events else None
        # A finished run may have been resumed since: its finals are then those of an earlier stop.
        return "finished" if last is not None and (last.name, last.at) == (FINISHED, self.asked) else "stopped"

    @property
    def asked(self) -> int:
        """Trials that the search has submitted, finals not counted."""
        return sum(submission.kind != "final" for submission in self._submissions)

    def trials(self) -> pd.DataFrame:
        """A row a trial: number, kind, individual, formula, seed, steps, state, reason, fd, seconds, times, node."""
        records = {record.number: record for record in self._records}
        return pd.DataFrame(
            [
                self._trial_row(submission, budget, records.get(submission.number))
                for submission, budget in zip(self._submissions, self._budgets, strict=True)
            ],
            columns=(
                *("number", "kind", "individual", "formula", "seed", "steps", "state", "reason", "fd"),
                *("seconds", "submitted_at", "finished_at", "node"),
            ),
        )

    def traces(self) -> pd.DataFrame:
        """A row a measurement: number, individual, kind, seed, step, fd; step 0 is the untrained generator."""
        rows = [
            (submission.number, submission.subject, submission.kind, seed, step, fd)
            for submission, (seed, _) in zip(self._submissions, self._budgets, strict=True)
            if submission.number in self.results
            for step, fd in self.results[submission.number].trace
        ]
        return pd.DataFrame(rows, columns=("number", "individual", "kind", "seed", "step", "fd"))

    def individuals(self) -> pd.DataFrame:
        """A row an individual, in order of submission: what it is, how far it got, and how good it is there.

        `name` is that of the published loss that it is, whether it was seeded or found again.
        """
        return self._table(self._individuals)

    def history(self) -> pd.DataFrame:
        """A row for each rung that an individual reached, with the trials and steps until then.

        See `ganetic.search.history.history`.
        """
        return history(self.config.space, self._individuals, self._submissions, self.results)

    def front(self) -> pd.DataFrame:
        """The undominated viable individuals at the highest rung that anyone reached, by rising fd."""
        return self._table(self._front)

    def finals(self) -> pd.DataFrame:
        """A row a contestant of the last finals that has results, by rising fd.

        Columns: contestant, individual (-1 for a reference), name (of a reference), readable, formula, reference,
        seeds, failed, fd (geometric mean, a failed seed counting as untrained), fd_low and fd_high (best and
        worst seed), sd_ln_fd, instability. With several proxies a seed's fd is the geometric mean over them.
        """
        columns = (
            *("contestant", "individual", "name", "readable", "formula", "reference", "seeds", "failed", "fd"),
            *("fd_low", "fd_high", "sd_ln_fd", "instability"),
        )
        return pd.DataFrame(self._final_rows, columns=columns).sort_values("fd", ignore_index=True)

    def final_values(self) -> pd.DataFrame:
        """A row a final trial: contestant, individual, name, proxy, seed, fd; a failed seed counts as untrained."""
        names = [proxy.name for proxy in self.config.space.proxies]
        rows = [
            (
                name,
                trial.individual,
                "" if trial.individual >= 0 else name,
                names[trial.about.proxy],
                trial.seed,
                self._last_fd(trial.trace, trial.about.proxy),
            )
            for name, trials in self._finals.items()
            for trial in trials
        ]
        return pd.DataFrame(rows, columns=("contestant", "individual", "name", "proxy", "seed", "fd"))

    def search_values(self, number: int) -> pd.DataFrame:
        """A row a training of an individual at its highest rung: proxy, seed, fd, as in `final_values`."""
        names = [proxy.name for proxy in self.config.space.proxies]
        judged = self._individuals[number].judged
        rows = []
        for slot, trace in enumerate(judged[-1] if judged else ()):
            seed, proxy = divmod(slot, len(names))
            rows.append((names[proxy], training_seed(self.config.seed, "search", seed), self._last_fd(trace, proxy)))
        return pd.DataFrame(rows, columns=("proxy", "seed", "fd"))

    def final_fitnesses(self, contestant: str) -> dict[str, Fitness]:
        """The fitness of a contestant of the last finals on each proxy where a trial has ended, by its name."""
        table: dict[str, Fitness] = {}
        for number, (proxy, scale) in enumerate(zip(self.config.space.proxies, self.config.scales, strict=True)):
            traces = [trial.trace for trial in self._finals[contestant] if trial.about.proxy == number]
            if traces:
                table[proxy.name] = fitness(traces, *scale)
        return table

    def search_fitnesses(self, number: int) -> dict[str, Fitness]:
        """The fitness of an individual on each proxy at its highest rung; none before the first."""
        judged = self._individuals[number].judged
        count = len(self.config.measures)
        return {
            proxy.name: fitness(judged[-1][place::count], *scale)
            for place, (proxy, scale) in enumerate(zip(self.config.space.proxies, self.config.scales, strict=True))
            if judged
        }

    def states(self) -> dict[str, int]:
        """Ended trials by ``completed``, ``pruned: mode_collapse``, …."""
        return dict(Counter(describe(result) for result in self.results.values()).most_common())

    def rejections(self) -> dict[str, int]:
        """Draws that were rejected without a training, by reason."""
        counts: Counter[str] = Counter()
        for submission in self._submissions:
            counts.update(submission.payload[ABOUT].get("rejections", {}))
        return dict(counts.most_common())

    @cached_property
    def _front(self) -> list[Individual]:
        return front(self._individuals)

    def _table(self, individuals: Sequence[Individual]) -> pd.DataFrame:
        ahead = {individual.number for individual in self._front}
        return pd.DataFrame(
            [self._individual_row(individual, individual.number in ahead) for individual in individuals],
            columns=(
                *("individual", "name", "formula", "readable", "origin", "rung", "seeds", "failed", "fd"),
                *("instability", "viable", "nodes", "fingerprint", "on_front"),
            ),
        )

    def _trial_row(self, submission: Submission, budget: tuple[int, int], record: Record | None) -> tuple[Any, ...]:
        result = self.results.get(submission.number)
        trace = result.trace if result else ()
        return (
            *(submission.number, submission.kind, submission.subject, submission.text),
            *budget,
            *(record.state if record else "running", record.reason if record else None),
            trace[-1][1] if trace else math.nan,
            record.seconds if record else math.nan,
            submission.submitted_at,
            record.finished_at if record else math.nan,
            record.node if record else None,
        )

    def _individual_row(self, individual: Individual, on_front: bool) -> tuple[Any, ...]:
        known = individual.fitness if individual.fitnesses else None
        formula = Formula.from_text(individual.text, f"{self._path}: individual {individual.number}")
        return (
            individual.number,
            published_name(formula),
            individual.text,
            formula.readable,
            individual.origin,
            individual.rung,
            self.config.space.rungs[individual.rung].seeds if known else len(individual.traces),
            known.failed if known else sum(trace.failed for trace in individual.traces.values()),
            known.fd if known else math.nan,
            known.instability if known else math.nan,
            individual.viable,
            individual.nodes,
            individual.fingerprint,
            on_front,
        )

    def _last_fd(self, trace: SeedTrace, proxy: int) -> float:
        return self.config.measures[proxy].start_fd if trace.failed else trace.points[-1][1]

    def _last_finals(self) -> dict[str, list[_Final]]:
        """The ended trials of the last finals by contestant."""
        finals = [
            (FinalTrial.model_validate(submission.payload[ABOUT]), submission)
            for submission in self._submissions
            if submission.kind == "final"
        ]
        last = max((about.stop for about, _ in finals), default=0)
        table: dict[str, list[_Final]] = {}
        for about, submission in finals:
            if about.stop == last and submission.number in self.results:
                trace = seed_trace(self.results[submission.number])
                seed = int(submission.payload["seed"])
                table.setdefault(about.contestant, []).append(
                    _Final(about, submission.subject, submission.text, seed, trace)
                )
        return table

    def _final_row(self, trials: list[_Final]) -> tuple[Any, ...] | None:
        """A contestant's row, of the seeds that have ended on every proxy; None while there is none."""
        count = len(self.config.measures)
        by_seed: dict[int, dict[int, SeedTrace]] = {}
        for trial in trials:
            by_seed.setdefault(trial.seed, {})[trial.about.proxy] = trial.trace
        whole = [[traces[proxy] for proxy in range(count)] for traces in by_seed.values() if len(traces) == count]
        if not whole:
            return None
        known = joint_fitness([trace for traces in whole for trace in traces], self.config.scales)
        values = np.log([[self._last_fd(trace, n) for n, trace in enumerate(traces)] for traces in whole]).mean(axis=1)
        first = trials[0]
        return (
            first.about.contestant,
            first.individual,
            "" if first.individual >= 0 else first.about.contestant,
            Formula.from_text(first.text, f"{self._path}: {first.about.contestant} of the finals").readable,
            first.text,
            first.individual < 0,
            len(whole),
            known.failed,
            known.fd,
            math.exp(values.min()),
            math.exp(values.max()),
            float(values.std(ddof=1)) if len(values) > 1 else math.nan,
            known.instability,
        )


def open_run(directory: Path | str) -> Run:
    """Open a run for reading, also while it is running.

    Raises:
        UserError: there is no run, or its journal is damaged.
    """
    return Run(Path(directory))


def latest_run(root: Path = Path("runs")) -> Path:
    """The run under a folder whose journal was written last.

    Raises:
        UserError: there is none.
    """
    found = sorted(_runs_in(root), key=_last_written)
    if not found:
        raise UserError(f"{root}: no run there yet; `ganetic search` makes one")
    return found[-1]


def _last_written(directory: Path) -> float:
    """While a run is being written, the write-ahead log beside its journal is newer than the journal."""
    return max(path.stat().st_mtime for path in directory.glob(f"{JOURNAL}*"))


def _runs_in(root: Path) -> Iterator[Path]:
    if root.is_dir():
        yield from (path for path in root.iterdir() if (path / JOURNAL).is_file())


@contextmanager
def _as_written(path: Path) -> Iterator[None]:
    """Turn what comes of a journal whose bytes were changed, so that it says what no search writes, into an error."""
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        what = " ".join(str(error).split())[:150]
        raise UserError(
            f"{path}: is damaged, it says what no search writes ({what}); restore it from a copy or start a new run"
        ) from None


def _is_locked(directory: Path) -> bool:
    path = directory / "lock"
    if not path.exists():
        return False
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(file, fcntl.LOCK_UN)
    return False
