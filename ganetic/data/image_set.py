"""Images in memory, checked."""

import hashlib
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganetic.errors import UserError

LEAST_IMAGES = 16
"""The smallest set."""
MAX_SIDE = 1024

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images in memory, as they came.

    Attributes:
        name: short name, of letters, digits, ``.``, ``_`` and ``-``.
        images: uint8 ``(N, H, W, C)`` with ``H == W`` and ``C`` 1 or 3.
        labels: int64 ``(N,)`` in ``0 … classes - 1``, or None where there are none (or only one class).
        class_names: one name a class; empty without labels.
        split: int64 ``(N,)``, 0 for the images that may train a GAN, or None when the set brings no split.
        fingerprint: sha256 of images, labels, split and groups, in hex.
        groups: int64 ``(N,)``, equal for images that belong together, as those of a patient do; or None.
        note: empty, or a sentence that whoever trains on the set should read.
    """

    name: str
    images: NDArray[np.uint8]
    labels: Indices | None
    class_names: tuple[str, ...]
    split: Indices | None
    fingerprint: str
    groups: Indices | None = None
    note: str = ""


def image_set(
    name: str,
    where: str,
    images: NDArray[np.generic],
    labels: NDArray[np.generic] | None,
    class_names: tuple[str, ...] = (),
    split: NDArray[np.generic] | None = None,
    groups: NDArray[np.generic] | None = None,
) -> ImageSet:
    """Check arrays of unknown origin and make a set of them.

    Args:
        name: of the set; other characters than letters, digits, ``.``, ``_`` and ``-`` are replaced.
        where: what errors begin with.
        images: uint8 ``(N, S, S)``, ``(N, S, S, 1)`` or ``(N, S, S, 3)``.
        labels: integers ``(N,)``.
        class_names: a name for each label from 0 on.
        split: integers ``(N,)``.
        groups: integers or strings ``(N,)``.

    Raises:
        UserError: they are not such arrays.
    """
    pixels = _checked_images(where, images)
    numbers = _checked_numbers(where, "labels", labels, len(pixels))
    sides = _checked_numbers(where, "split", split, len(pixels))
    if numbers is not None:
        numbers, class_names = _dense_labels(where, numbers, class_names)
    members = None if groups is None else _checked_groups(where, groups, len(pixels))
    digest = hashlib.sha256(repr((pixels.shape, numbers is None, sides is None)).encode())
    for array in (pixels, numbers, sides, members):
        if array is not None:
            digest.update(np.ascontiguousarray(array).data)
    return ImageSet(
        name=re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:40],
        images=pixels,
        labels=numbers,
        class_names=class_names if numbers is not None else (),
        split=sides,
        fingerprint=digest.hexdigest(),
        groups=members,
    )


def _checked_images(where: str, images: NDArray[np.generic]) -> NDArray[np.uint8]:
    if images.dtype != np.uint8:
        raise UserError(f"{where}: images are {images.dtype}; expected uint8 in 0 … 255")
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
    return np.ascontiguousarray(images.astype(np.uint8, copy=False))


def _checked_numbers(where: str, key: str, values: NDArray[np.generic] | None, count: int) -> Indices | None:
    if values is None:
        return None
    if not np.issubdtype(values.dtype, np.integer):
        raise UserError(f"{where}: {key} are {values.dtype}; expected integers")
    if values.shape != (count,):
        raise UserError(f"{where}: {key} have the shape {values.shape}; expected ({count},), one an image")
    return values.astype(np.int64)


def _checked_groups(where: str, groups: NDArray[np.generic], count: int) -> Indices:
    if groups.shape != (count,) or groups.dtype.kind not in "iuU":
        raise UserError(
            f"{where}: patient has the shape {groups.shape} and the type {groups.dtype}; expected ({count},) integers "
            "or strings, one an image"
        )
    numbers: Indices = np.unique(groups, return_inverse=True)[1].astype(np.int64)
    return numbers


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
