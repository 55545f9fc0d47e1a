"""A job of the study: one draw of a training subset, its GANs, and the classifiers of every arm."""

import base64
import io
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ganetic.augmenting.classroom import Classroom, needed
from ganetic.augmenting.config import AugmentConfig
from ganetic.augmenting.copies import is_copy
from ganetic.augmenting.division import Division, draw_subset
from ganetic.augmenting.fingerprints import assert_unseen, fingerprint_of_all, fingerprints
from ganetic.augmenting.gan import GanRequest, Generated, MakeImages, Pixels, train_and_draw
from ganetic.augmenting.images import ClassifierImages
from ganetic.augmenting.record import DrawResult
from ganetic.data import Annotations, ImageSet, Indices
from ganetic.data.image_set import finished
from ganetic.loss.formula import Formula
from ganetic.reproducible import reproducible
from ganetic.training.config import TrainConfig
from ganetic.training.samples import COLUMNS, beside

GANS = "gans"
"""Directory of the trainings that are under way in that of a study."""
SPARE = 2
"""Images are drawn so many times as often as they are needed, so that copies can be left out."""
_SHOWN = 2 * COLUMNS
"""Images of each class in a picture."""


@dataclass(frozen=True, eq=False)
class AugmentContext:
    """What all jobs of a study share.

    Attributes:
        directory: of the study, absolute.
        config: of the study.
        images: the set, at the size of the study.
        division: its parts.
        seen: what the classifier sees of them.
        make: makes generated images of a training subset.
    """

    directory: str
    config: AugmentConfig
    images: ImageSet
    division: Division
    seen: ClassifierImages
    make: MakeImages = train_and_draw


@reproducible()
def augment_job(context: AugmentContext, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Run a draw as a plain payload says, and return its `DrawResult` as plain data.

    Args:
        context: what all draws share.
        payload: ``draw``, ``size``, ``gan`` (a `TrainConfig`), ``loss`` and ``formula``.

    Raises:
        LeakError: an image that validates or tests was about to train a GAN.
    """
    draw, size = int(payload["draw"]), int(payload["size"])
    members = _members(context, draw, size)
    subset = subset_of(context.images, members)
    assert_unseen(subset.images, fingerprints(context.images.images[context.division.judging]))
    directory = Path(context.directory) / GANS / f"draw-{draw}-size-{size}"
    began = time.monotonic()
    generated = context.make(
        GanRequest(
            subset=subset,
            config=TrainConfig.model_validate(payload["gan"]),
            loss=payload["loss"],
            formula=Formula.from_text(payload["formula"]),
            count=SPARE * needed(context.config, size),
            seed=gan_seed(context.config.seed, draw),
            directory=directory,
        )
    )
    made = time.monotonic()
    copies = np.stack([is_copy(own, subset.images) for own in generated.images])
    arms = Classroom(context.config, context.seen, context.division, context.images, members).arms(
        generated.images, copies, draw
    )
    shutil.rmtree(directory, ignore_errors=True)
    return DrawResult(
        draw=draw,
        size=size,
        subset_sha256=fingerprint_of_all(subset.images),
        gans=generated.gans,
        copies=float(copies.mean()),
        arms=arms,
        samples=_samples(generated, subset) if draw == 0 else "",
        gan_seconds=made - began,
        classifier_seconds=time.monotonic() - made,
    ).model_dump(mode="json")


def gan_seed(seed: int, draw: int) -> int:
    """Return the seed of the first class's GAN in a draw; those of its other classes follow it."""
    return int(np.random.SeedSequence([seed, draw]).generate_state(1)[0])


def subset_of(images: ImageSet, members: Indices) -> ImageSet:
    """Return some images of a set as a set of their own, with its class names."""
    assert images.labels is not None
    known = Annotations(
        name=images.name, count=len(members), labels=images.labels[members], class_names=images.class_names
    )
    return finished(known, images.images[members], source=images.source)


def _members(context: AugmentContext, draw: int, size: int) -> Indices:
    assert context.images.labels is not None
    return draw_subset(context.images.labels, context.division.pool, size, draw, context.config.seed)


def _samples(generated: Generated, subset: ImageSet) -> str:
    """Some images of each class, generated ones beside real ones, as a PNG in base64."""
    assert subset.labels is not None
    made = np.concatenate([own[:_SHOWN] for own in generated.images])
    real = np.concatenate([_filled(subset.images[subset.labels == label]) for label in range(len(generated.images))])
    picture = beside(torch.tensor(made), torch.tensor(real)).permute(1, 2, 0).contiguous().numpy()
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="png", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def _filled(images: Pixels) -> Pixels:
    """So many of the images as are shown; fewer come again."""
    return images[np.arange(_SHOWN) % len(images)]
