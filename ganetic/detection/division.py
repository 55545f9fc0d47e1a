"""Which normal images of a set train an encoder, and which set the scale of its scores."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ganetic.data import ImageSet, Indices
from ganetic.data.changes import class_number
from ganetic.data.fingerprints import Fingerprints, fingerprints
from ganetic.errors import UserError

VALIDATED = 0.2
"""Share of the normal images that validate, where the set brings no split."""
VALIDATION_SIDE = 1
"""The side of a split that validates; 0 trains, and the others are left alone."""

Flags = NDArray[np.bool_]


def divide_normals(images: ImageSet, normal: Sequence[str], seen: Fingerprints) -> tuple[Indices, Indices]:
    """Divide the normal images of a set into those that train an encoder and those that validate.

    No image that trained the GAN validates. Where the set brings a split, side 0 trains, side 1 validates, and images
    of other sides have no part. Otherwise whole groups, such as patients, that the GAN did not see validate: a fifth of
    the images, or as many as there are; the same set is always divided alike.

    Args:
        images: the set.
        normal: names of the normal classes; none where the set has no classes.
        seen: fingerprints of the images that trained the GAN.

    Returns:
        Sorted indices of training and of validation images.

    Raises:
        UserError: there is no such class, the set has one class only or no normal images, the GAN saw images of other
            classes, or all that there are.
    """
    is_normal = normal_ones(images, normal)
    own = fingerprints(images.images)
    known = np.isin(own, seen)
    _refuse_other_classes(images, known & ~np.isin(own, own[is_normal]))  # a copy may lie in two classes
    pool = is_normal if images.split is None else is_normal & (images.split <= VALIDATION_SIDE)
    if not pool.any():
        raise UserError(
            f"{images.name}: none of the normal images is on side 0 or {VALIDATION_SIDE} of its split, which train and "
            "validate; mend split, or leave it out"
        )
    validates = _validating(images, pool, known)
    if not validates.any():
        raise UserError(
            f"{images.name}: the GAN has seen all {int(pool.sum())} normal images; expected others to validate with; "
            "bring normal images that did not train it"
        )
    return np.flatnonzero(pool & ~validates), np.flatnonzero(validates)


def normal_ones(images: ImageSet, normal: Sequence[str]) -> Flags:
    """Return which images are of normal classes, ``(N,)``.

    Raises:
        UserError: there is no such class, or it is not clear what is normal.
    """
    if images.labels is None:
        if normal:
            raise UserError(
                f"{images.name}: has one class only, or no labels, so that no class can be named; leave --normal out "
                "if all its images are normal"
            )
        return np.ones(images.count, np.bool_)
    if not normal:
        raise UserError(
            f"{images.name}: no normal class is named; expected --normal with some of {', '.join(images.class_names)}"
        )
    return np.isin(images.labels, [class_number(images, name) for name in normal])


def _refuse_other_classes(images: ImageSet, others: Flags) -> None:
    if others.any():
        assert images.labels is not None
        names = ", ".join(images.class_names[label] for label in np.unique(images.labels[others])[:4])
        raise UserError(
            f"{images.name}: the GAN was trained on {int(others.sum())} images of classes that are not normal "
            f"({names}); expected a GAN of normal images; train one with --classes"
        )


def _validating(images: ImageSet, pool: Flags, known: Flags) -> Flags:
    if images.split is not None:
        chosen: Flags = pool & (images.split == VALIDATION_SIDE) & ~known
        if chosen.any():
            return chosen
    groups = np.arange(images.count) if images.groups is None else images.groups
    free = pool & ~np.isin(groups, groups[known])
    found, sizes = np.unique(groups[free], return_counts=True)
    order = np.random.default_rng(0).permutation(len(found))
    wanted = max(round(VALIDATED * int(pool.sum())), 1)
    before = np.cumsum(sizes[order]) - sizes[order]
    taken: Flags = free & np.isin(groups, found[order][before < wanted])
    return taken
