"""Evaluate a trained generator, or a folder of images, by real images."""

from pathlib import Path

import numpy as np

from ganetic.data import ImageSet, Indices, load_images
from ganetic.data.source import with_window_of
from ganetic.errors import UserError
from ganetic.evaluation.evaluate import compare_folders, drawn, evaluate
from ganetic.evaluation.measures import LEAST
from ganetic.evaluation.results import Evaluation
from ganetic.training.checkpoint import CHECKPOINTS
from ganetic.training.config import DataSpec
from ganetic.training.data import TrainingData, load_training_data
from ganetic.training.generate import Checkpoint, Generated, find_checkpoint, generate_labelled
from ganetic.training.metadata import is_training

MOST = 2000
"""Held-out images that generated ones are compared with, and images drawn where no number is given."""


def evaluate_path(
    generated: Path,
    data: str | None = None,
    count: int | None = None,
    seed: int = 0,
    inception_weights: Path | None = None,
    download: bool = False,
) -> Evaluation:
    """Evaluate what a path holds.

    Args:
        generated: a training, for its best checkpoint; a checkpoint; or a folder of images.
        data: real images. A training brings its own; other images are cut down to its classes and size, too. For a
            folder: a data set, or another folder as ``folder:DIR``, with which it is then compared image by image.
        count: images to draw, from a generator or out of a folder; None for all of a folder, and from a generator for
            as many as there are held-out images, from 16 to 2,000.
        seed: of the images drawn.
        inception_weights: InceptionV3 weights, to measure FID and KID as well.
        download: allow a download of the data set.

    Raises:
        UserError: there is nothing to evaluate there, or nothing to compare it with.
    """
    if not generated.exists():
        raise UserError(f"{generated}: no such training, checkpoint or folder of images; trainings are under runs/")
    if is_training(generated) or generated.resolve().parent.name == CHECKPOINTS:
        checkpoint = find_checkpoint(generated)
        training_data = training_data_for(checkpoint, download, data)
        return evaluate_checkpoint(checkpoint, training_data, count, seed, inception_weights)
    if data is None:
        raise UserError(f"{generated}: images of a folder are compared with real ones; name them with --data")
    if data.startswith("folder:"):
        return compare_folders(generated, data, inception_weights, count, seed)
    made = load_images(f"folder:{generated}")
    images = drawn(made.images, count, seed)
    training_data = load_training_data(DataSpec(name=data, size=images.shape[1]), MOST, download)
    found = _judged(Generated(images), training_data, inception_weights)
    return found.model_copy(update={"notes": (*made.notes, *found.notes)})


def training_data_for(checkpoint: Checkpoint, download: bool = False, data: str | None = None) -> TrainingData:
    """Load the images that a checkpoint is compared with.

    Args:
        checkpoint: of a training.
        download: allow a download of the data set.
        data: other real images than those of the training; they are cut down to its classes and size.

    Raises:
        UserError: there are no such images, or those of the training are others now.
    """
    metadata = checkpoint.metadata
    spec = metadata.config.data
    if data is not None:
        spec = spec.model_copy(
            update={"name": with_window_of(data, spec.name), "per_class": None, "conditional": False}
        )
    config = metadata.config
    training_data = load_training_data(spec, config.eval_images, download, config.ranks_held_out)
    known = f"{training_data.images.name}:{training_data.images.fingerprint[:12]}"
    if data is None and known != metadata.data:
        raise UserError(
            f"{checkpoint.directory}: was trained on {metadata.data}, which is now {known}; bring the images back; "
            "`ganetic evaluate` compares with others that --data names"
        )
    return training_data


def evaluate_checkpoint(
    checkpoint: Checkpoint,
    training_data: TrainingData,
    count: int | None = None,
    seed: int = 0,
    inception_weights: Path | None = None,
) -> Evaluation:
    """Draw images from a checkpoint, and judge them; those of each class as well where it is told classes.

    Args:
        checkpoint: of a training.
        training_data: what they are compared with.
        count: images to draw; None for as many as there are held-out images, from 16 to 2,000.
        seed: of the images drawn.
        inception_weights: InceptionV3 weights, to measure FID and KID as well.

    Raises:
        UserError: the checkpoint is damaged, or the weights cannot be read.
    """
    images = generate_labelled(checkpoint, count or max(LEAST, min(MOST, len(training_data.held_out))), seed)
    return _judged(images, training_data, inception_weights)


def _judged(generated: Generated, real: TrainingData, inception_weights: Path | None) -> Evaluation:
    roles = (real.training, real.held_out, inception_weights, real.features)
    return evaluate(generated.images, real.images, *roles, asked=_asked(generated, real.images))


def _asked(generated: Generated, images: ImageSet) -> Indices | None:
    """The classes that were asked for by their labels in the set; -1 for those that the set does not have."""
    if generated.labels is None:
        return None
    places = {name: label for label, name in enumerate(images.class_names)}
    of_the_set = np.array([places.get(name, -1) for name in generated.class_names], dtype=np.int64)
    return of_the_set[generated.labels]
