import logging
from queue import Queue
from typing import Any

import pytest

from ganetic.callbacks import ProgressCallback, TrainingProgress
from ganetic.training import distributed


def test_the_driver_says_what_the_first_worker_says_and_passes_its_progress_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Notes(ProgressCallback[TrainingProgress]):
        def update(self, progress: TrainingProgress) -> None:
            heard.append(progress.step)

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append((record.name, record.levelname, record.getMessage()))

    heard: list[object] = []
    events: Any = Queue()  # what the worker and the driver ask of Ray's
    monkeypatch.setattr(distributed, "_POLL_SECONDS", 0.0)
    logger = logging.getLogger("ganetic")
    before = (list(logger.handlers), logger.level)
    try:
        worker = distributed._reporting_to(events)
        logging.getLogger("ganetic.training.full_training").info("100% of %s")
        worker.update(TrainingProgress(1, 9, 0, 8, 0.1, None, None, None))
        worker.update(TrainingProgress(2, 9, 0, 8, 0.1, None, None, None))  # too soon after the other
        logging.getLogger("ganetic.training.logger").warning("last")
    finally:
        logger.handlers[:] = before[0]
    logger.addHandler(listening := Listening())
    try:
        assert distributed._forward(events, Notes()) == []
    finally:
        logger.removeHandler(listening)
        logger.setLevel(before[1])
    assert heard == [
        ("ganetic.training.full_training", "INFO", "100% of %s"),
        1,
        ("ganetic.training.logger", "WARNING", "last"),
    ]
