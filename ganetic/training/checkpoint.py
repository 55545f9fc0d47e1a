"""Checkpoints: safetensors, and their state in JSON beside them. Nothing is unpickled, nothing is half-written."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, FiniteFloat
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ganetic.config import Config
from ganetic.errors import UserError
from ganetic.files import not_written
from ganetic.training.migrations import CHECKPOINT
from ganetic.training.trainer import State

CHECKPOINTS = "checkpoints"
PARTS = ("generator", "discriminator", "average", "optimisers", "streams")
_STATE = "state.json"
_NAME = re.compile(r"step-(\d{8})")


class TrainState(Config):
    """What a training knows of itself at a checkpoint, besides its tensors."""

    step: int
    """Updates of each player made."""
    trace: tuple[tuple[int, FiniteFloat], ...]
    """(step, fd of the averaged generator); step 0 is the untrained one."""
    updates: tuple[tuple[int, FiniteFloat], ...] = ()
    """(step, the generator's ‖Δθ‖ as a share of one learning rate for every parameter) since the last measurement."""
    ills: tuple[str | None, ...] = ()
    """What was wrong at each measurement of the trace but the first, as a `FailureMode`; checkpoints call it so."""
    strengths: Annotated[tuple[FiniteFloat, ...], Field(exclude_if=lambda found: found == ())] = ()
    """p of adaptive augmentation at each measurement of the trace; empty where it does not adapt."""

    def with_update(self, step: int, update: float) -> "TrainState":
        """Take an update of the generator into account."""
        return self.model_copy(update={"updates": (*self.updates, (step, update))})

    @property
    def best_step(self) -> int:
        """The step of the lowest fd, the earliest of equals; its checkpoint is the best one, and is kept."""
        return self._best[0]

    @property
    def best_fd(self) -> float:
        """The lowest fd of the trained generator; before there is one, that of the untrained one."""
        return self._best[1]

    @property
    def _best(self) -> tuple[int, float]:
        return min(self.trace[1:] or self.trace, key=lambda point: point[1])


def write_checkpoint(run: Path, state: State, train_state: TrainState) -> Path:
    """Write a checkpoint aside and rename it into place.

    Returns:
        Its directory, ``run/checkpoints/step-00000100``.

    Raises:
        UserError: the place cannot be written.
    """
    place = directory_of(run, train_state.step)
    aside = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        aside.mkdir(parents=True)
        for part in PARTS:
            save_file({name: tensor.detach().contiguous() for name, tensor in state[part].items()}, _file(aside, part))
        stored = json.dumps(CHECKPOINT.stamped(train_state.model_dump(mode="json")), indent=1)
        (aside / _STATE).write_text(stored + "\n", encoding="utf-8")
        aside.rename(place)
    except OSError as error:
        raise not_written(place, error) from None
    except SafetensorError as error:
        raise UserError(f"{place}: cannot be written: {error}") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return place


def read_checkpoint(directory: Path, device: str = "cpu") -> tuple[State, TrainState]:
    """Read what `write_checkpoint` wrote.

    Raises:
        UserError: it is no checkpoint, or damaged.
    """
    return {part: read_part(directory, part, device) for part in PARTS}, read_train_state(directory)


def read_part(directory: Path, part: str, device: str = "cpu") -> dict[str, Any]:
    """Read the tensors of one part of a checkpoint.

    Raises:
        UserError: it is no checkpoint, or damaged.
    """
    path = _file(directory, part)
    try:
        return load_file(path, device=device)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; {directory} is no whole checkpoint; choose another one") from None
    except (OSError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:100]
        raise UserError(f"{path}: not a readable checkpoint ({reason}); choose another one") from None


def read_train_state(directory: Path) -> TrainState:
    """Read the state beside the tensors.

    Raises:
        UserError: it is no checkpoint, or damaged.
    """
    path = directory / _STATE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not the state of a checkpoint ({str(error)[:100]}); choose another one") from None
    return CHECKPOINT.read(data, TrainState, where=str(path))


def directory_of(run: Path, step: int) -> Path:
    """Where the checkpoint of a step is."""
    return run / CHECKPOINTS / f"step-{step:08d}"


def checkpoints_in(run: Path) -> list[Path]:
    """The checkpoints of a run, by rising step."""
    folder = run / CHECKPOINTS
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name)) if folder.is_dir() else []


def prune(run: Path, keep: int) -> None:
    """Delete what a kill left half-written, and all checkpoints but the last few and the best one."""
    found = checkpoints_in(run)
    best = directory_of(run, read_train_state(found[-1]).best_step) if found else None
    for path in [path for path in found[:-keep] if path != best]:
        shutil.rmtree(path)
    for path in (run / CHECKPOINTS).glob(".step-*"):
        shutil.rmtree(path)


def _file(directory: Path, part: str) -> Path:
    return directory / f"{part}.safetensors"
