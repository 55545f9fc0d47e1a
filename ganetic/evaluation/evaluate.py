"""How good and how varied generated images are, measured against real ones."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ganetic.data import ImageSet, Indices, load_images
from ganetic.data.image_set import finished
from ganetic.errors import UserError
from ganetic.evaluation.by_class import judge_classes, notes_on_classes
from ganetic.evaluation.flags import find_flags
from ganetic.evaluation.measures import ENOUGH, LEAST, Embedded, SampleSets, net_name
from ganetic.evaluation.memorization import Memorization, judge_memorization
from ganetic.evaluation.metric import Evidence, measure_all
from ganetic.evaluation.pairs import with_pictures
from ganetic.evaluation.results import Evaluation
from ganetic.metrics.features import build_feature_net
from ganetic.metrics.inception import InceptionWeights, load_inception
from ganetic.metrics.ms_ssim import WINDOW
from ganetic.metrics.reference import ReferenceStatistics, reference_statistics
from ganetic.metrics.resampling import SCHEME
from ganetic.reproducible import random_stream, reproducible
from ganetic.training.device import device_for_trials

INCEPTION_LEAST = 2048
"""Fewer images than InceptionV3 has features make FID depend on their number more than on anything else."""


@dataclass(frozen=True, eq=False)
class _Roles:
    """Which real images are compared with, which stand for a perfect generator's, and what to say about that."""

    reference: Indices
    floor: Indices
    notes: tuple[str, ...]


def evaluate(
    generated: NDArray[np.uint8],
    images: ImageSet,
    training: Indices,
    held_out: Indices,
    inception_weights: Path | None = None,
    features: Indices | None = None,
    asked: Indices | None = None,
) -> Evaluation:
    """Judge generated images; the same arrays give the same verdict.

    The feature net is trained on the training images, or on those named. One half of the held-out images is the
    reference, the other half the floor: what a perfect generator would score. As many generated images as each half has
    are measured, a random part of them where there are more; copies are looked for among all.

    Args:
        generated: uint8 ``(N, H, W, C)``, N ≥ 16, of the size and channels of the set.
        images: the real images.
        training: indices of those that trained the generator.
        held_out: indices of those that it never saw. Below 128 the reference and the floor are halves of the whole set,
            training images included, and below 2 memorization is not judged; the notes say so.
        inception_weights: InceptionV3 weights in torch-fidelity's format, for FID and KID.
        features: indices of the images that train the feature net; None: those that trained the generator.
        asked: the label in the set of the class that each generated image was asked to be of, int64 ``(N,)``; None
            where none was asked for. Each class is then judged by itself, too.

    Raises:
        UserError: the generated images are too few or of another shape, or the weights cannot be read.
    """
    learnt = training if features is None else features
    return _judge(generated, images, training, held_out, inception_weights, learnt, known=True, asked=asked)


@reproducible()
def drawn(images: NDArray[np.uint8], count: int | None, seed: int) -> NDArray[np.uint8]:
    """Draw some of the images of a folder, or take them all where no number is given.

    Raises:
        UserError: there are fewer.
    """
    if count is None:
        return images
    if count > len(images):
        raise UserError(
            f"{count} images to draw of a folder with {len(images)}; expected no more, or no number for all"
        )
    chosen = torch.randperm(len(images), generator=random_stream(seed, "drawn from a folder"))[:count]
    kept: NDArray[np.uint8] = images[chosen.sort().values.numpy()]
    return kept


@reproducible()
def compare_folders(
    first: Path, second: str, inception_weights: Path | None = None, count: int | None = None, seed: int = 0
) -> Evaluation:
    """Judge one folder of images against another, without any model or labels.

    The feature net is trained on one half of the second folder's images (on clusters, unless it has a folder a class);
    the other half serves as held-out images do in `evaluate`. Memorization is not judged: which images trained the
    generator, if any did, is not known.

    Args:
        first: the folder to judge.
        second: of real images, as ``folder:DIR``.
        inception_weights: InceptionV3 weights, for FID and KID.
        count: images to draw from the first folder; None for all of them.
        seed: of those drawn.

    Raises:
        UserError: a folder cannot be read, or their images differ in size.
    """
    made, real = load_images(f"folder:{first}"), load_images(second)
    if made.images.shape[1:3] != real.images.shape[1:3]:
        raise UserError(
            f"{first} has images of {_size(made.images)}, {second} of {_size(real.images)}; make them alike"
        )
    order = torch.randperm(len(real.images), generator=random_stream(0, "halves of a folder")).numpy()
    learnt, others = np.array_split(order, 2)
    found = _judge(drawn(made.images, count, seed), real, learnt, others, inception_weights, learnt, known=False)
    return found.model_copy(update={"notes": (*made.notes, *found.notes)})


@reproducible()
def _judge(
    generated: NDArray[np.uint8],
    images: ImageSet,
    training: Indices,
    held_out: Indices,
    inception_weights: Path | None,
    features: Indices,
    known: bool,
    asked: Indices | None = None,
) -> Evaluation:
    generated, images, notes = _in_equal_channels(generated, images)
    _check(generated, images)
    inception = None if inception_weights is None else load_inception(inception_weights)
    device, roles = device_for_trials(), _roles(images, training, held_out)
    n = min(len(generated), len(roles.reference), len(roles.floor))
    reference, floor = roles.reference[:n], roles.floor[:n]
    chosen = torch.randperm(len(generated), generator=random_stream(0, "evaluated"))[:n].numpy()
    own = reference_statistics(images, (features, reference, floor), None, device)
    pixels = images.images
    sides = SampleSets.of(own, generated[chosen], pixels[reference], pixels[floor], device)
    judged = known and len(held_out) > 1
    copies = _memorization(own, generated, images, training, held_out) if judged else None
    evidence = Evidence(sides, own, images.labels is not None, device, inception, copies)
    found = measure_all(evidence)
    by_class = (
        () if asked is None else judge_classes(evidence, images, (generated, asked), roles.reference, roles.floor)
    )
    z = copies.z if copies else {}
    diversity = sides.diversity(len(own.weights["classify.bias"]))
    return Evaluation(
        data=own.data,
        generated=len(generated),
        measures=found,
        classes=by_class,
        data_copying_z=z,
        closest=with_pictures(copies.closest, generated, pixels) if copies else (),
        flags=find_flags(
            {one.name: one for one in found}, diversity, own.diversity, z, copies.copies_p if copies else 1.0
        ),
        intervals=SCHEME,
        notes=(*images.notes, *notes, *roles.notes, *_notes(images, n, inception, judged), *notes_on_classes(by_class)),
    )


def _roles(images: ImageSet, training: Indices, held_out: Indices) -> _Roles:
    stream = random_stream(0, "reference and floor")
    pool, notes = held_out, tuple[str, ...]()
    if len(held_out) < 2 * ENOUGH:
        pool = np.concatenate([training, held_out])
        notes = (
            f"{images.name} holds out only {len(held_out)} images: reference and floor are halves of all {len(pool)}, "
            "training images included, which flatters a generator that copies them",
        )
    shuffled = pool[torch.randperm(len(pool), generator=stream).numpy()]
    reference, floor = np.array_split(shuffled, 2)
    return _Roles(reference, floor, notes)


def _memorization(
    own: ReferenceStatistics, generated: NDArray[np.uint8], images: ImageSet, training: Indices, held_out: Indices
) -> Memorization:
    net = build_feature_net(own.weights, device_for_trials())
    seen = (Embedded.by(net, pixels) for pixels in (generated, images.images[held_out], images.images[training]))
    made, unseen, learnt = seen
    return judge_memorization(made, unseen, learnt, images, training, net_name(own))


def _notes(images: ImageSet, n: int, inception: InceptionWeights | None, judged: bool) -> list[str]:
    notes = []
    if n < ENOUGH:
        notes.append(f"{n} images are few: distances are mostly bias, read them beside their floors only")
    if images.labels is None:
        notes.append(f"{images.name} has no labels: classes are clusters, and similar pairs are any two images")
    if not judged:
        notes.append("memorisation was not judged: no images are known that the generator did or did not see")
    if images.images.shape[1] < WINDOW:
        notes.append(f"MS-SSIM was not measured: it needs {WINDOW} pixels a side")
    if inception is not None and n < INCEPTION_LEAST:
        notes.append(f"with {n} images InceptionV3's Fréchet distance is mostly bias: read it beside its floor only")
    return notes


def _in_equal_channels(
    generated: NDArray[np.uint8], images: ImageSet
) -> tuple[NDArray[np.uint8], ImageSet, tuple[str, ...]]:
    """Make colour images of grey ones beside colour, and say so."""
    made, real = generated.shape[-1], images.images.shape[-1]
    if {made, real} != {1, 3}:
        return generated, images, ()
    if made == 1:
        note = f"the generated images are grey, those of {images.name} are colour: the grey ones were made colour"
        return generated.repeat(3, axis=-1), images, (note,)
    note = f"the generated images are colour, those of {images.name} are grey: the grey ones were made colour"
    return generated, finished(images.annotations, images.images.repeat(3, axis=-1), images.notes), (note,)


def _check(generated: NDArray[np.uint8], images: ImageSet) -> None:
    if generated.dtype != np.uint8 or generated.shape[1:] != images.images.shape[1:]:
        raise UserError(
            f"generated images are {generated.dtype} of the shape {generated.shape}; expected uint8 of "
            f"{_size(images.images)}, as in {images.name}"
        )
    if len(generated) < LEAST:
        raise UserError(f"{len(generated)} generated images are too few to measure; expected at least {LEAST}")


def _size(images: NDArray[np.uint8]) -> str:
    height, width, channels = images.shape[1:]
    return f"{width}×{height} pixels in {'grey' if channels == 1 else 'colour'}"
