"""The images of a training: those that train the GAN, and those that judge it."""

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from ganetic.data import Annotations, ImageSet, Indices, hold_out, load_images, some_of_each_class
from ganetic.errors import UserError
from ganetic.gan.ada import LEAST_HELD_OUT
from ganetic.gan.classes import UNCONDITIONAL, ClassCounts
from ganetic.metrics.reference import Extractor, ReferenceStatistics, reference_statistics
from ganetic.reproducible import reproducible
from ganetic.training.config import DataSpec, TrainConfig, scales_of
from ganetic.training.labels import RealLabels

HELD_OUT = 0.2
"""Share of the images that train no GAN, where the set brings no split."""

RANKED = LEAST_HELD_OUT + 16
"""Images to hold out where D ranks them; whole classes and patients may leave a few less."""
LEAST_A_SIDE = 2
"""Images that train the GAN, and images held out: of fewer there is no covariance."""
LEAST_SIDE = 8
"""Pixels that the net needs which measures images."""


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Images and their roles.

    Attributes:
        images: the set, with its classes picked and at its size.
        training: indices of the images that train the GAN.
        held_out: indices of the images that it is compared with.
        features: indices of the images that train the feature net, all that are not held out: trainings on some images
            of a set, and on all, are measured alike.
        classes: training images of each class that the nets are told, by name; empty where they are told none.
    """

    images: ImageSet
    training: Indices
    held_out: Indices
    features: Indices
    classes: ClassCounts = field(default_factory=dict)

    @property
    def labels(self) -> RealLabels | None:
        """The classes that the nets are told; None where they are told none."""
        if not self.classes:
            return None
        assert self.images.labels is not None
        return RealLabels(self.images.labels[self.training], self.images.labels[self.held_out])

    @property
    def training_images(self) -> NDArray[np.uint8]:
        """``(N, H, W, C)``."""
        return self.images.images[self.training]

    @property
    def held_out_images(self) -> NDArray[np.uint8]:
        """``(M, H, W, C)``."""
        return self.images.images[self.held_out]

    def reference_statistics(self, device: str) -> ReferenceStatistics:
        """What generated images are measured with. The feature net learns from what is not held out.

        Distances are to held-out images; whether modes are missing is told by training images, which are all that the
        generator can know of: of other patients, held-out images may have other classes.
        """
        roles = (self.features, self.held_out, self._as_many_as_held_out(self.features))
        own = reference_statistics(self.images, roles, None, device)
        pixels = torch.tensor(self.images.images[self._as_many_as_held_out(self.training)])
        with reproducible():
            known = Extractor(own.weights, None, device).diversity(pixels)
        return replace(own, diversity=known)

    def _as_many_as_held_out(self, among: Indices) -> Indices:
        order = np.random.default_rng(0).permutation(len(among))
        chosen: Indices = np.sort(among[order[: len(self.held_out)]])
        return chosen


def load_training_data(spec: DataSpec, measured: int, download: bool = False, ranked: bool = False) -> TrainingData:
    """Load images as a configuration wants them.

    Args:
        spec: which.
        measured: images to hold out, at most; of a set without a split, no more than a fifth.
        download: allow a download.
        ranked: hold out more than a fifth of a small set, so that adaptive augmentation can rank them, see
            `held_out_share`.

    Raises:
        UserError: there is no such set, it has no such classes, or nothing to tell the nets.
    """

    def divided(known: Annotations) -> tuple[Indices, Indices]:
        return hold_out(known, held_out_share(known.count) if ranked else HELD_OUT, measured)

    def trained(known: Annotations) -> Indices:
        return divided(known)[0]

    images = load_images(spec.name, download, classes=spec.classes, size=spec.size, training=trained)
    side = images.images.shape[1]
    if side < LEAST_SIDE:
        raise UserError(f"{images.name}: images of {side}×{side} pixels; expected {LEAST_SIDE} or more; resize them")
    training, held_out = divided(images)
    if min(len(training), len(held_out)) < LEAST_A_SIDE:
        raise UserError(
            f"{images.name}: {len(training)} images to train on and {len(held_out)} held out; expected at least "
            f"{LEAST_A_SIDE} of each"
        )
    learning = training if spec.per_class is None else some_of_each_class(images, training, spec.per_class)
    return TrainingData(
        images, learning, held_out, training, _told(images, learning) if spec.conditional else UNCONDITIONAL
    )


def _told(images: ImageSet, training: Indices) -> ClassCounts:
    """How many images of each class train the GAN, which is told them.

    Raises:
        UserError: there are no two classes, or no image of one may train.
    """
    if images.labels is None:
        raise UserError(
            f"{images.name}: has no classes, or a single one; data.conditional needs two or more; bring labels, name "
            "more classes, or leave conditional out"
        )
    counts = np.bincount(images.labels[training], minlength=len(images.class_names))
    classes = dict(zip(images.class_names, counts.tolist(), strict=True))
    for name, count in classes.items():
        if not count:
            raise UserError(
                f'{images.name}: no image of class "{name}" trains the GAN; data.conditional needs some of each; leave '
                "the class out, or bring more"
            )
    return classes


def held_out_share(count: int) -> float:
    """Return the share of a set to hold out where held-out images are ranked by D: a fifth, or of a small set more.

    `RANKED` images are wanted, never more than half, and none beyond a fifth where half is too few all the same.

    Args:
        count: of the set.
    """
    wanted = min(RANKED, count // 2)
    return max(HELD_OUT, wanted / count) if wanted >= LEAST_HELD_OUT else HELD_OUT


def training_data_of(config: TrainConfig, download: bool = False) -> TrainingData:
    """Load the images of a training.

    Raises:
        UserError: there is no such set, it has no such classes, or the model does not take images of its size.
    """
    training_data = load_training_data(config.data, config.eval_images, download, config.ranks_held_out)
    scales_of(config, training_data.images.images.shape[1])
    return training_data
