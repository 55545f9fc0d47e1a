"""The one split of a study, whole patients on one side, and the training subsets that are drawn from its first part."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganetic.augmenting.config import AugmentConfig
from ganetic.augmenting.fingerprints import fingerprints
from ganetic.data import ImageSet, Indices
from ganetic.data.groups import Groups, groups_of, hash_of_split, refuse_leakage, split_by_group
from ganetic.errors import UserError

LEAST_TESTED = 20
"""Images of a class that a test needs."""


@dataclass(frozen=True, eq=False)
class Division:
    """Which images train, validate and test.

    Attributes:
        pool: indices of the images that training subsets are drawn from.
        validation: indices of the images that choose the share of generated images.
        test: indices of the images that each arm is tested on once.
        sha256: of the groups and the parts, in hex.
        are_patients_known: whether the groups are patients, and not near-duplicates.
        sentences: what a reader must know of it.
    """

    pool: Indices
    validation: Indices
    test: Indices
    sha256: str
    are_patients_known: bool
    sentences: tuple[str, ...]

    @property
    def judging(self) -> Indices:
        """Indices of the images that validate or test."""
        return np.concatenate([self.validation, self.test])


def divide(images: ImageSet, config: AugmentConfig) -> Division:
    """Split a set once, and check that it has enough images of each class.

    A split that the set brings is kept: 0 trains, 1 validates and 2 tests; where there are but two parts, the second
    tests, and validation images are drawn from the first. An image that has a duplicate in a later part is left out, a
    near-duplicate where patients are unknown.

    Args:
        images: the set.
        config: of the study.

    Raises:
        UserError: there is but one class, a patient is on two sides, or a class has too few images on one of them.
    """
    if images.labels is None:
        raise UserError(f"{images.name}: has one class only, or no labels; expected two classes or more to tell apart")
    groups = groups_of(images)
    parts = _parts(images, images.labels, groups, config)
    parts, left_out = _without_duplicates(images, groups, parts)
    refuse_leakage(images.name, groups.ids, parts)
    sentences = (groups.sentence, *([_said_of(left_out)] if left_out else []))
    pool, validation, test = parts
    division = Division(pool, validation, test, hash_of_split(groups.ids, parts), groups.are_known, sentences)
    _refuse_few(images, division, config.sizes)
    return division


def draw_subset(labels: Indices, pool: Indices, size: int, draw: int, seed: int) -> Indices:
    """Draw a training subset: so many images of each class, those of smaller sizes of the same draw among them.

    Args:
        labels: int64 ``(N,)`` of the set.
        pool: indices to draw from.
        size: images of each class.
        draw: the number of the draw.
        seed: of the study.

    Returns:
        Indices ``(classes · size,)``, class after class.
    """
    chosen = []
    for label in np.unique(labels):
        own = pool[labels[pool] == label]
        order = np.random.default_rng([seed, draw, int(label)]).permutation(len(own))
        chosen.append(own[order[:size]])
    return np.concatenate(chosen)


def _parts(images: ImageSet, labels: Indices, groups: Groups, config: AugmentConfig) -> tuple[Indices, ...]:
    """The images that train, validate and test, as the set has it or at random."""
    if images.split is None:
        shares = (1 - config.validation - config.test, config.validation, config.test)
        return split_by_group(labels, groups.ids, shares, config.seed)
    first, *others = (np.flatnonzero(np.minimum(images.split, 2) == part) for part in range(3))
    both = [part for part in others if len(part)]
    if len(both) == 2:
        return first, *both
    trained, validated = split_by_group(
        labels[first], groups.ids[first], (1 - config.validation, config.validation), config.seed
    )
    return first[trained], first[validated], *both


def _without_duplicates(
    images: ImageSet, groups: Groups, parts: tuple[Indices, ...]
) -> tuple[tuple[Indices, ...], int]:
    """Leave images out of each part that have a duplicate in a later one; also how many these are.

    A known patient on two sides stays there, to be refused.
    """
    digests = np.array(fingerprints(images.images))
    kept = [parts[-1]]
    for part in reversed(parts[:-1]):
        later = np.concatenate(kept)
        doubled = np.isin(digests[part], digests[later])
        if not groups.are_known:
            doubled |= np.isin(groups.ids[part], groups.ids[later])
        kept.insert(0, part[~doubled])
    return tuple(kept), sum(map(len, parts)) - sum(map(len, kept))


def _said_of(left_out: int) -> str:
    images = "1 image was" if left_out == 1 else f"{left_out} images were"
    return f"{images} left out: validation or test has a duplicate."


def _refuse_few(images: ImageSet, division: Division, sizes: tuple[int, ...]) -> None:
    assert images.labels is not None
    names, labels = images.class_names, images.labels
    tested, validated, trained = (
        np.bincount(labels[part], minlength=len(names)) for part in (division.test, division.validation, division.pool)
    )
    _refuse_fewer(images, names, tested, LEAST_TESTED, "test")
    _refuse_fewer(images, names, validated, 1, "validation")
    if trained.min() < sizes[-1]:
        few = int(trained.argmin())
        raise UserError(
            f'{images.name}: sizes go up to {sizes[-1]} images a class; the training side has {trained[few]} of "'
            f'{names[few]}"; expected sizes up to that'
        )


def _refuse_fewer(images: ImageSet, names: tuple[str, ...], counts: NDArray[np.int64], least: int, part: str) -> None:
    few = int(counts.argmin())
    if counts[few] < least:
        raise UserError(
            f'{images.name}: {counts[few]} {part} images of "{names[few]}"; expected at least {least} of each class; '
            f"bring more, take a larger share ({part}), or leave the class out"
        )
