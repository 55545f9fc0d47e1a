"""What a training leaves in its run's directory: numbers, samples, checkpoints."""

import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganetic.callbacks import ProgressCallback, TrainingProgress
from ganetic.data import Indices
from ganetic.gan.step import StepLosses
from ganetic.reproducible import random_stream
from ganetic.training.checkpoint import TrainState, prune, write_checkpoint
from ganetic.training.config import TrainConfig
from ganetic.training.record import MetricsLog, seconds_of
from ganetic.training.samples import SAMPLES, beside, real_by_rows, row_labels, scales_grid, write_png
from ganetic.training.tensorboard import Board
from ganetic.training.trainer import Trainer

_logger = logging.getLogger(__name__)


class TrainingLogger:
    """Writes what happens in a training to the run's directory, and tells the callback.

    Args:
        run: the directory.
        config: of the training.
        trainer: as it stands when this process goes on with it.
        real: uint8 images ``(N, H, W, C)`` to draw beside the generated ones.
        new: whether the training begins here, and not at a checkpoint.
        callback: is told where the training stands.
        labels: of the real images, which the nets are told; None where they are told none.

    Raises:
        UserError: the directory cannot be written.
    """

    def __init__(
        self,
        run: Path,
        config: TrainConfig,
        trainer: Trainer,
        real: NDArray[np.uint8],
        new: bool,
        callback: ProgressCallback[TrainingProgress],
        labels: Indices | None = None,
    ) -> None:
        self._run, self._config, self._trainer, self._callback = run, config, trainer, callback
        order = torch.randperm(len(real), generator=random_stream(config.seed, "real samples")).numpy()
        self._labels = None if labels is None else row_labels(int(labels.max()) + 1)
        self._real = _shown(real, order, labels, self._labels)
        self._first, self._began = trainer.step, time.monotonic()
        kept = -1 if new else self._first  # a kill may have come after the first line, and before its checkpoint
        self._record = MetricsLog(run, kept)
        self._spent = seconds_of(run)
        self._board = Board(run, kept) if config.tensorboard else None
        shape = (SAMPLES if self._labels is None else len(self._labels), config.model.latent)
        self._latents = torch.randn(shape, generator=random_stream(config.seed, "samples"))

    def log_step(self, step: int, losses: StepLosses, update: float) -> None:
        """Record the losses of a step."""
        d_loss, g_loss = float(losses.discriminator), float(losses.generator)
        adapted = {} if self._trainer.adaptation is None else self._trainer.adaptation.numbers
        self._write({"step": step, "d_loss": d_loss, "g_loss": g_loss, "update": update, **adapted})

    def log_measurement(self, train_state: TrainState) -> None:
        """Record a measurement, draw samples, write a checkpoint."""
        step, fd = train_state.trace[-1]
        failure = train_state.ills[-1] if train_state.ills else None
        seconds = round(self._spent + time.monotonic() - self._began, 2)
        self._write({"step": step, "fd": fd, "ill": failure, "seconds": seconds})
        self._draw(step)
        self.checkpoint(train_state)
        note = self._on_augmentation() + (f"; {failure.replace('_', ' ')}" if failure else "")
        _logger.info(f"step {step}: fd {fd:.1f}, best {train_state.best_fd:.1f}{note}")

    def checkpoint(self, train_state: TrainState) -> None:
        """Write a checkpoint, and delete those that need not stay."""
        if self._board is not None:
            self._board.flush()  # a resumed training writes nothing again that came before its checkpoint
        write_checkpoint(self._run, self._trainer.state(), train_state)
        prune(self._run, self._config.keep_last)

    def log_stop(self, step: int, reason: str) -> None:
        """Record why the training ends before its last step."""
        self._write({"step": step, "stopped": reason})

    def progress(self, step: int, train_state: TrainState) -> None:
        """Tell the callback where the training stands."""
        self._callback.update(
            TrainingProgress(
                step=step,
                steps=self._config.steps,
                first=self._first,
                images=self._config.batch,
                elapsed_seconds=time.monotonic() - self._began,
                fd=train_state.trace[-1][1],
                best_fd=train_state.best_fd,
                failure=train_state.ills[-1] if train_state.ills else None,
                p=None if self._trainer.adaptation is None else self._trainer.adaptation.standing.p,
            )
        )

    def close(self) -> None:
        """Let go of files."""
        if self._board is not None:
            self._board.close()

    def _write(self, line: dict[str, Any]) -> None:
        self._record.add(line)
        if self._board is not None:
            self._board.add(line)

    def _on_augmentation(self) -> str:
        """How adaptive augmentation stands, to end a sentence with; nothing where there is none."""
        if self._trainer.adaptation is None:
            return ""
        return "; " + ", ".join(f"{name} {value:.2f}" for name, value in self._trainer.adaptation.numbers.items())

    def _draw(self, step: int) -> None:
        levels = self._trainer.generate(self._latents, onto="cpu", labels=self._labels)
        folder, picture = self._run / "samples", beside(levels[-1], self._real)
        write_png(folder / f"step-{step:08d}.png", picture)
        if len(levels) > 1:
            write_png(folder / f"scales-{step:08d}.png", scales_grid(levels))
        if self._board is not None:
            self._board.draw(step, picture)


def _shown(real: NDArray[np.uint8], order: NDArray[np.int64], labels: Indices | None, wanted: Tensor | None) -> Tensor:
    """The real images beside generated ones, uint8 ``(N, H, W, C)``: in a random order, or a class a row."""
    if labels is None or wanted is None:
        return torch.tensor(real[order[:SAMPLES]])
    return real_by_rows(torch.tensor(real[order]), labels[order], wanted)


class NullLogger(TrainingLogger):
    """Writes and says nothing: of several processes one logs."""

    def __init__(self) -> None:
        pass

    def log_step(self, step: int, losses: StepLosses, update: float) -> None:
        """Ignore it."""

    def log_measurement(self, train_state: TrainState) -> None:
        """Ignore it."""

    def checkpoint(self, train_state: TrainState) -> None:
        """Ignore it."""

    def log_stop(self, step: int, reason: str) -> None:
        """Ignore it."""

    def progress(self, step: int, train_state: TrainState) -> None:
        """Ignore it."""

    def close(self) -> None:
        """Nothing to let go of."""
