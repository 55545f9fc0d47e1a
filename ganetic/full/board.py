"""TensorBoard files, for those who look at trainings with it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor


class Board:
    """Writes a training's numbers and samples to ``RUN/tensorboard``.

    Args:
        run: the run's directory.
        step: where the training goes on; what was written of later steps is hidden.
    """

    def __init__(self, run: Path, step: int) -> None:
        from tensorboardX import SummaryWriter  # noqa: PLC0415 - most trainings need none of it

        self._writer = SummaryWriter(str(run / "tensorboard"), purge_step=step + 1)

    def add(self, line: Mapping[str, Any]) -> None:
        """Write the numbers of a line of ``metrics.jsonl``."""
        for name, value in line.items():
            if name != "step" and isinstance(value, float):
                self._writer.add_scalar(name, value, line["step"])

    def draw(self, step: int, image: Tensor) -> None:
        """Write a picture, uint8 ``(3, H, W)``."""
        self._writer.add_image("samples", image.numpy(), step)

    def flush(self) -> None:
        """Bring to disk what was written."""
        self._writer.flush()

    def close(self) -> None:
        """Finish the files."""
        self._writer.close()
