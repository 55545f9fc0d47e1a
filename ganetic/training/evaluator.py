"""How good the images of a training are, on fixed latents."""

import math

import torch
from torch import Tensor

from ganetic.gan.classes import UNCONDITIONAL, ClassCounts, draw_labels
from ganetic.metrics.diversity import Diversity
from ganetic.metrics.reference import Extractor, ReferenceStatistics
from ganetic.reproducible import random_stream
from ganetic.training.trainer import NonFiniteError, Trainer


class Evaluator:
    """Measures the generator of a training, the averaged one if there is one, against real images.

    Args:
        reference_statistics: of the training's images.
        latent: length of a latent vector.
        seed: of the training; the latents follow from it.
        device: where to measure.
        classes: that the generator is told; images of each are measured in the proportion of the training images.
    """

    def __init__(
        self,
        reference_statistics: ReferenceStatistics,
        latent: int,
        seed: int,
        device: str,
        classes: ClassCounts = UNCONDITIONAL,
    ) -> None:
        self.reference_statistics = reference_statistics
        self._extractor = Extractor(reference_statistics.weights, reference_statistics.inception, device)
        self._latents = torch.randn(
            reference_statistics.sample_size, latent, generator=random_stream(seed, "evaluation")
        )
        self._labels = draw_labels(classes, len(self._latents), random_stream(seed, "evaluation labels"))

    def images(self, trainer: Trainer, raw: bool = False) -> Tensor:
        """Draw the uint8 images ``(N, H, W, C)`` that are measured, on the trainer's device.

        Raises:
            NonFiniteError: a pixel is not finite.
        """
        return trainer.generate(self._latents, raw, labels=self._labels)[-1]

    def fd(self, images: Tensor, step: int) -> float:
        """Return the Fréchet distance of images drawn after a step.

        Raises:
            NonFiniteError: it is not finite.
        """
        fd = self.reference_statistics.reference.distance_to(self._extractor.distance_features(images))
        if not math.isfinite(fd):
            raise NonFiniteError(f"step {step}: the Fréchet distance is {fd}")
        return fd

    def diversity(self, images: Tensor) -> Diversity:
        """Return how varied images are."""
        return self._extractor.diversity(images)
