"""Draw images from a trained generator."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ganetic.data import Indices
from ganetic.errors import UserError, typed
from ganetic.gan.classes import labels_for
from ganetic.gan.models import Truncatable, build
from ganetic.reproducible import random_stream, reproducible
from ganetic.training.checkpoint import CHECKPOINTS, checkpoints_in, directory_of, read_part, read_train_state
from ganetic.training.device import device_for_trials
from ganetic.training.metadata import RunMetadata, is_training, read_metadata
from ganetic.training.trainer import NonFiniteError, generate


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint, and the training that it is of.

    Attributes:
        directory: of the checkpoint.
        metadata: of the training.
        step: updates of each player made.
    """

    directory: Path
    metadata: RunMetadata
    step: int


@dataclass(frozen=True, eq=False)
class Generated:
    """Generated images.

    Attributes:
        images: uint8 ``(N, H, W, C)``.
        labels: the class of each, int64 ``(N,)``; None of a generator that is told no classes.
        class_names: of the labels.
    """

    images: NDArray[np.uint8]
    labels: Indices | None = None
    class_names: tuple[str, ...] = ()

    @property
    def classes_said(self) -> str:
        """How many images there are of each class, in the order of a grid's rows; empty where there are none."""
        if self.labels is None:
            return ""
        counts = np.bincount(self.labels, minlength=len(self.class_names))
        found = zip(self.class_names, counts, strict=True)
        return "classes: " + ", ".join(f"{name} ({count} images)" for name, count in found if count)


def find_checkpoint(path: Path) -> Checkpoint:
    """Find a checkpoint by its directory, or the best one of a run by the run's.

    Raises:
        UserError: there is none.
    """
    if is_training(path):
        found = checkpoints_in(path)
        if not found:
            raise UserError(f"{path}: has no checkpoint yet; `{typed('ganetic', 'resume', path)}` goes on with it")
        directory = directory_of(path, read_train_state(found[-1]).best_step)
        return Checkpoint(directory, read_metadata(path), read_train_state(directory).step)
    run = path.resolve().parent.parent
    if path.resolve().parent.name != CHECKPOINTS or not is_training(run):
        raise UserError(f"{path}: neither a training nor one of its checkpoints; expected a directory in runs/")
    return Checkpoint(path, read_metadata(run), read_train_state(path).step)


def load_generator(checkpoint: Checkpoint, device: str = "cpu") -> nn.Module:
    """Load the averaged generator: latents ``(N, latent)`` to images in [−1, 1] or, in msg-*, to a pyramid of them.

    One that was told classes takes labels, int64 ``(N,)``, as well.

    Raises:
        UserError: the checkpoint is damaged.
    """
    metadata, config = checkpoint.metadata, checkpoint.metadata.config
    weights = read_part(checkpoint.directory, "average")
    image, classes = (metadata.size, metadata.channels), len(metadata.classes)
    generator = build(config.model, *image, config.seed, classes).generator
    try:
        generator.load_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:100]
        raise UserError(f"{checkpoint.directory}: does not fit its training ({reason}); choose another one") from None
    return generator.requires_grad_(False).eval().to(device)


def generate_images(
    checkpoint: Checkpoint, count: int, seed: int = 0, truncation: float | None = None, label: str | None = None
) -> NDArray[np.uint8]:
    """Draw uint8 images ``(count, H, W, C)``, see `generate_labelled`."""
    return generate_labelled(checkpoint, count, seed, truncation, label).images


@reproducible()
def generate_labelled(
    checkpoint: Checkpoint, count: int, seed: int = 0, truncation: float | None = None, label: str | None = None
) -> Generated:
    """Draw images; the same checkpoint and seed give the same ones on one kind of device.

    Args:
        checkpoint: of the generator.
        count: how many.
        seed: of the latents, and of the classes where none is named.
        truncation: how much variety there is, from 0 to 1, see `Truncatable`; None for all that was trained.
        label: the name of the class that all images are of; None for all classes in the proportion of the images that
            trained the generator.

    Raises:
        UserError: the checkpoint is damaged, gives something that is no image, or is of a model without truncation or
            without such a class.
    """
    classes = checkpoint.metadata.classes
    labels = labels_for(classes, count, random_stream(seed, "generated labels"), label)
    device = device_for_trials()
    generator = load_generator(checkpoint, device)
    if truncation is not None:
        _truncate(generator, truncation, checkpoint.metadata.config.model.name)
    latents = torch.randn(count, checkpoint.metadata.config.model.latent, generator=random_stream(seed, "generate"))
    try:
        images = generate(generator, latents, device, labels=labels)[-1].numpy()
    except NonFiniteError as error:
        raise UserError(f"{checkpoint.directory}: {error}; choose another checkpoint") from None
    return Generated(images, None if labels is None else labels.numpy(), tuple(classes))


def _truncate(generator: nn.Module, truncation: float, model: str) -> None:
    if not isinstance(generator, Truncatable):
        raise UserError(
            f"truncation is {truncation:g}; {model} has no styles to truncate; leave it out, or train stylegan2"
        )
    generator.truncate(truncation)
