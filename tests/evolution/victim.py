"""A driver in a process of its own, to be killed and interrupted."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from ganetic.evolution.resources import MakeExecutor
from ganetic.evolution.search import resume, search
from ganetic.evolution.space import SearchSpace
from ganetic.jobs.executor import Executor, JobResult, Payload
from tests.evolution.fakes import SPACE, runtime, serial_with_mishaps

Moment = tuple[str, int]
"""What happens when: ``("submitted", 7)`` is when trial 7 is in the journal but with no executor yet, ``("ended", 7)``
when 7 trials have ended of which the last is not in the journal yet, ``("recorded", 7)`` when it is."""


class Fatal(Executor):
    """Another executor, at a moment of which a signal comes to this process."""

    def __init__(self, inner: Executor, moments: dict[Moment, int]) -> None:
        self._inner, self._moments = inner, moments
        self._ended = 0

    @property
    def slots(self) -> int:
        return self._inner.slots

    def submit(self, number: int, payload: Payload) -> None:
        self._reach("submitted", number)
        self._inner.submit(number, payload)

    def wait(self, timeout: float | None = None) -> list[JobResult]:
        self._reach("recorded", self._ended)
        outcomes = self._inner.wait(timeout)
        self._ended += len(outcomes)
        self._reach("ended", self._ended)
        return outcomes

    def outstanding(self) -> int:
        return self._inner.outstanding()

    def close(self) -> None:
        self._inner.close()

    def _reach(self, moment: str, number: int) -> None:
        if (moment, number) in self._moments:
            os.kill(os.getpid(), self._moments[moment, number])


def fatal(moments: dict[Moment, int]) -> MakeExecutor:
    return lambda proxy_data: Fatal(serial_with_mishaps(proxy_data), moments)


def _drive(directory: Path, moments: dict[Moment, int], space: SearchSpace, options: dict[str, Any]) -> None:
    where = runtime(fatal(moments), **options)
    if directory.exists():
        resume(directory, where)
    else:
        search(space, run=directory, seed=7, runtime=where)


def in_process(function: Callable[..., None], *arguments: Any) -> BaseProcess:
    """A process that calls a function of a module; start and join it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # torch is imported once
    return context.Process(target=function, args=arguments)


def driver(directory: Path, moments: dict[Moment, int], space: SearchSpace = SPACE, **options: Any) -> BaseProcess:
    """A process that searches or resumes; start and join it."""
    return in_process(_drive, directory, moments, space, options)


def drive_until(directory: Path, moment: Moment, space: SearchSpace = SPACE, **options: Any) -> None:
    """Search or resume until killed at a moment."""
    process = driver(directory, {moment: signal.SIGKILL}, space, **options)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL, f"{moment} never came"
