"""What a training is, as a file in its run's directory says it."""

import json
from pathlib import Path

from pydantic import Field

from ganetic.config import Config
from ganetic.errors import UserError
from ganetic.files import refuse_other_than_utf8, write_whole
from ganetic.training.config import TrainConfig
from ganetic.training.migrations import TRAINING

METADATA = "training.json"


class RunMetadata(Config):
    """What decides a training, and where it was made; it goes on only with the same."""

    name: str
    """The name of the loss."""
    formula: str
    """The loss, as `ganetic.loss.formula.Formula.text` writes it."""
    config: TrainConfig
    """All else that decides it."""
    data: str
    """Name and fingerprint of the images, as in ``mnist5k:b4d22f19591f``."""
    size: int
    """Side of the images in pixels."""
    channels: int
    """Channels of the images: 1 or 3."""
    protocol: str
    """How the trace's distances are measured."""
    floor_fd: float
    """The distance of real images to real ones."""
    classes: dict[str, int] = Field(default_factory=dict, exclude_if=lambda classes: not classes)
    """Training images of each class that the nets were told, in the order of their labels; empty where none was."""
    made_with: dict[str, str]
    """Versions and hardware: on others a resumed training may differ in its last digits."""


def write_metadata(run: Path, metadata: RunMetadata) -> None:
    """Write the metadata of a run.

    Raises:
        UserError: the place cannot be written.
    """
    stored = TRAINING.stamped(metadata.model_dump(mode="json"))
    write_whole(run / METADATA, json.dumps(stored, indent=1, ensure_ascii=False) + "\n")


def is_training(directory: Path) -> bool:
    """Return whether a directory is the run of a training."""
    return (directory / METADATA).is_file()


def read_metadata(run: Path) -> RunMetadata:
    """Read the metadata of a run.

    Raises:
        UserError: there is none, it is damaged, or a newer version wrote what is not understood.
    """
    refuse_other_than_utf8(run)
    path = run / METADATA
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{run}: no training; expected a directory that `ganetic train` made") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read: {str(error)[:100]}") from None
    return TRAINING.read(data, RunMetadata, where=str(path))
