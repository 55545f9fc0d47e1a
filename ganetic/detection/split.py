"""Which images of a set train detectors of anomalies, which set their scales, and which judge them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganetic.data import ImageSet, Indices
from ganetic.data.changes import class_number
from ganetic.data.fingerprints import fingerprints
from ganetic.data.groups import FOLDS, Groups, groups_of, hash_of_split, refuse_leakage, split_by_group
from ganetic.errors import UserError

FRACTIONS = (0.6, 0.1, 0.3)
"""Shares of the normal images that train, validate and test, where the set brings no split."""
VALIDATED = (0.85, 0.15)
"""Shares of the normal training images that train and validate, where the set brings a split without validation."""
LEAST_TESTED = 20
"""Test images of a kind, normal or not: of fewer an interval is as wide as the whole scale."""
LEAST_TRAINING, LEAST_VALIDATION = 32, 10
"""Normal images that a GAN and its encoder can be trained on, and that a scale can be made of."""
LEAST_GROUPS = FOLDS
"""Groups of normal images that can be divided."""


@dataclass(frozen=True, eq=False)
class DetectionSplit:
    """Which images play which role: sorted indices into the set.

    Attributes:
        training: normal images that train.
        validation: normal images that set the scales of scores.
        test: images that judge, normal and not.
        anomalous: bool ``(T,)``, which test images are not normal.
        groups: of the whole set.
        is_official: whether the set's own split was used.
        left_out: images with no role.
        crossing: groups of near-duplicates with images on several sides of the set's own split.
    """

    training: Indices
    validation: Indices
    test: Indices
    anomalous: NDArray[np.bool_]
    groups: Groups
    is_official: bool
    left_out: int
    crossing: int

    @property
    def test_groups(self) -> Indices:
        """The group of each test image, int64 ``(T,)`` from 0 on."""
        numbers: Indices = np.unique(self.groups.ids[self.test], return_inverse=True)[1].astype(np.int64)
        return numbers

    @property
    def sha256(self) -> str:
        """The hash of the split; see `ganetic.data.groups.hash_of_split`."""
        return hash_of_split(self.groups.ids, (self.training, self.validation, self.test))

    @property
    def sentences(self) -> tuple[str, ...]:
        """What a reader of results must know of it."""
        normal = int((~self.anomalous).sum())
        how = "the set's own split" if self.is_official else "split by group"
        said: tuple[str, ...] = (
            f"{how}: {len(self.training)} normal images train, {len(self.validation)} validate, {normal} normal and "
            f"{len(self.test) - normal} anomalous ones test; {self.left_out} have no role; sha256 {self.sha256[:16]}",
            self.groups.sentence,
        )
        if self.crossing:
            said += (f"{self.crossing} groups of near-duplicates lie on several sides of the set's own split.",)
        return said


def split_for_detection(images: ImageSet, normal: Sequence[str], seed: int = 0) -> DetectionSplit:
    """Divide a set for detectors that see nothing but normal images before they are tested.

    Where the set brings a split, it is used: side 0 trains and side 1 validates with its normal images, the other sides
    test; of a split without a third side, side 1 tests, and a part of the normal training images validates. Otherwise
    groups with normal images are divided at random, and all other images test but those whose group has images that
    train or validate. No image tests that is equal to one that trains or validates.

    Args:
        images: the set, with labels.
        normal: names of the classes that are normal.
        seed: of a division at random.

    Raises:
        UserError: the set has one class only, or no normal or no other images; or there are too few of a kind.
    """
    is_normal = _normal_images(images, normal)
    groups = groups_of(images)
    sides = _sides_at_random(images, is_normal, groups, seed) if images.split is None else _own_sides(images, groups)
    sides[~is_normal & (sides < 2)] = -1
    known = fingerprints(images.images)
    sides[(sides == 2) & np.isin(known, known[(sides == 0) | (sides == 1)])] = -1
    training, validation, test = (np.flatnonzero(sides == side) for side in range(3))
    parts = (training, validation, test)
    if images.split is None or groups.are_known:
        refuse_leakage(images.name, groups.ids, parts)
    split = DetectionSplit(
        training=training,
        validation=validation,
        test=test,
        anomalous=~is_normal[test],
        groups=groups,
        is_official=images.split is not None,
        left_out=int((sides < 0).sum()),
        crossing=_crossing(groups.ids, parts),
    )
    _refuse_few(images, split)
    return split


def _normal_images(images: ImageSet, normal: Sequence[str]) -> NDArray[np.bool_]:
    if images.labels is None:
        raise UserError(f"{images.name}: has one class only; expected normal images and others, to be told apart")
    if not normal:
        raise UserError(f"{images.name}: no class is called normal; expected some of {', '.join(images.class_names)}")
    numbers = sorted({class_number(images, name) for name in normal})
    if len(numbers) == len(images.class_names):
        raise UserError(f"{images.name}: all its classes are called normal; expected one or more that are not")
    return np.isin(images.labels, numbers)


def _own_sides(images: ImageSet, groups: Groups) -> Indices:
    """0, 1 and 2 by the set's own split; what validates is taken from what trains where the split has two sides."""
    assert images.split is not None
    values = np.unique(images.split)
    if values[0] != 0 or len(values) < 2:
        raise UserError(
            f"{images.name}: its split has the sides {', '.join(map(str, values[:5]))}; expected 0 for training and "
            "others; mend split, or leave it out"
        )
    if len(values) > 2:
        return np.searchsorted(values[:3], images.split, side="right").astype(np.int64) - 1
    sides = np.where(images.split == 0, 0, 2).astype(np.int64)
    pool = np.flatnonzero(sides == 0)
    _, chosen = split_by_group(np.zeros(len(pool), np.int64), groups.ids[pool], VALIDATED, 0)
    sides[pool[chosen]] = 1
    return sides


def _sides_at_random(images: ImageSet, is_normal: NDArray[np.bool_], groups: Groups, seed: int) -> Indices:
    """0, 1 and 2 for normal images at random; 2 for others, or -1 where their group trains or validates."""
    pool = np.flatnonzero(is_normal)
    if (count := len(np.unique(groups.ids[pool]))) < LEAST_GROUPS:
        what = "patients with" if groups.are_known else "groups of near-duplicates among the"
        raise UserError(
            f"{images.name}: {count} {what} normal images are too few to divide; expected at least {LEAST_GROUPS}; "
            "bring more images, or say which belong together as patient"
        )
    sides = np.full(images.count, 2, np.int64)
    for side, part in enumerate(split_by_group(np.zeros(len(pool), np.int64), groups.ids[pool], FRACTIONS, seed)):
        sides[pool[part]] = side
    used = np.isin(groups.ids, groups.ids[is_normal & (sides < 2)])
    sides[~is_normal & used] = -1
    return sides


def _crossing(ids: Indices, parts: Sequence[Indices]) -> int:
    held = np.concatenate([np.unique(ids[part]) for part in parts])
    return int((np.unique(held, return_counts=True)[1] > 1).sum())


def _refuse_few(images: ImageSet, split: DetectionSplit) -> None:
    anomalous = int(split.anomalous.sum())
    found = (
        (len(split.training), LEAST_TRAINING, "normal training images"),
        (len(split.validation), LEAST_VALIDATION, "normal validation images"),
        (len(split.test) - anomalous, LEAST_TESTED, "normal test images"),
        (anomalous, LEAST_TESTED, "anomalous test images"),
    )
    for count, least, what in found:
        if count < least:
            raise _too_few(images, f"{count} {what}", least)


def _too_few(images: ImageSet, what: str, least: int) -> UserError:
    return UserError(f"{images.name}: {what} are too few; expected at least {least}; bring more images")
