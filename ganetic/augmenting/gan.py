"""The generated images of a training subset: GANs that see it alone, and so do their measurements and checkpoints."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganetic.config import Config
from ganetic.data import ImageSet, Indices
from ganetic.gan.classes import UNCONDITIONAL, ClassCounts
from ganetic.loss.formula import Formula
from ganetic.metrics.imagenet import ImageNetFeatures
from ganetic.metrics.reference import reference_statistics
from ganetic.training.config import TrainConfig
from ganetic.training.data import TrainingData, held_out_share
from ganetic.training.device import device_for_trials
from ganetic.training.generate import find_checkpoint, generate_images
from ganetic.training.job import result_of
from ganetic.training.result import TrialState
from ganetic.training.setup import with_prepared
from ganetic.training.train import train_in

Pixels = NDArray[np.uint8]

ALL = "all classes"
"""Of a GAN that is told classes."""


@dataclass(frozen=True, eq=False)
class GanRequest:
    """What GANs are trained on, and how many images they are asked for.

    Attributes:
        subset: the training subset and nothing else, with its labels.
        config: of the trainings; the seed is replaced.
        loss: its name.
        formula: the loss.
        count: images of each class.
        seed: all seeds follow from it.
        directory: where trainings lie, so that one that was killed goes on from its last checkpoint.
    """

    subset: ImageSet
    config: TrainConfig
    loss: str
    formula: Formula
    count: int
    seed: int
    directory: Path


class GanResult(Config):
    """What came of a GAN."""

    of: str
    """The class that it draws, or `ALL`."""
    failure: str | None
    """Why its training failed; None where it did not. Its best checkpoint draws all the same."""
    step: int
    """Of the checkpoint that drew: the one with the lowest fd to the images that train it."""
    fd: float
    """The distance there."""
    floor_fd: float
    """That of half of the training images."""


@dataclass(frozen=True, eq=False)
class Generated:
    """What generators drew.

    Attributes:
        images: uint8 ``(classes, count, H, W, C)``.
        gans: what came of each training.
    """

    images: Pixels
    gans: tuple[GanResult, ...]


MakeImages = Callable[[GanRequest], Generated]
"""A module-level function that turns a training subset into generated images."""


def train_and_draw(request: GanRequest) -> Generated:
    """Train one GAN for each class, or one that is told classes, and draw from the best checkpoint of each.

    Raises:
        UserError: the model does not take such images, or a penalty does not go with the loss.
        KeyboardInterrupt: it was interrupted, and has written a checkpoint.
    """
    return (_at_once if request.config.data.conditional else _by_class)(request)


def _by_class(request: GanRequest) -> Generated:
    labels, names = request.subset.labels, request.subset.class_names
    assert labels is not None
    images, gans = [], []
    for label, name in enumerate(names):
        run = request.directory / f"class-{label}"
        config = request.config.model_copy(update={"seed": request.seed + label})
        data = training_data_of(request.subset, np.flatnonzero(labels == label), config)
        gans.append(_trained(run, request, config, data, name))
        images.append(generate_images(find_checkpoint(run), request.count, config.seed))
    return Generated(np.stack(images), tuple(gans))


def _at_once(request: GanRequest) -> Generated:
    run, names = request.directory / "all-classes", request.subset.class_names
    config = request.config.model_copy(update={"seed": request.seed})
    data = training_data_of(request.subset, np.arange(request.subset.count), config)
    result = _trained(run, request, config, data, ALL)
    checkpoint = find_checkpoint(run)
    images = [generate_images(checkpoint, request.count, request.seed + n, label=name) for n, name in enumerate(names)]
    return Generated(np.stack(images), (result,))


def training_data_of(subset: ImageSet, members: Indices, config: TrainConfig) -> TrainingData:
    """Give images of the subset the roles of a training: all train the GAN, and it is compared with the same.

    Where D's outputs on held-out images steer the training, some of the subset's own are held out for that.
    """
    training = held_out = members
    if config.ranks_held_out:
        count = round(held_out_share(len(members)) * len(members))
        order = np.random.default_rng(0).permutation(members)
        training, held_out = np.sort(order[count:]), np.sort(order[:count])
    classes = _told(subset, training) if config.data.conditional else UNCONDITIONAL
    return TrainingData(subset, training, held_out, np.arange(subset.count), classes)


def _told(subset: ImageSet, training: Indices) -> ClassCounts:
    assert subset.labels is not None
    counts = np.bincount(subset.labels[training], minlength=len(subset.class_names))
    return dict(zip(subset.class_names, counts.tolist(), strict=True))


def _trained(run: Path, request: GanRequest, config: TrainConfig, data: TrainingData, name: str) -> GanResult:
    device = device_for_trials()
    # The distances are in features that learnt from no image of ours; the net that counts modes learns from the subset.
    roles = (data.features, data.held_out, data.training[::2])
    statistics = reference_statistics(request.subset, roles, ImageNetFeatures(), device)
    training = train_in(run, request.loss, with_prepared(config, request.formula, data, statistics))
    if training.status == "stopped":
        raise KeyboardInterrupt
    result = result_of(training)
    state, failure = training.train_state, None if result.state is TrialState.COMPLETED else result.reason
    return GanResult(of=name, failure=failure, step=state.best_step, fd=state.best_fd, floor_fd=statistics.floor_fd)
