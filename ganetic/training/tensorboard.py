"""TensorBoard files, for those who look at trainings with it."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor

from ganetic.errors import needs_extra
from ganetic.files import make_directory, not_written


class Board:
    """Writes a training's numbers and samples to ``RUN/tensorboard``.

    Everything is written in the caller's thread: the usual writer has one of its own, which dies on a full disk and
    leaves its caller waiting.

    Args:
        run: the run's directory.
        step: where the training goes on; what was written of later steps is hidden.

    Raises:
        UserError: the directory cannot be written, or tensorboardX is missing.
    """

    def __init__(self, run: Path, step: int) -> None:
        with needs_extra("tensorboard", "tensorboard = true"):
            from tensorboardX.event_file_writer import EventsWriter  # noqa: PLC0415 - most trainings need none of it
            from tensorboardX.proto.event_pb2 import SessionLog  # noqa: PLC0415

        self._place = run / "tensorboard"
        make_directory(self._place)
        with self._writing():
            self._file = EventsWriter(str(self._place / "events"))
        self._write(step + 1, session_log=SessionLog(status=SessionLog.START))

    def add(self, line: Mapping[str, Any]) -> None:
        """Write the numbers of a line of ``metrics.jsonl``.

        Raises:
            UserError: the file cannot be written.
        """
        from tensorboardX.summary import scalar  # noqa: PLC0415

        for name, value in line.items():
            if name != "step" and isinstance(value, float):
                self._write(line["step"], summary=scalar(name, value))

    def draw(self, step: int, image: Tensor) -> None:
        """Write a picture, uint8 ``(3, H, W)``.

        Raises:
            UserError: the file cannot be written.
        """
        from tensorboardX.summary import image as picture  # noqa: PLC0415

        self._write(step, summary=picture("samples", image.numpy()))

    def flush(self) -> None:
        """Bring to disk what was written.

        Raises:
            UserError: the file cannot be written.
        """
        with self._writing():
            self._file.flush()

    def close(self) -> None:
        """Finish the file.

        Raises:
            UserError: it cannot be written.
        """
        with self._writing():
            self._file.close()

    def _write(self, step: int, **content: Any) -> None:
        from tensorboardX.proto.event_pb2 import Event  # noqa: PLC0415

        with self._writing():
            self._file.write_event(Event(step=step, wall_time=time.time(), **content))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise not_written(self._place, error) from None
