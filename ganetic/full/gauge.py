"""How good the averaged generator is, as a training measures it at each checkpoint."""

import math

import torch
from torch import Tensor

from ganetic.full.checkpoint import Standing
from ganetic.full.diagnosis import ill_so_far
from ganetic.full.trainer import NonFiniteError, Trainer
from ganetic.metrics.yardstick import Extractor, Yardstick
from ganetic.proxy.diagnosis import Ill
from ganetic.reproducible import random_stream


class Gauge:
    """Measures a training on fixed latents, against images that it never sees.

    Args:
        yardstick: of the training's images.
        latent: length of a latent vector.
        seed: of the training.
        steps: of the whole training.
        device: where to measure.
    """

    def __init__(self, yardstick: Yardstick, latent: int, seed: int, steps: int, device: str) -> None:
        self.yardstick = yardstick
        self._extractor = Extractor(yardstick.weights, yardstick.inception, device)
        self._latents = torch.randn(yardstick.sample_size, latent, generator=random_stream(seed, "evaluation"))
        self._steps = steps

    def measure(self, trainer: Trainer, standing: Standing) -> Standing:
        """Measure the averaged generator, and say what is wrong with the training.

        Returns:
            The standing with one more point in its trace; the updates watched since the last one are used up.

        Raises:
            NonFiniteError: an image or the distance is not finite.
        """
        images = trainer.generate(self._latents)[-1]
        fd = self.yardstick.reference.distance_to(self._extractor.distance_features(images))
        if not math.isfinite(fd):
            raise NonFiniteError(f"step {trainer.step}: the Fréchet distance is {fd}")
        trace = (*standing.trace, (trainer.step, fd))
        if trainer.step == 0:
            return standing.model_copy(update={"trace": trace})
        ill = self._ill(trace, [size for _, size in standing.updates], images)
        return Standing(step=trainer.step, trace=trace, ills=(*standing.ills, ill))

    def _ill(self, trace: tuple[tuple[int, float], ...], updates: list[float], images: Tensor) -> Ill | None:
        own, generated = self.yardstick, self._extractor.diversity(images)
        return ill_so_far(trace, self._steps, own.floor_fd, updates, generated, own.diversity)
