"""An executor on a virtual clock: what a search does with many workers, without workers and without waiting."""

import copy
import heapq
import math
from collections import deque
from collections.abc import Callable
from typing import Any

from ganetic.jobs.executor import Executor, JobResult, Payload, run_caught


class SimulatedExecutor(Executor):
    """Every job takes the virtual seconds that `duration(number, payload)` says; its work runs at once, at its end.

    `wait` moves the clock to the next end of a job. The caller's own time is taken to be zero.
    """

    def __init__(
        self,
        slots: int,
        duration: Callable[[int, Payload], float],
        work: Callable[[Payload], dict[str, Any]],
    ) -> None:
        self.now = 0.0
        self.started: list[int] = []  # numbers in order of start
        self._slots = slots
        self._duration = duration
        self._work = work
        self._queue: deque[tuple[int, Payload]] = deque()
        self._running: list[tuple[float, int, float, Payload]] = []  # a heap of (end, number, start, payload)
        self._finished_seconds = 0.0
        self._closed = False

    @property
    def slots(self) -> int:
        return self._slots

    def submit(self, number: int, payload: Payload) -> None:
        outstanding = [queued for queued, _ in self._queue] + [running[1] for running in self._running]
        if self._closed or number in outstanding:
            raise ValueError(f"job {number} is outstanding already, or the executor is closed")
        self._queue.append((number, copy.deepcopy(payload)))
        self._fill()

    def wait(self, timeout: float | None = None) -> list[JobResult]:
        if not self._running:
            return []
        limit = math.inf if timeout is None else self.now + timeout
        end = self._running[0][0]
        if end > limit:
            self.now = limit
            return []
        self.now = end
        outcomes = []
        while self._running and self._running[0][0] == end:
            outcomes.append(self._finish())
        self._fill()
        return outcomes

    def outstanding(self) -> int:
        return len(self._queue) + len(self._running)

    def close(self) -> None:
        self._queue.clear()
        self._running.clear()
        self._closed = True

    def busy_share(self) -> float:
        """The share of all slots' time until now in which a job ran."""
        running = sum(self.now - start for _, _, start, _ in self._running)
        return (self._finished_seconds + running) / (self._slots * self.now)

    def _fill(self) -> None:
        while self._queue and len(self._running) < self._slots:
            number, payload = self._queue.popleft()
            end = self.now + self._duration(number, payload)
            heapq.heappush(self._running, (end, number, self.now, payload))
            self.started.append(number)

    def _finish(self) -> JobResult:
        end, number, start, payload = heapq.heappop(self._running)
        self._finished_seconds += end - start
        record, error = run_caught(self._work, payload)
        return JobResult(number, "raised" if error else "done", record, error, 1, end - start, "simulated")
