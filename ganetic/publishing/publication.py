"""What there is to say of a generator that is published."""

from dataclasses import dataclass, replace
from pathlib import Path

from ganetic.data import ImageSet, Origin
from ganetic.data.data_source import DATA
from ganetic.data.source import Source
from ganetic.evaluation.results import Evaluation, Fault
from ganetic.loss.card import LossCard
from ganetic.training.checkpoint import TrainState
from ganetic.training.config import TrainConfig
from ganetic.training.generate import Checkpoint

SEED = 0
"""Of the images that are shown and evaluated; none is chosen."""


@dataclass(frozen=True, eq=False)
class Publication:
    """A generator and all that its model card says.

    Attributes:
        checkpoint: what is published.
        train_state: of the training at that checkpoint.
        card: of the loss.
        evaluation: of images of the checkpoint.
        images: the data set, at its size and with its classes picked.
        trained_on: number of its images that trained the generator.
        origin: where the data set comes from.
        onnx_apart: how far the images of the ONNX file are from torch's; None where there is no such file.
    """

    checkpoint: Checkpoint
    train_state: TrainState
    card: LossCard
    evaluation: Evaluation
    images: ImageSet
    trained_on: int
    origin: Origin
    onnx_apart: float | None = None

    @property
    def config(self) -> TrainConfig:
        """Of the training. A data set that lies in the user's files has no folders in its name."""
        config = self.checkpoint.metadata.config
        return config.model_copy(update={"data": config.data.model_copy(update={"name": shown_name(config.data.name)})})

    @property
    def is_of_files(self) -> bool:
        """Whether the images lie in files of the user."""
        return _is_of_files(Source.parse(self.config.data.name))

    @property
    def title(self) -> str:
        """What the generator is called."""
        return f"{self.config.model.name} on {self.images.name}"

    @property
    def copies(self) -> str:
        """What the memorisation check saw of copies; empty where it found none."""
        found = [flag.said for flag in self.evaluation.flags if flag.fault is Fault.MEMORIZATION]
        return "; ".join(found)

    @property
    def memorization_was_judged(self) -> bool:
        """Whether there were images to look for copies with."""
        return bool(self.evaluation.data_copying_z)


def shown_name(name: str) -> str:
    """The name of a data set for the eyes of others: of a path its last part alone, which tells no folder or user."""
    source = Source.parse(name)
    return replace(source, place=Path(source.place).name).name if _is_of_files(source) else name


def _is_of_files(source: Source) -> bool:
    return bool(source.kind) and DATA[source.kind].is_path
