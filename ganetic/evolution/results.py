"""A run as tables: read from its journal, also while it is being written."""

import math
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import geometric_mean
from typing import Any, Literal

import numpy as np
import pandas as pd

from ganetic.errors import UserError
from ganetic.evolution.events import EXHAUSTED, FINISHED, LIMIT, STOP, TIMING_AFFECTED
from ganetic.evolution.finals import AFTER_SEARCH
from ganetic.evolution.history import history
from ganetic.evolution.individual import Individual, joint_fitness
from ganetic.evolution.notebook import run_html
from ganetic.evolution.records import JOURNAL, FinalOutcome, RunReader
from ganetic.evolution.seeds import training_seed
from ganetic.evolution.trial_queue import describe
from ganetic.evolution.tuning import distances
from ganetic.jobs.journal import Journal, Record, Submission, collector_off
from ganetic.jobs.lock import is_locked
from ganetic.loss.equivalence import published_name
from ganetic.loss.formula import Formula
from ganetic.metrics.fitness import Fitness, SeedTrace, fitness
from ganetic.training.rates import Rates, chosen_rates
from ganetic.training.result import TrialResult

__all__ = ["EXHAUSTED", "JOURNAL", "Run", "latest_run", "open_run"]

Status = Literal["running", "stopped", "finished"]


class Run:
    """A look at a run as it stood when it was opened; nothing is ever written.

    What is asked for is read when it is asked for: of a long run `states`, `front` and `finals` need little.

    Attributes:
        directory: of the run.
        config: the space, the data, the seed and the metric.
        made_with: versions and hardware.
        stop_reason: why the search last ended, such as ``max_trials``; None before it did.

    Raises:
        UserError: there is no run, or its journal is damaged. Damage may also come to light later.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._reader = reader = RunReader(directory)
        self.config, self.made_with = reader.config, reader.made_with
        stops = [event for event in reader.events if event.name == STOP]
        with reader.as_written():
            self.stop_reason: str | None = stops[-1].detail["reason"] if stops else None

    def _repr_html_(self) -> str:
        """The run in a notebook: where it stands, and the best of its finals or of its front."""
        return run_html(self.directory.name, self.status, self.config, self.front(), self.finals())

    def check(self) -> None:
        """Read all of the journal.

        Raises:
            UserError: it is damaged.
        """
        _ = self._reader.individuals, self._reader.finals

    @property
    def status(self) -> Status:
        """``running`` while a driver holds its lock; ``finished`` when its finals are over; else ``stopped``."""
        return "running" if is_locked(self.directory) else self.status_when_idle

    @property
    def status_when_idle(self) -> Status:
        """The status as it is without a driver."""
        events = self._reader.events
        last = events[-1] if events else None
        # A finished run may have been resumed since: its finals are then those of an earlier stop.
        return "finished" if last is not None and (last.name, last.at) == (FINISHED, self.asked) else "stopped"

    @property
    def asked(self) -> int:
        """Trials that the search has submitted; those that come after it are not counted."""
        return sum(entry.kind not in AFTER_SEARCH for entry in self._reader.entries)

    @property
    def bred(self) -> int:
        """Individuals that the search has submitted; they are numbered from 0."""
        return sum(entry.kind == "child" for entry in self._reader.entries)

    @property
    def steps(self) -> int:
        """Training steps of the search's trials that have ended; those that come after it are not counted."""
        searched = (entry.number for entry in self._reader.entries if entry.kind not in AFTER_SEARCH)
        return sum(self.results[number].steps for number in searched if number in self.results)

    @property
    def limit(self) -> int | None:
        """Trials before the finals, as the last `resume` said that was asked for more or less; None for the space's."""
        limits = [int(event.detail["max_trials"]) for event in self._reader.events if event.name == LIMIT]
        return limits[-1] if limits else None

    @property
    def goes_on(self) -> bool:
        """Whether the limit was moved after the search had stopped last, so that a resumed one goes on from there."""
        last = next((event.name for event in reversed(self._reader.events) if event.name in (LIMIT, STOP)), STOP)
        return last == LIMIT

    @property
    def timing_affected(self) -> list[int]:
        """Trials that ran over their wall time twice: what came after them depends on the clock of that machine."""
        return [int(event.detail["number"]) for event in self._reader.events if event.name == TIMING_AFFECTED]

    @property
    def under_way(self) -> int:
        """Trials that were submitted and have not ended; a stopped run starts them again when it is resumed."""
        return sum(entry.state is None for entry in self._reader.entries)

    @property
    def results(self) -> dict[int, TrialResult]:
        """What came of each trial that ended, by its number in the journal."""
        return self._reader.results

    def trials(self) -> pd.DataFrame:
        """A row a trial: number, kind, individual, formula, seed, steps, state, reason, fd, seconds, times, node."""
        records = self._reader.records
        with self._reader.as_written():
            rows = [self._trial_row(submission, records.get(submission.number)) for submission in self._submissions]
        return pd.DataFrame(
            rows,
            columns=(
                *("number", "kind", "individual", "formula", "seed", "steps", "state", "reason", "fd"),
                *("seconds", "submitted_at", "finished_at", "node"),
            ),
        )

    def traces(self) -> pd.DataFrame:
        """A row a measurement: number, individual, kind, seed, step, fd; step 0 is the untrained generator."""
        results = self.results
        with self._reader.as_written():
            rows = [
                (submission.number, submission.subject, submission.kind, int(submission.payload["seed"]), step, fd)
                for submission in self._submissions
                if submission.number in results
                for step, fd in results[submission.number].trace
            ]
        return pd.DataFrame(rows, columns=("number", "individual", "kind", "seed", "step", "fd"))

    def individuals(self, numbers: Collection[int] | None = None) -> pd.DataFrame:
        """A row an individual, in order of submission: what it is, how far it got, and how good it is there.

        `name` is that of the published loss that it is, whether it was seeded or found again. To find it, and to write
        a formula readably, takes most of the time; `scores` is without both. Where individuals carry rates,
        `learning_rate` and `beta1` come last.

        Args:
            numbers: of the wanted individuals; None for all.
        """
        known = self._reader.individuals if numbers is None else self._reader.individuals_of(numbers)
        return self._described(known)

    def scores(self) -> pd.DataFrame:
        """The table `individuals`, without ``name`` and ``readable``."""
        return self._scored(self._reader.individuals)

    def history(self) -> pd.DataFrame:
        """A row for each rung that an individual reached, with the trials and steps until then.

        See `ganetic.evolution.history.history`.
        """
        return history(self.config.space, self._reader.individuals, self._submissions, self.results)

    def front(self) -> pd.DataFrame:
        """The undominated viable individuals at the highest rung that anyone reached, by rising fd."""
        return self._described(self._reader.front)

    def finals(self) -> pd.DataFrame:
        """A row a contestant of the last finals that has results, by rising fd.

        Columns: contestant, individual (-1 for a reference), name (of a reference), readable, formula, reference,
        seeds, trainings (the seeds on all proxies), failed (of these), fd (geometric mean, a failed seed counting as
        untrained), fd_low and fd_high (best and worst seed), sd_ln_fd, instability; where rates were chosen for the
        finals, learning_rate and beta1. With several proxies a seed's fd is the geometric mean over them.
        """
        columns = (
            *("contestant", "individual", "name", "readable", "formula", "reference", "seeds", "trainings", "failed"),
            *("fd", "fd_low", "fd_high", "sd_ln_fd", "instability"),
            *self._rates_columns,
        )
        rows = [self._final_row(trials) for trials in self._reader.finals.values()]
        ended = [row for row in rows if row is not None]
        return pd.DataFrame(ended, columns=columns).sort_values("fd", ignore_index=True)

    def final_rates(self, contestant: str) -> Rates | None:
        """The rates that a contestant of the last finals was trained with; None for those of the proxies."""
        return self._reader.finals[contestant][0].about.rates

    def tuning(self) -> pd.DataFrame:
        """A row a contestant of the last finals and rates that were tried for it, by rising fd of each contestant.

        Columns: contestant, learning_rate, beta1, fd (geometric mean, a failed seed counting as untrained), seeds,
        chosen (whether it entered the finals with them). Empty where the space has no `genes`, or before its trials
        have ended.
        """
        columns = ("contestant", "learning_rate", "beta1", "fd", "seeds", "chosen")
        genes, trials = self.config.space.genes, self._reader.tuning
        if genes is None:
            return pd.DataFrame(columns=columns)
        ended = [(one.about, one.trace) for own in trials.values() for one in own]
        known = distances(trials, genes.tuning_seeds, self.config.scales, ended)
        _, best = chosen_rates(genes, known)
        rows = [
            (name, rates.learning_rate, rates.beta1, geometric_mean(fds), len(fds), rates == (best or {}).get(name))
            for name, own in known.items()
            for rates, fds in sorted(own.items(), key=lambda item: geometric_mean(item[1]))
        ]
        return pd.DataFrame(rows, columns=columns)

    def final_values(self) -> pd.DataFrame:
        """A row a final trial: contestant, individual, name, proxy, seed, failed, fd, a failed one's as untrained."""
        names = [proxy.name for proxy in self.config.space.proxies]
        rows = [
            (
                name,
                trial.individual,
                "" if trial.individual >= 0 else name,
                names[trial.about.proxy],
                trial.seed,
                trial.trace.failed,
                self._last_fd(trial.trace, trial.about.proxy),
            )
            for name, trials in self._reader.finals.items()
            for trial in trials
        ]
        return pd.DataFrame(rows, columns=("contestant", "individual", "name", "proxy", "seed", "failed", "fd"))

    def search_values(self, number: int) -> pd.DataFrame:
        """A row a training of an individual at its highest rung: proxy, seed, fd."""
        names = [proxy.name for proxy in self.config.space.proxies]
        judged = self._individual(number).judged
        rows = []
        for slot, trace in enumerate(judged[-1] if judged else ()):
            seed, proxy = divmod(slot, len(names))
            rows.append((names[proxy], training_seed(self.config.seed, "search", seed), self._last_fd(trace, proxy)))
        return pd.DataFrame(rows, columns=("proxy", "seed", "fd"))

    def final_fitnesses(self, contestant: str) -> dict[str, Fitness]:
        """The fitness of a contestant of the last finals on each proxy where a trial has ended, by its name."""
        table: dict[str, Fitness] = {}
        for number, (proxy, scale) in enumerate(zip(self.config.space.proxies, self.config.scales, strict=True)):
            traces = [trial.trace for trial in self._reader.finals[contestant] if trial.about.proxy == number]
            if traces:
                table[proxy.name] = fitness(traces, *scale)
        return table

    def search_fitnesses(self, number: int) -> dict[str, Fitness]:
        """The fitness of an individual on each proxy at its highest rung; none before the first."""
        judged = self._individual(number).judged
        count = len(self.config.measures)
        return {
            proxy.name: fitness(judged[-1][place::count], *scale)
            for place, (proxy, scale) in enumerate(zip(self.config.space.proxies, self.config.scales, strict=True))
            if judged
        }

    def states(self) -> dict[str, int]:
        """Ended trials by ``completed``, ``pruned: mode_collapse``, …."""
        ended = (entry for entry in self._reader.entries if entry.state is not None)
        return dict(Counter(map(describe, ended)).most_common())

    def rejections(self) -> dict[str, int]:
        """Draws that were rejected without a training, by reason."""
        return self._reader.rejections()

    @property
    def _submissions(self) -> list[Submission]:
        return self._reader.submissions

    def _individual(self, number: int) -> Individual:
        found = self._reader.individuals_of([number])
        if not found:
            raise LookupError(f"{self.directory} has no individual {number}")
        return found[0]

    def _described(self, individuals: Sequence[Individual]) -> pd.DataFrame:
        """The table with names and readable forms."""
        formulas = [Formula.from_text(one.text, f"{self._reader.path}: individual {one.number}") for one in individuals]
        table = self._scored(individuals)
        table.insert(1, "name", pd.Series(map(published_name, formulas), dtype=object))
        table.insert(3, "readable", pd.Series((formula.readable for formula in formulas), dtype=object))
        return table

    def _scored(self, individuals: Sequence[Individual]) -> pd.DataFrame:
        ahead = {individual.number for individual in self._reader.front}
        with collector_off():
            rows = [self._individual_row(individual, individual.number in ahead) for individual in individuals]
        return pd.DataFrame(
            rows,
            columns=(
                *("individual", "formula", "origin", "rung", "seeds", "failed", "fd"),
                *("instability", "viable", "nodes", "fingerprint", "on_front"),
                *self._rates_columns,
            ),
        )

    def _trial_row(self, submission: Submission, record: Record | None) -> tuple[Any, ...]:
        result = self.results.get(submission.number)
        trace = result.trace if result else ()
        return (
            *(submission.number, submission.kind, submission.subject, submission.text),
            *(int(submission.payload["seed"]), int(submission.payload["steps"])),
            *(record.state if record else "running", record.reason if record else None),
            trace[-1][1] if trace else math.nan,
            record.seconds if record else math.nan,
            submission.submitted_at,
            record.finished_at if record else math.nan,
            record.node if record else None,
        )

    def _individual_row(self, individual: Individual, on_front: bool) -> tuple[Any, ...]:
        known = individual.fitness if individual.fitnesses else None
        return (
            individual.number,
            individual.text,
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
            *self._rates_cells(individual.rates),
        )

    @property
    def _rates_columns(self) -> tuple[str, ...]:
        return () if self.config.space.genes is None else ("learning_rate", "beta1")

    def _rates_cells(self, rates: Rates | None) -> tuple[float, ...]:
        return () if rates is None else (rates.learning_rate, rates.beta1)

    def _last_fd(self, trace: SeedTrace, proxy: int) -> float:
        return self.config.measures[proxy].start_fd if trace.failed else trace.points[-1][1]

    def _final_row(self, trials: list[FinalOutcome]) -> tuple[Any, ...] | None:
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
            Formula.from_text(first.text, f"{self._reader.path}: {first.about.contestant} of the finals").readable,
            first.text,
            first.individual < 0,
            len(whole),
            len(whole) * count,
            known.failed,
            known.fd,
            math.exp(values.min()),
            math.exp(values.max()),
            float(values.std(ddof=1)) if len(values) > 1 else math.nan,
            known.instability,
            *self._rates_cells(first.about.rates),
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
    newest_first = sorted(_runs_in(root), key=_last_written, reverse=True)
    found = next(filter(_is_of_a_search, newest_first), None)
    if found is None:
        raise UserError(f"{root}: no run there yet; `ganetic search` makes one")
    return found


def _last_written(directory: Path) -> float:
    """While a run is being written, the write-ahead log beside its journal is newer than the journal."""
    times = [0.0]
    for path in directory.glob(f"{JOURNAL}*"):
        with suppress(FileNotFoundError):  # the log is folded into the journal, and gone, when its writer ends
            times.append(path.stat().st_mtime)
    return max(times)


def _runs_in(root: Path) -> Iterator[Path]:
    if root.is_dir():
        yield from (path for path in root.iterdir() if (path / JOURNAL).is_file())


def _is_of_a_search(directory: Path) -> bool:
    """Studies keep journals too, beside the runs; a damaged one is left for `open_run` to complain about."""
    try:
        with Journal.open_readonly(directory / JOURNAL) as journal:
            return "config" in journal.meta
    except UserError:
        return True
