"""A set in which anomalies are plain: negatives of normal images."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganetic.data import ImageSet
from ganetic.data.image_set import annotations, finished

NORMAL, ANOMALOUS = 120, 40


def spots(count: int, size: int, seed: int) -> NDArray[np.uint8]:
    """Bright spots on black, somewhere near the middle."""
    stream = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size - 0.5
    place, width = stream.uniform(-0.2, 0.2, (count, 2, 1, 1)), stream.uniform(0.15, 0.25, (count, 1, 1))
    spot = 255 * np.exp(-((x - place[:, 0]) ** 2 + (y - place[:, 1]) ** 2) / (2 * width**2))
    images: NDArray[np.uint8] = np.clip(spot + stream.normal(0, 4, spot.shape), 0, 255).astype(np.uint8)
    return images[..., np.newaxis]


def arrays(
    normal: int = NORMAL, anomalous: int = ANOMALOUS, size: int = 16, random: bool = False
) -> dict[str, NDArray[np.generic]]:
    """What an npz file of the set holds; every image has a patient of its own.

    Args:
        normal: images.
        anomalous: images.
        size: pixels a side.
        random: whether anomalous images are like normal ones.
    """
    images = spots(normal + anomalous, size, seed=0)
    if not random:
        images[normal:] = 255 - images[normal:]
    return {
        "images": images,
        "labels": np.repeat([0, 1], [normal, anomalous]),
        "class_names": np.array(["well", "ill"]),
        "patient": np.arange(normal + anomalous),
    }


def write(path: Path, **changes: object) -> str:
    """Write such a file, and return the name of the set."""
    np.savez(path, **arrays(**changes))  # type: ignore[arg-type]
    return f"npz:{path}"


def a_set(
    labels: list[int],
    groups: NDArray[np.int64] | None = None,
    split: NDArray[np.int64] | None = None,
    names: tuple[str, ...] = ("well", "ill"),
) -> ImageSet:
    """A set of noise, in which no image is like another."""
    count = len(labels)
    known = annotations("planted", "planted", count, np.array(labels), names, split, groups)
    return finished(known, np.random.default_rng(0).integers(0, 256, (count, 8, 8, 1)).astype(np.uint8))
