"""What a run's journal held at one moment, each part read when it is first asked for."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from ganetic.errors import UserError
from ganetic.evolution.config import RunConfig, RunMeta
from ganetic.evolution.contenders import contenders
from ganetic.evolution.finals import AFTER_SEARCH, FINAL, TUNING, FinalTrial, Kind, assess, front
from ganetic.evolution.individual import Individual, seed_trace
from ganetic.evolution.migrations import SEARCH
from ganetic.evolution.trial_queue import ABOUT, results_of, submissions_in
from ganetic.files import refuse_other_than_utf8
from ganetic.jobs.journal import Event, JobSummary, Journal, Record, Submission
from ganetic.metrics.fitness import SeedTrace
from ganetic.training.result import TrialResult

JOURNAL = "journal.db"


class FinalOutcome(NamedTuple):
    """An ended trial of the finals, or of those that chose the rates for them."""

    about: FinalTrial
    individual: int
    text: str
    seed: int
    trace: SeedTrace


class RunReader:
    """A run's journal as it stood when this was made, also while it is being written.

    What the journal holds never changes, it only grows: who passes over what was not there at first goes on seeing the
    run as it was. A hundred thousand trials take seconds to read, and few questions need them all.

    Attributes:
        path: of the journal.
        config: what the search is a function of.
        made_with: versions and hardware.
        entries: all trials in short form, by number.
        events: what else happened, in order.

    Raises:
        UserError: there is no run, or its journal is damaged; so do all that read more of it.
    """

    def __init__(self, directory: Path) -> None:
        refuse_other_than_utf8(directory)
        if not directory.is_dir():
            raise UserError(f"{directory}: there is no run here; `ganetic search` makes one under runs/")
        self.path = directory / JOURNAL
        if not self.path.exists():
            raise UserError(f"{directory}: {_what_it_is(directory)}")
        self._journal = Journal.open_readonly(self.path)
        meta = self._journal.meta
        if "kind" in meta:
            raise UserError(
                f"{directory}: holds a {meta['kind']}, not a search; the `ganetic` command that made it goes on with it"
            )
        if "config" not in meta:
            raise UserError(f"{self.path}: holds no configuration; it was not written by `ganetic search`")
        about = SEARCH.read(meta, RunMeta, where=str(self.path))
        self.config: RunConfig = about.config
        self.made_with: dict[str, str] = about.made_with
        # Events first: what they say of the trials, such as that all finals have ended, then holds for the entries.
        self.events: list[Event] = self._journal.events()
        self.entries: list[JobSummary] = self._journal.entries()
        with self.as_written():
            if any(entry.number != place for place, entry in enumerate(self.entries)):
                raise ValueError("trials are missing")

    @contextmanager
    def as_written(self) -> Iterator[None]:
        """Turn what comes of a journal whose bytes were changed, so that it says what no search writes, into an error.

        Raises:
            UserError: that.
        """
        try:
            yield
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            what = " ".join(str(error).split())[:150]
            raise UserError(
                f"{self.path}: is damaged, it says what no search writes ({what}); restore it from a copy or start a "
                "new run"
            ) from None

    @cached_property
    def submissions(self) -> list[Submission]:
        """All trials, by number."""
        return submissions_in(self._journal)[: len(self.entries)]

    @cached_property
    def results(self) -> dict[int, TrialResult]:
        """What came of each trial that had ended, by number."""
        with self.as_written():
            return results_of(list(self.records.values()))

    @cached_property
    def records(self) -> dict[int, Record]:
        """What the journal says of each trial that had ended, by number."""
        return self._records(None)

    @cached_property
    def individuals(self) -> list[Individual]:
        """All individuals with all that was known of them, by number."""
        with self.as_written():
            found = assess(self.config.space, self.config.scales, self.submissions, self.results)
            if any(individual.number != place for place, individual in enumerate(found)):
                raise ValueError("individuals are missing")
        return found

    def individuals_of(self, numbers: Collection[int]) -> list[Individual]:
        """Some individuals with all that was known of them, in order of number, from their own trials alone."""
        wanted = set(numbers)
        submissions, results = self._trials_where(
            lambda entry: entry.kind not in AFTER_SEARCH and entry.subject in wanted
        )
        with self.as_written():
            return assess(self.config.space, self.config.scales, submissions, results)

    @cached_property
    def front(self) -> list[Individual]:
        """The undominated viable individuals at the highest rung that anyone reached, by rising fd."""
        # Only who was tried again can be above the lowest rung.
        tried_again = {entry.subject for entry in self.entries if entry.kind == "reseed"}
        numbers = [
            entry.number for entry in self.entries if entry.kind not in AFTER_SEARCH and entry.subject in tried_again
        ]
        endings = [
            ending if self.entries[ending.number].state is not None else ending._replace(state=None)  # it ended since
            for ending in self._journal.endings(numbers)
        ]
        with self.as_written():
            possible = contenders(self.config.space.rungs, self.config.scales, endings, self.individuals_of)
        found = front(self.individuals_of(possible))
        return found if found and found[0].rung > 0 else front(self.individuals)

    @cached_property
    def finals(self) -> dict[str, list[FinalOutcome]]:
        """The ended trials of the last finals, by contestant."""
        return self._ended_after(FINAL, self._last_stop(FINAL))

    @cached_property
    def tuning(self) -> dict[str, list[FinalOutcome]]:
        """The ended trials that chose the rates for the last finals, by contestant; before any, those that will."""
        # A search that went on may be choosing rates for finals that have not begun.
        stop = self._last_stop(FINAL)
        return self._ended_after(TUNING, self._last_stop(TUNING) if stop is None else stop)

    def _last_stop(self, kind: Kind) -> int | None:
        """After how many trials the search had stopped when it submitted the last of this kind; None without any."""
        return max((about.stop for about, _, _ in self._trials_after(kind)), default=None)

    def _ended_after(self, kind: Kind, stop: int | None) -> dict[str, list[FinalOutcome]]:
        table: dict[str, list[FinalOutcome]] = {}
        with self.as_written():
            for about, one, result in self._trials_after(kind):
                if about.stop == stop and result is not None:
                    trace, seed = seed_trace(result), int(one.payload["seed"])
                    table.setdefault(about.contestant, []).append(
                        FinalOutcome(about, one.subject, one.text, seed, trace)
                    )
        return table

    def _trials_after(self, kind: Kind) -> list[tuple[FinalTrial, Submission, TrialResult | None]]:
        """All trials of a kind that comes after the search, with what came of those that ended."""
        submissions, results = self._trials_where(lambda entry: entry.kind == kind)
        with self.as_written():
            return [
                (FinalTrial.model_validate(one.payload[ABOUT]), one, results.get(one.number)) for one in submissions
            ]

    def rejections(self) -> dict[str, int]:
        """Draws that were rejected without a training, by reason; the most frequent first."""
        return self._journal.sums(f"$.{ABOUT}.rejections", below=len(self.entries))

    def _trials_where(self, wanted: Callable[[JobSummary], bool]) -> tuple[list[Submission], dict[int, TrialResult]]:
        numbers = [entry.number for entry in self.entries if wanted(entry)]
        submissions, records = submissions_in(self._journal, numbers), self._records(numbers)
        with self.as_written():
            return submissions, results_of(list(records.values()))

    def _records(self, numbers: Collection[int] | None) -> dict[int, Record]:
        ended = {entry.number for entry in self.entries if entry.state is not None}
        return {record.number: record for record in self._journal.records(numbers) if record.number in ended}


def _what_it_is(directory: Path) -> str:
    """Say what a directory is that holds no journal, and what takes it."""
    from ganetic.training.metadata import is_training  # noqa: PLC0415 - it imports torch, which no run needs to be read

    if is_training(directory):
        return "a training, not a search; `ganetic report`, `watch`, `evaluate`, `generate` and `resume` take it"
    return f"not a run, it holds no {JOURNAL}; name a directory under runs/"
