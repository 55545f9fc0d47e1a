"""What it means to run jobs: plain data in, plain records out, started in order of submission."""

import copy
import platform
import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Protocol, Self, TypeVar

GPU_SHARE = "GANETIC_GPU_SHARE"
"""The variable in which a worker finds its job's share of a GPU, for torch to keep to; this layer knows no torch."""
Status = Literal["done", "timed_out", "crashed", "raised"]
Payload = dict[str, Any]
ContextT = TypeVar("ContextT")
Work = Callable[[ContextT, Payload], dict[str, Any]]
"""A module-level function of (shared read-only context, payload of one job) that returns the job's record."""


@dataclass(frozen=True, slots=True)
class JobResult:
    """What came of one job.

    Attributes:
        number: the number the job was submitted under.
        status: ``"done"``: the work returned; ``"timed_out"``: it ran over its wall time, and once more over it when
            tried again; ``"crashed"``: it killed several worker processes; ``"raised"``: it raised an exception,
            which is an error in our own code, never in a job's input.
        record: what the work returned, for ``"done"`` only.
        error: why there is no record: a sentence, or the traceback of an exception; None for ``"done"``.
        attempts: how many times the job was started, lost nodes included.
        seconds: wall time of the last attempt.
        node: where the last attempt ran, as ``host`` or ``address``.
    """

    number: int
    status: Status
    record: dict[str, Any] | None
    error: str | None
    attempts: int
    seconds: float
    node: str


class Executor(Protocol):
    """Runs numbered jobs; the one interface of a search to the machines it runs on."""

    @property
    def slots(self) -> int:
        """How many jobs run at once now; it may fall and rise with the nodes of a cluster."""

    def submit(self, number: int, payload: Payload) -> None:
        """Queue a job. Jobs are started in order of submission.

        Args:
            number: names the job in its outcome.
            payload: plain data; a later change to it by the caller or by the work is not seen by the other.

        Raises:
            ValueError: a job of this number is outstanding, or the executor is closed.
        """

    def wait(self, timeout: float | None = None) -> list[JobResult]:
        """Wait for jobs to end.

        Args:
            timeout: seconds to wait; None waits as long as it takes.

        Returns:
            At least one outcome, in any order; none when the timeout came first or nothing is outstanding.
        """

    def outstanding(self) -> int:
        """Return the number of jobs submitted whose outcomes have not been returned."""

    def close(self) -> None:
        """Kill what runs, forget what is queued, give everything back. Closing twice is allowed."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class SerialExecutor(Executor):
    """Runs each job in this process, inside `wait`, one at a time.

    For tests and debugging: it needs no Ray, and a debugger can step into a job. It cannot stop a job, so it knows no
    wall time, and a job that kills its process kills the caller; a job once started is finished whatever the timeout.
    """

    def __init__(self, work: Work[ContextT], context: ContextT) -> None:
        self._run: Callable[[Payload], dict[str, Any]] = lambda payload: work(context, payload)
        self._queue: deque[tuple[int, Payload]] = deque()
        self._closed = False

    @property
    def slots(self) -> int:
        """Always 1."""
        return 1

    def submit(self, number: int, payload: Payload) -> None:
        """Queue a job; see `Executor.submit`."""
        if self._closed:
            raise ValueError("the executor is closed")
        if any(number == queued for queued, _ in self._queue):
            raise ValueError(f"job {number} is outstanding already")
        self._queue.append((number, copy.deepcopy(payload)))

    def wait(self, timeout: float | None = None) -> list[JobResult]:  # noqa: ARG002 - a running job cannot be left
        """Run the next job and return its outcome; see `Executor.wait`."""
        if not self._queue:
            return []
        number, payload = self._queue[0]
        started = time.perf_counter()
        record, error = run_caught(self._run, payload)
        self._queue.popleft()
        seconds = time.perf_counter() - started
        return [JobResult(number, "raised" if error else "done", record, error, 1, seconds, platform.node())]

    def outstanding(self) -> int:
        """Return the number of queued jobs."""
        return len(self._queue)

    def close(self) -> None:
        """Forget what is queued."""
        self._queue.clear()
        self._closed = True


def run_caught(run: Callable[[Payload], dict[str, Any]], payload: Payload) -> tuple[dict[str, Any] | None, str | None]:
    """Run a job and return its record, or the text of the traceback when it raised."""
    try:
        return run(payload), None
    except Exception:  # noqa: BLE001 - whatever it is, it must reach the driver as text: it may not unpickle there
        return None, traceback.format_exc()
