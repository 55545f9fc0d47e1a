"""Runs jobs on the cores of this machine or on a Ray cluster, and survives what kills workers and nodes."""

import copy
import heapq
import logging
import math
import platform
import signal
import threading
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import ray

from ganetic.errors import ClusterLostError, UserError
from ganetic.jobs.executor import GPU_SHARE, ContextT, Executor, JobResult, Payload, Status, Work, run_caught
from ganetic.jobs.ray_head import PATIENCE_SECONDS, HeadWatch
from ganetic.jobs.ray_session import connect, nodes, room_for_jobs, start_early

_logger = logging.getLogger(__name__)

MAX_CRASHES = 3
MAX_TIMEOUTS = 2
_MAX_FAILED_STARTS = 5
_MOST_RETRY_SECONDS = 30.0
_LEAVE_SECONDS = 5.0
_POLL_SECONDS = 1.0  # a signal handler of the driver runs between two polls at the latest

Failure = Literal["crashed", "timed_out"]


class _Lost(NamedTuple):
    """A worker that was lost with a job."""

    failure: Failure
    node_id: str
    at: float
    message: str


@dataclass(eq=False)
class _Job:
    number: int
    place: int
    payload: Payload
    attempts: int = 0
    started: float = 0.0
    seconds: float = 0.0
    node: str = ""
    losses: list[_Lost] = field(default_factory=list)


@dataclass(eq=False)
class _Slot:
    """An actor and what it is doing: starting (a reference, no job), idle (neither) or busy (both).

    One whose actor could not start waits until `retry_at` for another.
    """

    actor: Any
    reference: Any
    job: _Job | None = None
    node_id: str = ""
    node: str = ""
    failed_starts: int = 0
    placed: bool = True  # false for the replacement of a lost actor until it has started
    retry_at: float | None = None

    @property
    def works(self) -> bool:
        """Whether its actor has started."""
        return self.placed and self.node_id != ""


class _Worker:
    """The actor: one process that runs one job at a time."""

    def __init__(self, work: Work[ContextT], context: ContextT) -> None:
        # Ctrl-C reaches every process of the terminal; the driver decides what it means.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._run = lambda payload: work(context, payload)

    def where(self) -> tuple[str, str]:
        return ray.get_runtime_context().get_node_id(), platform.node()

    def run(self, payload: Payload) -> tuple[dict[str, Any] | None, str | None, float]:
        started = time.perf_counter()
        record, error = run_caught(self._run, payload)
        return record, error, time.perf_counter() - started


class RayExecutor(Executor):
    """Runs each job in an actor of its own slot: one CPU, and a share of a GPU where one is asked for.

    A job over its wall time is killed and tried once more, then ``"timed_out"``. A job whose worker dies is tried again
    until three workers have died of it, then ``"crashed"``. A node that is lost counts for neither: its jobs are run
    elsewhere as often as it takes, and its slots wait for a place among the nodes that are left or come back. A node on
    which workers cannot start is tried again and again, as long as workers run on others. An actor is a process, so
    that killing it gives back all memory, a GPU's too. Workers run with one thread.

    Args:
        work: a module-level function of (context, payload); see `ganetic.jobs.executor.Work`.
        context: plain or picklable data, sent once to each node and read-only there.
        workers: how many jobs at once; None for one a core or, on a cluster, as many as its nodes have room for.
        address: None starts Ray on this machine; ``"auto"`` or ``"host:port"`` joins a cluster, whose nodes need the
            dependencies installed but not this package; see `ganetic.jobs.ray_session.connect`.
        gpus_per_job: share of a GPU for each job, such as 0.25, of which a worker sees that GPU alone and finds the
            share in `ganetic.jobs.executor.GPU_SHARE`; 0 hides the GPUs from the jobs.
        wall_seconds: how long one attempt may run.
        node_loss_seconds: how long the cluster may take to notice that a node is gone: a job is called crashed or timed
            out this long after the last worker was lost with it, by the nodes that are alive then. Ray's health checks
            need up to 25 seconds. A Ray started here has one node, and nothing to wait for.

    Raises:
        UserError: no cluster at the address, no room for a job on its nodes, or a bad number.
    """

    def __init__(
        self,
        work: Work[ContextT],
        context: ContextT,
        *,
        workers: int | None = None,
        address: str | None = None,
        gpus_per_job: float = 0.0,
        wall_seconds: float,
        node_loss_seconds: float = 30.0,
    ) -> None:
        if workers is not None and workers < 1:
            raise UserError(f"workers is {workers}; expected at least 1")
        if not 0 <= gpus_per_job < math.inf or (gpus_per_job > 1 and gpus_per_job != int(gpus_per_job)):
            raise UserError(
                f"GPUs per trial is {gpus_per_job}; expected a share of one, such as 0.25, or a whole number"
            )
        self._wall_seconds = wall_seconds
        self._session = connect(address, workers, _environment(gpus_per_job), work.__module__)
        self._head = HeadWatch(ray.get_runtime_context().gcs_address)
        self._node_loss_seconds = 0.0 if self._session.started else node_loss_seconds
        self._closed = False
        self._jobs: dict[int, _Job] = {}
        self._queue: list[tuple[int, _Job]] = []  # a heap: the first submitted first, tried again or not
        self._submitted = 0
        self._suspects: list[_Job] = []
        self._outcomes: list[JobResult] = []
        self._slots: list[_Slot] = []
        try:
            count = _count(workers, room_for_jobs(gpus_per_job), gpus_per_job, self._session.started)
            options = {"num_cpus": 1, "num_gpus": gpus_per_job, "runtime_env": self._session.runtime_env}
            self._actor: Any = ray.remote(_Worker).options(**options)
            self._arguments: tuple[Any, ...] = (work, ray.put(context))
            for _ in range(count):
                actor: Any = self._actor.remote(*self._arguments)
                self._slots.append(_Slot(actor, actor.where.remote()))
        except BaseException:
            self.close()
            raise

    @property
    def slots(self) -> int:
        """How many jobs run at once now: the actors, but for replacements of lost ones that have not started yet."""
        return sum(slot.placed for slot in self._slots)

    def submit(self, number: int, payload: Payload) -> None:
        """Queue a job; see `Executor.submit`."""
        if self._closed:
            raise ValueError("the executor is closed")
        if number in self._jobs:
            raise ValueError(f"job {number} is outstanding already")
        job = self._jobs[number] = _Job(number, self._submitted, copy.deepcopy(payload))
        self._submitted += 1
        self._enqueue(job)
        self._fill()

    def wait(self, timeout: float | None = None) -> list[JobResult]:
        """Wait for jobs to end; see `Executor.wait`.

        Raises:
            UserError: workers cannot be started.
            ClusterLostError: the head of the cluster is gone, which only another driver survives.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            self._refuse_lost_head()
            self._collect(deadline)
            self._try_again()
            self._stop_overdue()
            self._judge_suspects()
            self._fill()
            if self._outcomes:
                outcomes, self._outcomes = self._outcomes, []
                return outcomes
            if not self._jobs or (deadline is not None and time.monotonic() >= deadline):
                return []

    def _refuse_lost_head(self) -> None:
        if self._is_head_lost():
            where, seconds = self._head.address, PATIENCE_SECONDS
            raise ClusterLostError(f"the head of the Ray cluster, {where}, has not answered for {seconds:.0f} seconds")

    def outstanding(self) -> int:
        """Return the number of jobs whose outcomes have not been returned."""
        return len(self._jobs) + len(self._outcomes)

    def close(self) -> None:
        """Kill what runs, forget what is queued, and end or leave Ray, unless it was there before."""
        if self._closed:
            return
        self._closed = True
        self._head.close()
        if not self._session.owned:
            for slot in self._slots:
                ray.kill(slot.actor)
        self._slots, self._jobs, self._outcomes, self._suspects = [], {}, [], []
        self._queue.clear()
        self._actor, self._arguments = None, ()
        if self._is_head_lost():
            self._leave_in_time()
        else:
            self._session.close()

    def _leave_in_time(self) -> None:
        """Leave Ray, which may wait for a head that is gone, but not for so long that it ends this process first."""
        leaving = threading.Thread(target=self._session.close, daemon=True)
        leaving.start()
        leaving.join(_LEAVE_SECONDS)

    def _is_head_lost(self) -> bool:
        return self._head.silent_seconds >= PATIENCE_SECONDS

    def _enqueue(self, job: _Job) -> None:
        heapq.heappush(self._queue, (job.place, job))

    def _fill(self) -> None:
        """Give the jobs that were submitted first to the idle actors."""
        for slot in self._slots:
            if not self._queue:
                return
            if slot.reference is None and slot.retry_at is None:
                _, job = heapq.heappop(self._queue)
                job.attempts += 1
                job.node = slot.node
                job.started = time.monotonic()
                slot.job = job
                slot.reference = slot.actor.run.remote(job.payload)

    def _collect(self, deadline: float | None) -> None:
        """Wait until an actor answers or something else is due, then take every answer that is there."""
        slots = {slot.reference: slot for slot in self._slots if slot.reference is not None}
        pause = self._pause(deadline)
        if not slots:
            time.sleep(pause)
            return
        ready, _ = ray.wait(list(slots), num_returns=1, timeout=pause)
        if ready:
            ready, _ = ray.wait(list(slots), num_returns=len(slots), timeout=0)
        for reference in ready:
            self._take(slots[reference])

    def _pause(self, deadline: float | None) -> float:
        if not self._jobs or self._outcomes:
            return 0.0
        now = time.monotonic()
        due = [now + _POLL_SECONDS] if deadline is None else [now + _POLL_SECONDS, deadline]
        due += [slot.job.started + self._wall_seconds for slot in self._slots if slot.job is not None]
        due += [job.losses[-1].at + self._node_loss_seconds for job in self._suspects]
        due += [slot.retry_at for slot in self._slots if slot.retry_at is not None]
        return max(0.0, min(due) - now)

    def _take(self, slot: _Slot) -> None:
        try:
            answer = ray.get(slot.reference)
        except ray.exceptions.RuntimeEnvSetupError as error:
            self._not_started(slot, UserError(f"the workers cannot be set up: {' '.join(str(error).split())}"))
        except ray.exceptions.RayTaskError as error:  # what the work returned cannot be sent
            self._conclude(slot, "raised", error=str(error))
        except ray.exceptions.RayError as error:
            self._lost(slot, error)
        else:
            if slot.job is None:
                slot.node_id, slot.node = answer
                slot.reference, slot.placed = None, True
                slot.failed_starts = 0
                return
            record, error_text, slot.job.seconds = answer
            self._conclude(slot, "raised" if error_text else "done", record, error_text)

    def _conclude(
        self, slot: _Slot, status: Status, record: dict[str, Any] | None = None, error: str | None = None
    ) -> None:
        job, slot.job, slot.reference = slot.job, None, None
        assert job is not None
        self._report(job, status, record, error)

    def _report(self, job: _Job, status: Status, record: dict[str, Any] | None, error: str | None) -> None:
        self._outcomes.append(JobResult(job.number, status, record, error, job.attempts, job.seconds, job.node))
        del self._jobs[job.number]

    def _lost(self, slot: _Slot, error: Exception) -> None:
        message = " ".join(str(error).split()).split(" Some common causes")[0]
        node_died = _is_node_death(error)
        if slot.job is not None:
            self._blame(slot, None if node_died else "crashed", message)
            self._replace(slot)
        elif node_died:
            self._replace(slot)
        elif getattr(error, "actor_init_failed", False):
            self._not_started(slot, RuntimeError(f"a worker cannot start: {error}"))
        else:
            times = slot.failed_starts + 1
            reason = UserError(f"workers die while they start, {times} times in a row now: {message}")
            self._not_started(slot, reason, _MAX_FAILED_STARTS)

    def _not_started(self, slot: _Slot, reason: Exception, times: int = 1) -> None:
        """Try again later, but give up where that has failed so many times and no other slot works or may come to it.

        Raises:
            Exception: the reason.
        """
        slot.failed_starts += 1
        others = [other for other in self._slots if other is not slot]
        if not any(other.works for other in others) and slot.failed_starts >= (
            _MAX_FAILED_STARTS if any(other.failed_starts == 0 for other in others) else times
        ):
            raise reason
        if slot.failed_starts == _MAX_FAILED_STARTS:
            _logger.warning(f"a slot waits for a host that can start workers: {' '.join(str(reason).split())[:300]}")
        slot.reference, slot.placed = None, False
        slot.retry_at = time.monotonic() + min(2.0 ** (slot.failed_starts - 1), _MOST_RETRY_SECONDS)

    def _try_again(self) -> None:
        now = time.monotonic()
        for slot in self._slots:
            if slot.retry_at is not None and slot.retry_at <= now:
                self._replace(slot)

    def _blame(self, slot: _Slot, failure: Failure | None, message: str) -> None:
        """Put the slot's job back into the queue, or under suspicion where it has lost as many workers as it may."""
        job, slot.job = slot.job, None
        assert job is not None
        job.seconds = time.monotonic() - job.started
        if failure is not None:
            job.losses.append(_Lost(failure, slot.node_id, time.monotonic(), message))
        if _verdict(job.losses) is None:
            self._enqueue(job)
        else:
            self._suspects.append(job)

    def _replace(self, slot: _Slot) -> None:
        ray.kill(slot.actor)
        slot.actor = self._actor.remote(*self._arguments)
        slot.reference = slot.actor.where.remote()
        slot.placed, slot.retry_at = False, None

    def _stop_overdue(self) -> None:
        now = time.monotonic()
        for slot in self._slots:
            if slot.job is not None and now - slot.job.started >= self._wall_seconds:
                self._blame(slot, "timed_out", f"ran longer than {self._wall_seconds:g} seconds")
                self._replace(slot)

    def _judge_suspects(self) -> None:
        now = time.monotonic()
        due = [job for job in self._suspects if now - job.losses[-1].at >= self._node_loss_seconds]
        if not due:
            return
        alive = {node["NodeID"] for node in nodes() if node["Alive"]}
        for job in due:
            self._suspects.remove(job)
            job.losses = [loss for loss in job.losses if loss.node_id in alive]
            verdict = _verdict(job.losses)
            if verdict is None:
                self._enqueue(job)
            else:
                self._report(job, verdict, None, f"{verdict} {job.attempts} times; the last: {job.losses[-1].message}")


def begin(
    module: str, workers: int | None, address: str | None, gpus_per_job: float = 0.0
) -> AbstractContextManager[None]:
    """Let a `RayExecutor` that is made in the context find its Ray started, or being started, in the background.

    Args:
        module: of the executor's work.
        workers: as for the executor.
        address: as for the executor; a cluster's Ray needs no start.
        gpus_per_job: as for the executor.
    """
    if address is not None or (workers is not None and workers < 1):
        return nullcontext()
    return start_early(workers, _environment(gpus_per_job), module)


def _verdict(losses: list[_Lost]) -> Failure | None:
    failures = [loss.failure for loss in losses]
    if failures.count("crashed") >= MAX_CRASHES:
        return "crashed"
    return "timed_out" if failures.count("timed_out") >= MAX_TIMEOUTS else None


def _is_node_death(error: Exception) -> bool:
    return isinstance(error, ray.exceptions.NodeDiedError) or "node has died" in str(error)


def _environment(gpus_per_job: float) -> dict[str, str]:
    """The environment of a worker: one thread, so that results do not depend on the number of cores."""
    variables = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    # Ray itself shows a worker the GPUs that it was given, and no other.
    gpus = {GPU_SHARE: f"{min(1.0, gpus_per_job):g}"} if gpus_per_job else {"CUDA_VISIBLE_DEVICES": ""}
    return variables | gpus


def _count(workers: int | None, room: int, gpus_per_job: float, started: bool) -> int:
    """How many slots there are; a cluster may still grow to the number asked for, this machine does not."""
    if room == 0 and (started or workers is None):
        share = f" and {gpus_per_job:g} GPUs" if gpus_per_job else ""
        raise UserError(f"no {'GPU here' if started else 'node of the cluster'} has room for a job of 1 CPU{share}")
    if workers is None:
        return room
    return min(workers, room) if started else workers
