"""What tells images apart: no image that judges a classifier may train what makes its training images."""

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


class LeakError(AssertionError):
    """An image that is to judge was about to train: an error in our own code, never in what a user gave."""


def fingerprints(images: NDArray[np.uint8]) -> list[str]:
    """Return the sha256 in hex of each of the uint8 images ``(N, H, W, C)``."""
    return [hashlib.sha256(image.tobytes()).hexdigest() for image in np.ascontiguousarray(images)]


def fingerprint_of_all(images: NDArray[np.uint8]) -> str:
    """Return the sha256 in hex of images, whatever their order."""
    return hashlib.sha256("".join(sorted(fingerprints(images))).encode()).hexdigest()


def assert_unseen(training: NDArray[np.uint8], judging: Iterable[str]) -> None:
    """Make sure that no image trains a GAN that validates or tests a classifier.

    Args:
        training: uint8 ``(N, H, W, C)``.
        judging: the fingerprints of images that validate or test.

    Raises:
        LeakError: there is one.
    """
    if shared := set(judging).intersection(fingerprints(training)):
        raise LeakError(f"{len(shared)} of {len(training)} images that train a GAN validate or test a classifier")
