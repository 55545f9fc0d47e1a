"""What a running training tells whoever watches it."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Progress:
    """Where a training stands.

    Attributes:
        step: updates of each player made.
        steps: of the whole training.
        first: step at which this process began.
        images: real images a step.
        elapsed_seconds: since this process made its first step.
        fd: the last Fréchet distance, or None before the first.
        best_fd: the lowest one.
        ill: what is wrong with the training, as of the last measurement.
    """

    step: int
    steps: int
    first: int
    images: int
    elapsed_seconds: float
    fd: float | None
    best_fd: float | None
    ill: str | None


class TrainListener(Protocol):
    """Watches a training; called from its own thread."""

    def update(self, progress: Progress) -> None:
        """Take a new state: after every step."""

    def log(self, message: str) -> None:
        """Take a sentence that is worth a line."""

    def close(self) -> None:
        """Stop showing anything."""


class TrainSilence(TrainListener):
    """Shows nothing."""

    def update(self, progress: Progress) -> None:
        """Ignore it."""

    def log(self, message: str) -> None:
        """Ignore it."""

    def close(self) -> None:
        """Nothing to stop."""
