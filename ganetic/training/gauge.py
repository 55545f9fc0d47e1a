"""How good the averaged generator is, as a full training measures it at each checkpoint."""

from torch import Tensor

from ganetic.metrics.yardstick import Yardstick
from ganetic.training.checkpoint import Standing
from ganetic.training.diagnosis import Ill
from ganetic.training.early_diagnosis import ill_so_far
from ganetic.training.evaluator import Evaluator
from ganetic.training.trainer import Trainer


class Gauge:
    """Measures a training, and says what is wrong with it so far.

    Args:
        evaluator: measures the generator against images that it never sees.
        steps: of the whole training.
    """

    def __init__(self, evaluator: Evaluator, steps: int) -> None:
        self._evaluator, self._steps = evaluator, steps

    @property
    def yardstick(self) -> Yardstick:
        """What images are measured with."""
        return self._evaluator.yardstick

    def measure(self, trainer: Trainer, standing: Standing) -> Standing:
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
        return Standing(step=trainer.step, trace=trace, ills=(*standing.ills, ill))

    def _ill(self, trace: tuple[tuple[int, float], ...], updates: list[float], images: Tensor) -> Ill | None:
        own, generated = self.yardstick, self._evaluator.diversity(images)
        return ill_so_far(trace, self._steps, own.floor_fd, updates, generated, own.diversity)
