"""Images in memory, checked."""

import hashlib
import re
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from ganetic.errors import UserError

LEAST_IMAGES = 16
"""The smallest set."""
MAX_SIDE = 1024

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Annotations:
    """What is known of images besides their pixels.

    Attributes:
        name: short name of the set, of letters, digits, ``.``, ``_`` and ``-``.
        count: number of images N.
        labels: int64 ``(N,)`` in ``0 … classes - 1``, or None where there are none (or only one class).
        class_names: one name a class; empty without labels.
        split: int64 ``(N,)``, 0 for the images that may train a GAN, or None when the set brings no split.
        groups: int64 ``(N,)``, equal for images that belong together, as those of a patient do; or None.
    """

    name: str
    count: int
    labels: Indices | None = None
    class_names: tuple[str, ...] = ()
    split: Indices | None = None
    groups: Indices | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class ImageSet(Annotations):
    """Images in memory, as they came.

    Attributes:
        images: uint8 ``(N, H, W, C)`` with ``H == W`` and ``C`` 1 or 3.
        fingerprint: sha256 of images, labels, split and groups, in hex.
        notes: sentences that whoever trains on the set should read.
        source: the name by which `ganetic.data.load_images` loads the very same images again, from any directory.
    """

    images: NDArray[np.uint8]
    fingerprint: str
    notes: tuple[str, ...] = ()
    source: str = ""

    @property
    def annotations(self) -> Annotations:
        """What is known of the images, alone."""
        return Annotations(**{field.name: getattr(self, field.name) for field in fields(Annotations)})


def short_name(name: str) -> str:
    """Replace what a name of a set may not hold, and cut it to 40 characters."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:40]


def sized_name(name: str, size: int) -> str:
    """The name of a set whose images were resized."""
    return short_name(f"{name[:36]}-{size}")


def annotations(
    name: str,
    where: str,
    count: int,
    labels: NDArray[np.generic] | None = None,
    class_names: tuple[str, ...] = (),
    split: NDArray[np.generic] | None = None,
    groups: NDArray[np.generic] | None = None,
) -> Annotations:
    """Check what is said of images by arrays of unknown origin.

    Args:
        name: of the set; other characters than letters, digits, ``.``, ``_`` and ``-`` are replaced.
        where: what errors begin with.
        count: number of images N.
        labels: integers ``(N,)``.
        class_names: a name for each label from 0 on, no two alike.
        split: integers ``(N,)``; no group may have images on both sides of it.
        groups: integers or strings ``(N,)``.

    Raises:
        UserError: they are not such arrays.
    """
    numbers = _checked_numbers(where, "labels", labels, count)
    sides = _checked_numbers(where, "split", split, count)
    if numbers is not None:
        _refuse_bad_names(where, class_names)
        numbers, class_names = _dense_labels(where, numbers, class_names)
    members = None if groups is None else _checked_groups(where, groups, count)
    if sides is not None and members is not None:
        _refuse_crossing_split(where, sides, members)
    return Annotations(
        name=short_name(name),
        count=count,
        labels=numbers,
        class_names=class_names if numbers is not None else (),
        split=sides,
        groups=members,
    )


def checked_pixels(where: str, images: NDArray[np.generic]) -> NDArray[np.generic]:
    """Check the shape and the number of images of unknown origin.

    Args:
        where: what errors begin with.
        images: ``(N, S, S)``, ``(N, S, S, 1)`` or ``(N, S, S, 3)`` of any type.

    Returns:
        ``(N, S, S, C)``.

    Raises:
        UserError: they have another shape, or are too few or too large.
    """
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim != 4 or images.shape[1] != images.shape[2] or images.shape[3] not in (1, 3):
        raise UserError(
            f"{where}: images have the shape {images.shape}; expected (N, S, S), (N, S, S, 1) or (N, S, S, 3)"
        )
    if len(images) < LEAST_IMAGES:
        raise UserError(f"{where}: {len(images)} images are too few; expected at least {LEAST_IMAGES}")
    if not 0 < images.shape[1] <= MAX_SIDE:
        raise UserError(f"{where}: images of {images.shape[1]} pixels a side; expected 1 to {MAX_SIDE}")
    return images


def finished(known: Annotations, images: NDArray[np.uint8], notes: tuple[str, ...] = (), source: str = "") -> ImageSet:
    """Put checked images and what is known of them together, with the fingerprint of both.

    Args:
        known: of the images.
        images: uint8 ``(N, S, S, C)``.
        notes: what whoever trains on the set should read.
        source: the name of the very same images.
    """
    pixels = np.ascontiguousarray(images)
    digest = hashlib.sha256(repr((pixels.shape, known.labels is None, known.split is None)).encode())
    for array in (pixels, known.labels, known.split, known.groups):
        if array is not None:
            digest.update(np.ascontiguousarray(array).data)
    return ImageSet(**vars(known), images=pixels, fingerprint=digest.hexdigest(), notes=notes, source=source)


def _checked_numbers(where: str, key: str, values: NDArray[np.generic] | None, count: int) -> Indices | None:
    if values is None:
        return None
    if not np.issubdtype(values.dtype, np.integer):
        raise UserError(f"{where}: {key} are {values.dtype}; expected integers")
    if values.shape != (count,):
        raise UserError(f"{where}: {key} have the shape {values.shape}; expected ({count},), one an image")
    most = np.iinfo(np.int64).max
    if values.dtype == np.uint64 and (values > np.uint64(most)).any():
        raise UserError(f"{where}: {key} go up to {values.max()}; expected numbers up to {most}")
    return values.astype(np.int64)


def _checked_groups(where: str, groups: NDArray[np.generic], count: int) -> Indices:
    if groups.shape != (count,) or groups.dtype.kind not in "iuUS":
        raise UserError(
            f"{where}: patient has the shape {groups.shape} and the type {groups.dtype}; expected ({count},) integers "
            "or strings, one an image"
        )
    numbers: Indices = np.unique(groups, return_inverse=True)[1].astype(np.int64)
    return numbers


def _refuse_crossing_split(where: str, split: Indices, groups: Indices) -> None:
    sides = np.unique(np.stack([groups, (split != 0).astype(np.int64)], axis=1), axis=0)
    crossing = int((np.bincount(sides[:, 0]) > 1).sum())
    if crossing:
        raise UserError(
            f"{where}: {crossing} of {groups.max() + 1} patients have images on both sides of the split; expected each "
            "patient on one side; mend split, or leave it out to have whole patients held out"
        )


def _refuse_bad_names(where: str, class_names: tuple[str, ...]) -> None:
    seen = set[str]()
    for name in class_names:
        if name in seen:
            raise UserError(f'{where}: two classes are named "{name[:60]}"; expected a name of its own for each')
        if not name.isprintable():
            raise UserError(f"{where}: the class name {name[:60]!a} cannot be printed; expected printable characters")
        seen.add(name)


def _dense_labels(where: str, labels: Indices, class_names: tuple[str, ...]) -> tuple[Indices | None, tuple[str, ...]]:
    """Number the classes that occur 0, 1, …; a single class labels nothing."""
    present, dense = np.unique(labels, return_inverse=True)
    if class_names and not 0 <= present[0] <= present[-1] < len(class_names):
        raise UserError(
            f"{where}: labels run from {present[0]} to {present[-1]}; expected 0 to {len(class_names) - 1}, "
            f"as there are {len(class_names)} class_names"
        )
    if len(present) == 1:
        return None, ()
    names = tuple(class_names[value] if class_names else str(value) for value in present)
    return dense.astype(np.int64), names
