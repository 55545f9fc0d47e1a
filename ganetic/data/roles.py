"""Which images of a set play which role."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganetic.data.image_set import Annotations, Indices
from ganetic.errors import UserError

MIN_IMAGES = 128
"""The smallest set of a search: half of it is the reference, whose 64 feature dimensions need as many images."""
FEATURE_IMAGES_LEAST = 3_000
FEATURE_IMAGES_MOST = 10_000
"""The feature net gets images of its own where that many can be spared, and never more than the second number."""


@dataclass(frozen=True, eq=False)
class Partition:
    """Which images play which role, as sorted indices into an `ImageSet`.

    Attributes:
        gan: images that train the GAN.
        features: images that train the feature net.
        reference: images whose statistics generated images are compared with; never in ``gan`` or ``features``.
        floor: as many real images as ``reference``, drawn from ``gan``: what a perfect generator would score.
        shared: empty, or a sentence that says which roles share images.
    """

    gan: Indices
    features: Indices
    reference: Indices
    floor: Indices
    shared: str


def partition(images: Annotations, reference_size: int) -> Partition:
    """Divide a set among its roles; the same set is always divided in the same way.

    A given split is used: split 0 trains the GAN, the rest serves as reference and feature images. Otherwise the
    division is random. The feature net has images of its own where at least 3,000 can be spared; where not, it shares
    the GAN's.

    Images of one group, such as a patient's, play one role.

    Args:
        images: the set.
        reference_size: wanted number of reference images. Fewer are taken when the set has fewer than twice as many, or
            when its split holds out fewer.

    Raises:
        UserError: there are too few images, in all or on one side of the split.
    """
    if images.count < MIN_IMAGES:
        raise UserError(f"{images.name}: {images.count} images are too few; expected at least {MIN_IMAGES}")
    order = _by_group(np.random.default_rng(0).permutation(images.count), images.groups)
    if images.split is None:
        reference, rest = _cut(order, min(reference_size, len(order) // 2), images.groups)
        spare = min(len(rest) // 2, FEATURE_IMAGES_MOST)
        features, gan = _cut(rest, spare if spare >= FEATURE_IMAGES_LEAST else 0, images.groups)
    else:
        training = images.split[order] == 0
        gan, held_out = order[training], order[~training]
        size = min(reference_size, len(held_out), len(gan))
        if size < MIN_IMAGES // 2:
            raise UserError(
                f"{images.name}: its split has {len(gan)} images for training and {len(held_out)} held out; "
                f"expected at least {MIN_IMAGES // 2} of each"
            )
        reference, spare_images = _cut(held_out, size, images.groups)
        features = spare_images[:FEATURE_IMAGES_MOST] if len(spare_images) >= FEATURE_IMAGES_LEAST else gan[:0]
    if len(reference) < MIN_IMAGES // 2:
        raise UserError(
            f"{images.name}: whole patients leave {len(reference)} images to compare with; expected at least "
            f"{MIN_IMAGES // 2}; leave out the patients with most images, or bring more"
        )
    shared = "" if len(features) else f"the feature net is trained on the GAN's {len(gan)} images: the set is too small"
    return Partition(
        gan=np.sort(gan),
        features=np.sort(features if len(features) else gan),
        reference=np.sort(reference),
        floor=np.sort(gan[: len(reference)]),
        shared=shared,
    )


def _by_group(order: Indices, groups: Indices | None) -> Indices:
    """The images of a group one after another, where the first of them stood."""
    if groups is None:
        return order
    _, first, group = np.unique(groups[order], return_index=True, return_inverse=True)
    return order[np.argsort(first[group], kind="stable")]


def _cut(order: Indices, size: int, groups: Indices | None) -> tuple[Indices, Indices]:
    """Cut after so many images, or before the group that the cut would go through."""
    if groups is not None:
        while 0 < size < len(order) and groups[order[size - 1]] == groups[order[size]]:
            size -= 1
    return order[:size], order[size:]


def hold_out(images: Annotations, share: float = 0.2, most: int = 2000) -> tuple[Indices, Indices]:
    """Divide a set into images that train a GAN and images that judge it; the same set is always divided alike.

    A given split is used: split 0 trains, the others are held out. Otherwise the division is random, and as many of
    each class are held out as its share of the set asks for; classes of a single image count together as one. Every
    class is on both sides where it has two images, and ``most`` allows it. Images of one group, such as a patient's,
    stay together, so that all this holds as nearly as whole groups allow.

    Args:
        images: the set.
        share: of the images to hold out, where there is no split.
        most: images held out; what is over that trains a GAN where there is no split, and nothing where there is one.

    Returns:
        Sorted indices of training and of held-out images; no image is in both, and neither is empty.

    Raises:
        UserError: the split leaves no image on one side, or no group can be held out.
    """
    order = np.random.default_rng(0).permutation(images.count)
    if images.split is not None:
        training, held_out = order[images.split[order] == 0], order[images.split[order] != 0]
        if not len(training) or not len(held_out):
            raise UserError(f"{images.name}: its split has no images on one side; expected 0 for training and others")
        return np.sort(training), np.sort(held_out[:most])
    wanted = min(round(share * len(order)), most) / len(order)
    labels = np.zeros(len(order), np.int64) if images.labels is None else _joined(images.labels)
    groups = order.argsort() if images.groups is None else images.groups
    chosen = _random_groups(order, labels, groups, wanted, most)
    if not chosen.any():
        raise UserError(
            f"{images.name}: nothing can be held out of it; expected a class with images of two patients, one of whom "
            f"has at most {most}"
        )
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def some_of_each_class(images: Annotations, among: Indices, count: int) -> Indices:
    """Choose a few images of each class, whole groups such as patients; the same set always gives the same ones.

    Groups come in a random order, and each is taken that still fits. Of more images a class, fewer are nearly a part.

    Args:
        images: the set.
        among: indices of the images to choose from.
        count: of images of each class; whole groups may leave a few less. Of a set without labels it is of all.

    Returns:
        Sorted indices.

    Raises:
        UserError: a class has fewer images, or no group that fits.
    """
    labels = np.zeros(images.count, np.int64) if images.labels is None else images.labels
    names = images.class_names or ("images",)
    _refuse_few(images.name, names, np.bincount(labels[among], minlength=len(names)), count, "has")
    order = np.random.default_rng(0).permutation(images.count)
    order = _by_group(order[np.isin(order, among)], images.groups)
    groups = order if images.groups is None else images.groups[order]
    taken, chosen = np.zeros(len(names), np.int64), []
    for group in np.split(order, np.flatnonzero(groups[1:] != groups[:-1]) + 1):
        own = np.bincount(labels[group], minlength=len(names))
        if (taken + own <= count).all():
            taken += own
            chosen.append(group)
    _refuse_few(images.name, names, taken, 1, "has no patient of few enough images; of it one can learn from")
    return np.sort(np.concatenate(chosen))


def _refuse_few(name: str, classes: tuple[str, ...], sizes: Indices, least: int, what: str) -> None:
    few = int(sizes.argmin())
    if sizes[few] < least:
        raise UserError(
            f'{name}: class "{classes[few]}" {what} {sizes[few]} images that may train; expected at least {least}; '
            "lower per_class, or leave the class out"
        )


def _joined(labels: Indices) -> Indices:
    """Number classes ``(N,)`` anew, with those of a single image as one class, of which a share can be held out."""
    single = np.bincount(labels)[labels] == 1
    numbers: Indices = np.unique(np.where(single, -1, labels), return_inverse=True)[1].astype(np.int64)
    return numbers


def _random_groups(order: Indices, labels: Indices, groups: Indices, share: float, most: int) -> NDArray[np.bool_]:
    """Choose groups in random order while none of their classes has got its share of images yet; ``(N,)``.

    A class of which no group was small enough gets its smallest one that leaves images of every class for training.
    """
    sizes = np.bincount(labels)
    quota = np.minimum(np.maximum(np.rint(share * sizes).astype(np.int64), 1), sizes - 1)
    while quota.sum() > most:  # rounded up more often than down
        quota[quota.argmax()] -= 1
    taken = np.zeros_like(sizes)
    chosen = np.zeros(len(order), np.bool_)
    members: dict[int, list[int]] = {}
    for index in order.tolist():
        members.setdefault(int(groups[index]), []).append(index)

    def choose(group: list[int], limits: Indices) -> bool:
        counts = np.bincount(labels[group], minlength=len(sizes))
        fits = bool(((taken + counts <= limits) | (counts == 0)).all()) and taken.sum() + len(group) <= most
        if fits:
            taken[:] += counts
            chosen[group] = True
        return fits

    for group in members.values():
        choose(group, quota)
    for label in np.flatnonzero(sizes > 1):
        if not taken[label]:
            candidates = sorted((group for group in members.values() if label in labels[group]), key=len)
            any(choose(group, sizes - 1) for group in candidates)
    return chosen
