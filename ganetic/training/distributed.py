"""A training on several workers, through Ray Train.

Every worker makes the same steps on its share of each batch (`ganetic.training.parallel`); the first one keeps the
log in the run's directory, which all must be able to reach. The driver says the first worker's sentences and
passes on its progress; what the other workers would say is dropped. What the whole batch decides is the same as on one
worker up to the last digits, but for batch norm and the minibatch standard deviation, which see the worker's share, and
the points of the gradient penalty.
"""

import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import Empty
from typing import Any

import torch
from ray.train import RunConfig, ScalingConfig, get_context
from ray.train.torch import TorchConfig, TorchTrainer
from ray.util.queue import Queue

from ganetic.callbacks import NullProgressCallback, ProgressCallback, TrainingProgress
from ganetic.errors import UserError
from ganetic.jobs.ray_session import connect
from ganetic.loss.formula import Formula
from ganetic.training.full_training import go_on
from ganetic.training.metadata import read_metadata
from ganetic.training.parallel import DistributedContext
from ganetic.training.setup import prepare

_POLL_SECONDS = 0.5
_UPDATE_SECONDS = 0.25
"""The first worker tells the driver where it stands at most this often."""


@dataclass(frozen=True)
class _Refusal:
    """What a worker could not do, for the user."""

    message: str


@dataclass(frozen=True)
class _Sentence:
    """What a worker's logger said, for the logger of that name in the driver."""

    logger: str
    level: int
    message: str


def train_on_workers(run: Path, workers: int, callback: ProgressCallback[TrainingProgress]) -> None:
    """Train the run in a directory from its last checkpoint to the end; the caller holds its lock.

    Args:
        run: its directory, with its metadata.
        workers: processes on this machine, each with a GPU where there is one for each.
        callback: is told where the training stands.

    Raises:
        UserError: a checkpoint is damaged, or the directory cannot be written.
        ray.train.TrainingFailedError: a worker died; the run can be resumed.
    """
    # Workers of one machine meet on it, and not on whatever address its name stands for.
    session = connect(None, workers + 1, {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"})
    refusals: list[str] = []
    try:
        events = Queue(actor_options={"num_cpus": 0})
        use_gpu = torch.cuda.device_count() >= workers
        with tempfile.TemporaryDirectory(prefix="ganetic-") as storage:
            trainer = TorchTrainer(
                _train_on_worker,
                train_loop_config={"run": str(run.resolve()), "folder": str(Path.cwd()), "events": events},
                scaling_config=ScalingConfig(num_workers=workers, use_gpu=use_gpu),
                run_config=RunConfig(storage_path=storage),
                torch_config=TorchConfig(backend="cpu:gloo,cuda:nccl" if use_gpu else "gloo"),
            )
            _while(trainer.fit, lambda: refusals.extend(_forward(events, callback)))
    except Exception:
        if refusals:
            raise UserError(refusals[0]) from None
        raise
    finally:
        session.close()


def _train_on_worker(settings: dict[str, Any]) -> None:
    """What each worker does."""
    os.chdir(settings["folder"])  # Ray Train has changed it; data may lie at a relative path
    run, context, events = Path(settings["run"]), get_context(), settings["events"]
    distributed = DistributedContext(context.get_world_rank(), context.get_world_size())
    callback: ProgressCallback[TrainingProgress] = (
        _reporting_to(events) if distributed.rank == 0 else NullProgressCallback()
    )
    try:
        metadata = read_metadata(run)
        setup = prepare(metadata.config, Formula.from_text(metadata.formula), distributed=distributed)
        go_on(run, setup, 1, callback)
    except UserError as error:
        events.put(_Refusal(str(error)))
        raise


def _reporting_to(events: Queue) -> ProgressCallback[TrainingProgress]:
    """Send this process's sentences to the driver from now on, and return what sends its progress."""
    logger = logging.getLogger("ganetic")
    logger.addHandler(_SentenceSender(events))
    logger.setLevel(logging.INFO)
    return _ProgressSender(events)


class _SentenceSender(logging.Handler):
    """Sends sentences to the driver; whether anybody wants to hear them is decided there."""

    def __init__(self, events: Queue) -> None:
        super().__init__()
        self._events = events

    def emit(self, record: logging.LogRecord) -> None:
        """Send it."""
        self._events.put(_Sentence(record.name, record.levelno, record.getMessage()))


class _ProgressSender(ProgressCallback[TrainingProgress]):
    """Sends progress to the driver, now and then."""

    def __init__(self, events: Queue) -> None:
        self._events = events
        self._sent = -_UPDATE_SECONDS

    def update(self, progress: TrainingProgress) -> None:
        """Send it, unless the last one is too short a time ago."""
        now = time.monotonic()
        if now - self._sent >= _UPDATE_SECONDS:
            self._sent = now
            self._events.put(progress)


def _while(work: Callable[[], object], meanwhile: Callable[[], None]) -> None:
    """Call one function in a thread, and another again and again until it ends."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        meanwhile()
    meanwhile()
    if errors:
        raise errors[0]


def _forward(events: Queue, callback: ProgressCallback[TrainingProgress]) -> list[str]:
    """Pass on what has happened, or wait a little where nothing has; returns what workers refused to do."""
    refusals: list[str] = []
    try:
        event = events.get(timeout=_POLL_SECONDS)
        while True:
            if isinstance(event, _Refusal):
                refusals.append(event.message)
            elif isinstance(event, _Sentence):
                logging.getLogger(event.logger).log(event.level, event.message)
            else:
                callback.update(event)
            event = events.get_nowait()
    except Empty:
        return refusals
