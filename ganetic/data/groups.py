"""Which images belong together, and divisions of a set that keep them so."""

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganetic.data.fit import fitted
from ganetic.data.image_set import ImageSet, Indices
from ganetic.errors import UserError

NEAR = 0.1
"""Distance of near-duplicates, see `near_duplicates`: a correlation of 0.995."""
THUMBNAIL_SIDE = 32
FOLDS = 20
"""The fractions of a division are met to a twentieth."""


@dataclass(frozen=True, eq=False)
class Groups:
    """Which images of a set belong together.

    Attributes:
        ids: int64 ``(N,)`` from 0 on, equal for images that belong together.
        are_known: whether they are the set's own, such as its patients, and not guessed from pixels.
    """

    ids: Indices
    are_known: bool

    @property
    def count(self) -> int:
        """How many groups there are."""
        return int(self.ids.max()) + 1

    @property
    def sentence(self) -> str:
        """What a reader of intervals must know of them."""
        if self.are_known:
            return f"Images of one patient stay together: {len(self.ids)} images of {self.count} patients."
        return (
            f"patients unknown: intervals are too narrow. Near-duplicates stay together: {len(self.ids)} images in "
            f"{self.count} groups."
        )


def groups_of(images: ImageSet, max_distance: float = NEAR) -> Groups:
    """Return the groups that a set brings, such as patients; of a set without them, near-duplicates are grouped.

    Args:
        images: the set.
        max_distance: of near-duplicates, see `near_duplicates`.
    """
    if images.groups is not None:
        numbers: Indices = np.unique(images.groups, return_inverse=True)[1].astype(np.int64)
        return Groups(numbers, are_known=True)
    return Groups(near_duplicates(images.images, max_distance), are_known=False)


def near_duplicates(images: NDArray[np.uint8], max_distance: float = NEAR) -> Indices:
    """Number images from 0 on so that those have one number that a chain of near-duplicates connects, int64 ``(N,)``.

    Distances are Euclidean between images of at most 32 pixels a side, each shifted and scaled to mean 0 and norm 1, so
    that an image that was only made brighter or richer in contrast is a duplicate. The square of the distance of two
    images is 2 − 2r, r being their correlation.

    Args:
        images: uint8 ``(N, H, W, C)``.
        max_distance: in [0, 2].
    """
    from sklearn.cluster import DBSCAN  # noqa: PLC0415 - it takes a second to import

    # With single points as clusters, the clusters of DBSCAN are the connected components of the near pairs.
    found = DBSCAN(eps=max_distance, min_samples=1, algorithm="brute").fit_predict(_thumbnails(images))
    numbers: Indices = found.astype(np.int64)
    return numbers


def split_by_group(labels: Indices, ids: Indices, fractions: Sequence[float], seed: int) -> tuple[Indices, ...]:
    """Divide images at random into parts with the same shares of every class, no group being in two parts.

    Args:
        labels: int64 ``(N,)``, the class of each image.
        ids: int64 ``(N,)``, equal for images of a group.
        fractions: the share of images of each part; they add up to 1, and are met to a twentieth, or as nearly as whole
            groups allow.
        seed: of the order in which groups are dealt.

    Returns:
        Sorted indices, one array a part.

    Raises:
        UserError: there are too few images or groups for every class to be in every part.
    """
    ends = np.rint(np.cumsum(fractions) * FOLDS).astype(np.int64)
    if ends[-1] != FOLDS or (np.diff(ends, prepend=0) < 1).any():
        raise ValueError(f"fractions are {list(fractions)}; expected at least {1 / FOLDS} each, 1 in all")
    folds = _folds(labels, ids, seed)
    parts = tuple(np.flatnonzero(part == np.searchsorted(ends, folds, side="right")) for part in range(len(ends)))
    missing = [int(label) for label in np.unique(labels) for part in parts if label not in labels[part]]
    if missing:
        held = len(np.unique(ids[labels == missing[0]]))
        raise UserError(
            f"class number {missing[0]}: {int((labels == missing[0]).sum())} images in {held} groups are too few to be "
            f"in each of {len(parts)} parts of the images; expected at least {FOLDS} groups of each class"
        )
    return parts


def hash_of_split(ids: Indices, parts: Sequence[Indices]) -> str:
    """Return the sha256 in hex of the groups and of the images of each part: equal for equal splits alone.

    Args:
        ids: int64 ``(N,)``, the group of each image.
        parts: indices of the images of each part; images in no part are left out.
    """
    roles = np.full(len(ids), -1, np.int64)
    for number, part in enumerate(parts):
        roles[part] = number
    return hashlib.sha256(np.stack([ids, roles]).astype("<i8").tobytes()).hexdigest()


def refuse_leakage(where: str, ids: Indices, parts: Sequence[Indices]) -> None:
    """Refuse a split that has images of one group, such as a patient's, in two parts.

    Args:
        where: what the error begins with.
        ids: int64 ``(N,)``, the group of each image.
        parts: indices of the images of each part.

    Raises:
        UserError: a group is in two parts.
    """
    held = np.concatenate([np.unique(ids[part]) for part in parts])
    numbers, times = np.unique(held, return_counts=True)
    crossing = numbers[times > 1]
    if len(crossing):
        raise UserError(
            f"{where}: {len(crossing)} of {len(numbers)} groups (patients, or near-duplicates) have images in two "
            f"parts of the split, such as images {_some_of(ids, crossing[0])}; expected each group in one part; mend "
            "split, or leave it out"
        )


def _some_of(ids: Indices, group: np.int64) -> str:
    return ", ".join(map(str, np.flatnonzero(ids == group)[:3]))


def _thumbnails(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Points ``(N, F)`` of mean 0 and norm 1; an image of one value is all 0."""
    side = min(THUMBNAIL_SIDE, images.shape[1])
    points = np.stack([fitted(picture, side) for picture in images]).reshape(len(images), -1).astype(np.float32)
    points -= points.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(points, axis=1, keepdims=True)
    scaled: NDArray[np.float32] = points / np.maximum(norms, 1e-6)
    return scaled


def _folds(labels: Indices, ids: Indices, seed: int) -> Indices:
    """Deal groups to `FOLDS` folds that have the same shares of every class; the fold of each image ``(N,)``."""
    from sklearn.model_selection import StratifiedGroupKFold  # noqa: PLC0415 - it takes a second to import

    if np.bincount(labels).max() < FOLDS or len(np.unique(ids)) < FOLDS:
        raise UserError(
            f"{len(labels)} images in {len(np.unique(ids))} groups are too few to divide; expected at least {FOLDS} "
            "groups and a class of that many images"
        )
    folds = np.zeros(len(labels), np.int64)
    dealer = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes with fewer images than folds; `split_by_group` sees to these
        for number, (_, members) in enumerate(dealer.split(labels, labels, ids)):
            folds[members] = number
    return folds
