"""A training on several workers, through Ray Train.

Every worker makes the same steps on its share of each batch (`ganetic.full.share`); the first one keeps the chronicle
in the run's directory, which all must be able to reach. What the whole batch decides is the same as on one worker up to
the last digits, but for batch norm and the minibatch standard deviation, which see the worker's share, and the points
of the gradient penalty.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from queue import Empty
from typing import Any

import torch
from ray.train import ScalingConfig, get_context
from ray.train.torch import TorchConfig, TorchTrainer
from ray.util.queue import Queue

from ganetic.full.listener import Progress, TrainListener
from ganetic.full.loop import go_on, prepare
from ganetic.full.run_files import read_page
from ganetic.full.share import Share
from ganetic.jobs.ray_session import connect
from ganetic.loss.formula import Formula

_POLL_SECONDS = 0.5


def train_on_workers(run: Path, workers: int, listener: TrainListener) -> None:
    """Train the run in a directory from its last checkpoint to the end; the caller holds its lock.

    Args:
        run: its page is written.
        workers: processes on this machine, each with a GPU where there is one for each.
        listener: who watches.

    Raises:
        RuntimeError: a worker died; the run can be resumed.
    """
    session = connect(None, workers + 1, {"OMP_NUM_THREADS": "1"})
    try:
        events = Queue(actor_options={"num_cpus": 0})
        use_gpu = torch.cuda.device_count() >= workers
        trainer = TorchTrainer(
            _work,
            train_loop_config={"run": str(run.resolve()), "events": events},
            scaling_config=ScalingConfig(num_workers=workers, use_gpu=use_gpu),
            torch_config=TorchConfig(backend="nccl" if use_gpu else "gloo"),
        )
        _while(trainer.fit, lambda: _forward(events, listener))
    finally:
        session.close()


def _work(settings: dict[str, Any]) -> None:
    """What each worker does."""
    run, context = Path(settings["run"]), get_context()
    share = Share(context.get_world_rank(), context.get_world_size())
    listener = _Remote(settings["events"] if share.rank == 0 else None)
    page = read_page(run)
    go_on(run, prepare(page.config, Formula.from_text(page.formula), listener, share=share), listener)


class _Remote(TrainListener):
    """Sends what happens to the driver; None: to nobody."""

    def __init__(self, events: Queue | None) -> None:
        self._events = events

    def update(self, progress: Progress) -> None:
        """Send it."""
        self._put(progress)

    def log(self, message: str) -> None:
        """Send it."""
        self._put(message)

    def close(self) -> None:
        """Nothing to stop."""

    def _put(self, event: object) -> None:
        if self._events is not None:
            self._events.put(event)


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


def _forward(events: Queue, listener: TrainListener) -> None:
    """Pass on what has happened, or wait a little where nothing has."""
    try:
        event = events.get(timeout=_POLL_SECONDS)
        while True:
            listener.log(event) if isinstance(event, str) else listener.update(event)
            event = events.get_nowait()
    except Empty:
        return
