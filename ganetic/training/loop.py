"""The loop of every training: so many steps, and what is done along them."""

from collections.abc import Callable
from dataclasses import dataclass

from ganetic.gan.step import StepLosses
from ganetic.training.trainer import Trainer

LOG_EVERY = 10
"""Steps between two looks at a training: is all finite, and does the generator move?"""


class Callback:
    """What is done along a training; each method may be left as it is.

    Every method may end the training by raising `ganetic.training.trainer.StoppedError`.
    """

    def on_start(self, trainer: Trainer) -> None:
        """Take the trainer before the first step that is made now."""

    def on_log(self, trainer: Trainer, losses: StepLosses, update: float) -> None:
        """Take the losses of a logged step, and how far it moved the generator, see `Trainer.update_since`."""

    def on_measure(self, trainer: Trainer) -> None:
        """Take the trainer after a step at which it is to be measured."""

    def on_step(self, trainer: Trainer) -> None:
        """Take the trainer after every step, when the step has been logged and measured."""

    def on_end(self, trainer: Trainer) -> None:
        """Take the trainer after the last step, or where the training was asked to stop."""


class FiniteCheck(Callback):
    """Ends a training that does not stay finite, some steps later than it happens."""

    def on_log(self, trainer: Trainer, losses: StepLosses, update: float) -> None:  # noqa: ARG002
        """Check what remembers numbers that are not finite.

        Raises:
            NonFiniteError: something is not finite.
        """
        trainer.check()


@dataclass(frozen=True)
class Schedule:
    """What happens at which step.

    Attributes:
        steps: of the whole training.
        is_measured: whether a training is measured after a step.
        logs_measured: whether steps that are measured are logged, too, and not only every tenth.
    """

    steps: int
    is_measured: Callable[[int], bool]
    logs_measured: bool = False

    def is_logged(self, step: int) -> bool:
        """Whether a step is logged."""
        return step % LOG_EVERY == 0 or (self.logs_measured and self.is_measured(step))


def fit(
    trainer: Trainer, schedule: Schedule, callback: Callback, is_stopped: Callable[[], bool] = lambda: False
) -> None:
    """Train from where the trainer stands to the last step.

    Args:
        trainer: is trained.
        schedule: for how long, and what happens when.
        callback: what is done along the training.
        is_stopped: whether somebody has asked to stop; asked before every step.

    Raises:
        StoppedError: the callback ended the training, or it did not stay finite.
    """
    callback.on_start(trainer)
    while trainer.step < schedule.steps and not is_stopped():
        before = trainer.weights() if schedule.is_logged(trainer.step + 1) else None
        losses = trainer.advance()
        if before is not None:
            callback.on_log(trainer, losses, trainer.update_since(before))
        if schedule.is_measured(trainer.step):
            callback.on_measure(trainer)
        callback.on_step(trainer)
    callback.on_end(trainer)
