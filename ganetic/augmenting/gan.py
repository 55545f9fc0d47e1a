"""The generated images of a training subset: GANs that see it alone, and so do their measurements and checkpoints."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganetic.config import Config
from ganetic.data import ImageSet, Indices
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
    """The class that it draws."""
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
    """Train one GAN for each class, and draw from the best checkpoint of each.

    Raises:
        UserError: the model does not take such images, or a penalty does not go with the loss.
        KeyboardInterrupt: it was interrupted, and has written a checkpoint.
    """
    found = list(_by_class(request))
    return Generated(np.stack([images for images, _ in found]), tuple(result for _, result in found))


def _by_class(request: GanRequest) -> Iterator[tuple[Pixels, GanResult]]:
    labels = request.subset.labels
    assert labels is not None
    for label, name in enumerate(request.subset.class_names):
        run = request.directory / f"class-{label}"
        config = request.config.model_copy(update={"seed": request.seed + label})
        data = training_data_of(request.subset, np.flatnonzero(labels == label), config)
        result = _trained(run, request, config, data, name)
        yield generate_images(find_checkpoint(run), request.count, request.seed + label), result


def training_data_of(subset: ImageSet, members: Indices, config: TrainConfig) -> TrainingData:
    """Give images of the subset the roles of a training: all train the GAN, and it is compared with the same.

    Where D's outputs on held-out images steer the training, some of the subset's own are held out for that.
    """
    everything = np.arange(subset.count)
    if not config.ranks_held_out:
        return TrainingData(subset, members, members, everything)
    held_out = round(held_out_share(len(members)) * len(members))
    order = np.random.default_rng(0).permutation(members)
    return TrainingData(subset, np.sort(order[held_out:]), np.sort(order[:held_out]), everything)


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
