"""What a full training measures at each checkpoint: how good the generator is, and what is wrong."""

from torch import Tensor

from ganetic.metrics.reference import ReferenceStatistics
from ganetic.training.checkpoint import TrainState
from ganetic.training.diagnosis import failure_so_far
from ganetic.training.evaluator import Evaluator
from ganetic.training.failure_modes import FailureMode
from ganetic.training.trainer import Trainer


class Monitor:
    """Measures a training, and says what is wrong with it so far.

    Args:
        evaluator: measures the generator against images that it never sees.
        steps: of the whole training.
    """

    def __init__(self, evaluator: Evaluator, steps: int) -> None:
        self._evaluator, self._steps = evaluator, steps

    @property
    def reference_statistics(self) -> ReferenceStatistics:
        """What images are measured with."""
        return self._evaluator.reference_statistics

    def measure(self, trainer: Trainer, train_state: TrainState) -> TrainState:
        """Measure the averaged generator, and say what is wrong with the training.

        Returns:
            The state with one more point in its trace; the updates logged since the last one are used up.

        Raises:
            NonFiniteError: an image or the distance is not finite.
        """
        images = self._evaluator.images(trainer)
        trace = (*train_state.trace, (trainer.step, self._evaluator.fd(images, trainer.step)))
        adapted = () if trainer.adaptation is None else (*train_state.strengths, trainer.adaptation.standing.p)
        if trainer.step == 0:
            return train_state.model_copy(update={"trace": trace, "strengths": adapted})
        failure = self._failure(trace, [size for _, size in train_state.updates], images)
        return TrainState(step=trainer.step, trace=trace, ills=(*train_state.ills, failure), strengths=adapted)

    def _failure(
        self, trace: tuple[tuple[int, float], ...], updates: list[float], images: Tensor
    ) -> FailureMode | None:
        own, generated = self.reference_statistics, self._evaluator.diversity(images)
        return failure_so_far(trace, self._steps, own.floor_fd, updates, generated, own.diversity)
