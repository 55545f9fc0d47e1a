"""The run's sequence of trials: numbered, written down, handed to the executor, and taken back."""

import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ganetic.evolution.migrations import about_today
from ganetic.jobs.executor import Executor, Payload
from ganetic.jobs.journal import JobSummary, Journal, Record, Submission, collector_off
from ganetic.training.result import TrialResult, TrialState
from ganetic.training.spec import TrialSpec

ABOUT = "about"
"""Key of a payload in the journal under which stands what the trial is for; workers do not see it."""
KEPT = ("seed", "steps")
"""Keys of a `TrialSpec` that stand in the journal, too: for reading it by SQL. All else follows from what the trial is
for, its text and the run's configuration, and would be most of a long journal."""


class TrialQueue:
    """Numbers trials in order of submission, and keeps the journal, the executor and the results in step.

    Attributes:
        results: what came back, by number.
        submissions: everything submitted, by number.
    """

    def __init__(self, journal: Journal, executor: Executor) -> None:
        self._journal, self._executor = journal, executor
        self._waiting: deque[tuple[int, Payload]] = deque()
        self.submissions: list[Submission] = submissions_in(journal)
        self.results = results_of(journal.records())
        self.states: Counter[str] = Counter(describe(result) for result in self.results.values())

    @property
    def outstanding(self) -> int:
        """Trials that are to come back."""
        return len(self._waiting) + self._executor.outstanding()

    @property
    def slots(self) -> int:
        """Trials that can run at once."""
        return self._executor.slots

    def submit(self, kind: str, subject: int, trial: TrialSpec, about: Mapping[str, Any]) -> int:
        """Number a trial, write it down, and hand it to the executor."""
        number = len(self.submissions)
        payload = trial.model_dump(mode="json")
        submission = Submission(number, kind, subject, trial.formula, kept_of(payload, about), time.time())
        self._journal.submit_all([submission])
        self.submissions.append(_today(submission))
        self._waiting.append((number, payload))
        self._hand_out()
        return number

    def resubmit(self, trial_of: Callable[[Submission], TrialSpec]) -> int:
        """Hand what a former driver submitted and never got back to the executor; returns how many.

        Args:
            trial_of: the trial that a submission asked for.
        """
        lost = [submission for submission in self.submissions if submission.number not in self.results]
        for submission in lost:
            self._waiting.append((submission.number, trial_of(submission).model_dump(mode="json")))
        self._hand_out()
        return len(lost)

    def withhold(self) -> int:
        """Forget what was not handed to the executor yet, until it is resubmitted; returns how many."""
        count = len(self._waiting)
        self._waiting.clear()
        return count

    def _hand_out(self) -> None:
        """Keep one trial in reserve for each that runs, and no more, so that an interrupted search soon ends."""
        while self._waiting and self._executor.outstanding() < 2 * max(1, self._executor.slots):
            self._executor.submit(*self._waiting.popleft())

    def collect(self, timeout_seconds: float) -> list[int]:
        """Wait for trials to end, write down what came of them, and return their numbers.

        Raises:
            RuntimeError: a trial raised, which is an error in our own code; everything else that ended is written.
        """
        outcomes = self._executor.wait(timeout_seconds)
        ended = [outcome for outcome in outcomes if outcome.status != "raised"]
        if ended:
            self._journal.record_all(ended)
        for outcome in ended:
            state = (outcome.record or {}).get("state", outcome.status)
            result = trial_result(state, outcome.record, outcome.seconds)
            self.results[outcome.number] = result
            self.states[describe(result)] += 1
        self._hand_out()
        for outcome in outcomes:
            if outcome.status == "raised":
                raise RuntimeError(f"trial {outcome.number} raised:\n{outcome.error}")
        return [outcome.number for outcome in ended]


def kept_of(payload: Payload, about: Mapping[str, Any]) -> Payload:
    """What a journal keeps of a trial's payload, and of what the trial is for."""
    return {**{key: payload[key] for key in KEPT}, ABOUT: {key: value for key, value in about.items() if key != "text"}}


def submissions_in(journal: Journal, numbers: Collection[int] | None = None) -> list[Submission]:
    """All trials of a journal, or those with these numbers, in order of number, with what they are for as of today."""
    return [_today(submission) for submission in journal.submissions(numbers)]


def _today(submission: Submission) -> Submission:
    about = submission.payload.get(ABOUT)
    today = about_today(about, submission.text)
    return submission if today is about else submission._replace(payload={**submission.payload, ABOUT: today})


def trial_result(state: str, record: Mapping[str, Any] | None, seconds: float) -> TrialResult:
    """The result in a journal's row; a trial that timed out or crashed has measured nothing."""
    if record is not None:
        return TrialResult.model_validate(record)
    return TrialResult(state=TrialState(state), reason=None, trace=(), steps=0, seconds=seconds, peak_memory_bytes=0)


@collector_off()
def results_of(records: list[Record]) -> dict[int, TrialResult]:
    """The results in a journal, by number."""
    return {record.number: trial_result(record.state, record.record, record.seconds) for record in records}


def describe(result: TrialResult | JobSummary) -> str:
    """``completed``, ``pruned: mode_collapse``, …: the key under which a trial is counted."""
    return f"{result.state}: {result.reason}" if result.reason else str(result.state)
