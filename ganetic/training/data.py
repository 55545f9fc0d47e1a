"""The images of a training: those that train the GAN, and those that judge it."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from ganetic.data import Annotations, ImageSet, Indices, hold_out, load_images
from ganetic.errors import UserError
from ganetic.metrics.reference import Extractor, ReferenceStatistics, reference_statistics
from ganetic.reproducible import reproducible
from ganetic.training.config import DataSpec, TrainConfig, scales_of

HELD_OUT = 0.2
"""Share of the images that train no GAN, where the set brings no split."""

LEAST_A_SIDE = 2
"""Images that train the GAN, and images held out: of fewer there is no covariance."""
LEAST_SIDE = 8
"""Pixels that the net needs which measures images."""


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Images and their roles.

    Attributes:
        images: the set, with its classes picked and at its size.
        training: indices of the images that train the GAN and the feature net.
        held_out: indices of the images that it is compared with.
    """

    images: ImageSet
    training: Indices
    held_out: Indices

    @property
    def training_images(self) -> NDArray[np.uint8]:
        """``(N, H, W, C)``."""
        return self.images.images[self.training]

    def reference_statistics(self, device: str) -> ReferenceStatistics:
        """What generated images are measured with. The feature net learns from the GAN's training images.

        Distances are to held-out images; whether modes are missing is told by training images, which are all that the
        generator can know of: of other patients, held-out images may have other classes.
        """
        order = np.random.default_rng(0).permutation(len(self.training))
        others = np.sort(self.training[order[: len(self.held_out)]])
        own = reference_statistics(self.images, (self.training, self.held_out, others), None, device)
        with reproducible():
            known = Extractor(own.weights, None, device).diversity(torch.tensor(self.images.images[others]))
        return replace(own, diversity=known)


def load_training_data(spec: DataSpec, measured: int, download: bool = False) -> TrainingData:
    """Load images as a configuration wants them.

    Args:
        spec: which.
        measured: images to hold out, at most; of a set without a split, no more than a fifth.
        download: allow a download.

    Raises:
        UserError: there is no such set, or it has no such classes.
    """

    def trained(known: Annotations) -> Indices:
        return hold_out(known, HELD_OUT, measured)[0]

    images = load_images(spec.name, download, classes=spec.classes, size=spec.size, training=trained)
    side = images.images.shape[1]
    if side < LEAST_SIDE:
        raise UserError(f"{images.name}: images of {side}×{side} pixels; expected {LEAST_SIDE} or more; resize them")
    training, held_out = hold_out(images, HELD_OUT, measured)
    if min(len(training), len(held_out)) < LEAST_A_SIDE:
        raise UserError(
            f"{images.name}: {len(training)} images to train on and {len(held_out)} held out; expected at least "
            f"{LEAST_A_SIDE} of each"
        )
    return TrainingData(images, training, held_out)


def training_data_of(config: TrainConfig, download: bool = False) -> TrainingData:
    """Load the images of a training.

    Raises:
        UserError: there is no such set, it has no such classes, or the model does not take images of its size.
    """
    training_data = load_training_data(config.data, config.eval_images, download)
    scales_of(config, training_data.images.images.shape[1])
    return training_data
