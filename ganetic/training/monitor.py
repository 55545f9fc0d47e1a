"""How good the averaged generator is, as a full training measures it at each checkpoint."""

from torch import Tensor

from ganetic.metrics.reference import ReferenceStatistics
from ganetic.training.checkpoint import TrainState
from ganetic.training.diagnosis import ill_so_far
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

    def measure(self, trainer: Trainer, standing: TrainState) -> TrainState:
        """Measure the averaged generator, and say what is wrong with the training.

        Returns:
            The standing with one more point in its trace; the updates watched since the last one are used up.

        Raises:
            NonFiniteError: an image or the distance is not finite.
        """
        images = self._evaluator.images(trainer)
        trace = (*standing.trace, (trainer.step, self._evaluator.fd(images, trainer.step)))
        if trainer.step == 0:
            return standing.model_copy(update={"trace": trace})
        ill = self._ill(trace, [size for _, size in standing.updates], images)
        return TrainState(step=trainer.step, trace=trace, ills=(*standing.ills, ill))

    def _ill(self, trace: tuple[tuple[int, float], ...], updates: list[float], images: Tensor) -> FailureMode | None:
        own, generated = self.reference_statistics, self._evaluator.diversity(images)
        return ill_so_far(trace, self._steps, own.floor_fd, updates, generated, own.diversity)
