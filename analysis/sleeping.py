"""Slots whose trials sleep: what a search costs its driver when hundreds of workers are busy, without the workers.

The search is the real one, its journal is on disk, and its window bounds what is in flight; a trial takes a slot for so
many seconds, eightfold more for one in the dearest than in the cheapest (log-uniform), and its record is made up of its
text. On the clock `Skipping` nobody waits: time passes as the driver's own processor time does, and jumps to the next
end of a trial where the driver would sleep. So a machine that does other things measures what an idle one would, but
for waiting for the disk. On the clock `Waiting` it sleeps.
"""

import hashlib
import heapq
import math
import random
import resource
import time
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from ganetic.callbacks import Progress, ProgressCallback
from ganetic.interrupt import Interrupt
from ganetic.jobs.executor import Executor, JobResult, Payload

SPREAD = 8.0
"""The longest trial over the shortest."""
START_FD = 900.0
FAILING = 0.45
"""Share of losses that do not train."""


class Clock(Protocol):
    """A clock that can be waited on."""

    def now(self) -> float:
        """Seconds since some moment."""

    def wait_until(self, moment: float) -> None:
        """Return when the moment has come."""


class Waiting:
    """The wall clock."""

    def now(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def wait_until(self, moment: float) -> None:
        """Sleep."""
        time.sleep(max(0.0, moment - self.now()))


class Skipping:
    """Processor time of this process, and the time that it would have slept."""

    def __init__(self) -> None:
        self._skipped = 0.0

    def now(self) -> float:
        """Seconds since some moment."""
        return time.process_time() + self._skipped

    def wait_until(self, moment: float) -> None:
        """Pass over the time until then."""
        self._skipped += max(0.0, moment - self.now())


@dataclass(frozen=True)
class Stretch:
    """What was used until a moment.

    Attributes:
        at: the moment, on the executor's clock.
        busy: seconds that slots were busy, all of them together.
        driver: processor seconds of this process.
        ended: trials that have ended.
    """

    at: float
    busy: float
    driver: float
    ended: int


class SleepingExecutor(Executor):
    """So many slots; each trial sleeps in one of them.

    Args:
        slots: how many.
        mean_seconds: of a trial.
        clock: on which they sleep.
    """

    def __init__(self, slots: int, mean_seconds: float, clock: Clock) -> None:
        self._slots, self._clock = slots, clock
        self._shortest = mean_seconds * math.log(SPREAD) / (SPREAD - 1)
        self._queue: deque[tuple[int, Payload]] = deque()
        self._running: list[tuple[float, int, float, Payload]] = []
        self._busy, self._ended = 0.0, 0
        self.filled: Stretch | None = None
        """When all slots were busy for the first time."""

    @property
    def slots(self) -> int:
        """How many trials run at once."""
        return self._slots

    def submit(self, number: int, payload: Payload) -> None:
        """Queue a trial; see `Executor.submit`."""
        self._queue.append((number, payload))
        self._fill()
        if self.filled is None and len(self._running) == self._slots:
            self.filled = self.stretch()

    def wait(self, timeout: float | None = None) -> list[JobResult]:
        """Wait for trials to end; see `Executor.wait`."""
        if not self._running:
            return []
        limit = math.inf if timeout is None else self._clock.now() + timeout
        self._clock.wait_until(min(limit, self._running[0][0]))
        ended = []
        while self._running and self._running[0][0] <= self._clock.now():
            end, number, began, payload = heapq.heappop(self._running)
            self._busy += end - began
            ended.append(JobResult(number, "done", made_up(payload), None, 1, end - began, "here"))
        self._ended += len(ended)
        self._fill()
        return ended

    def outstanding(self) -> int:
        """Trials whose results have not been returned."""
        return len(self._queue) + len(self._running)

    def close(self) -> None:
        """Forget everything."""
        self._queue.clear()
        self._running.clear()

    def stretch(self) -> Stretch:
        """What was used until now."""
        now = self._clock.now()
        busy = self._busy + sum(min(end, now) - began for end, _, began, _ in self._running)
        return Stretch(now, busy, time.process_time(), self._ended)

    def _fill(self) -> None:
        """Start what waits; a slot that fell empty while the driver did other things was idle until now."""
        now = self._clock.now()
        while self._queue and len(self._running) < self._slots:
            number, payload = self._queue.popleft()
            seconds = self._shortest * SPREAD ** random.Random(number).random()
            heapq.heappush(self._running, (now + seconds, number, now, payload))


class StopAtTheEnd(ProgressCallback[Progress]):
    """Ends a search when it has asked for its last trial, and says what was used until then."""

    def __init__(self, executor: SleepingExecutor, interrupt: Interrupt) -> None:
        self._executor, self._interrupt = executor, interrupt
        self.last: Stretch | None = None

    def update(self, progress: Progress) -> None:
        """See `ProgressCallback.update`."""
        if progress.phase == "searching":
            self.last = self._executor.stretch()
        else:
            self._interrupt.requested = True


def made_up(payload: Payload) -> Payload:
    """A trial's record: whether a loss trains, and how well, follows from its text, and a little from its seed."""
    own, luck = (random.Random(hashlib.sha256(text.encode()).digest()) for text in _texts(payload))
    fails, end = own.random() < FAILING, math.exp(own.gauss(4.5, 0.5))
    steps = [0, *payload["checkpoints"]]
    trace = [(step, START_FD * 0.95 if fails else end * math.exp(luck.gauss(0, 0.15))) for step in steps]
    trace[0] = (0, START_FD)
    state = {"state": "failed", "reason": "mode_collapse"} if fails else {"state": "completed", "reason": None}
    measured = {"trace": trace, "raw_trace": trace, "steps": payload["steps"]}
    return {**state, **measured, "seconds": 3.0, "peak_memory_bytes": 711_880_704}


def _texts(payload: Payload) -> tuple[str, str]:
    return payload["formula"], f"{payload['formula']} {payload['seed']}"


def peak_bytes() -> int:
    """The most memory that this process ever held."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
