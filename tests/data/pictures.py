"""Image files for tests."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def noise(count: int, *shape: int, most: int = 256, seed: int = 0) -> NDArray[np.uint8]:
    """Random images ``(count, *shape)``, uint8 or, above 256 values, uint16."""
    dtype = np.uint8 if most <= 256 else np.uint16
    return np.random.default_rng(seed).integers(0, most, (count, *shape), dtype=dtype)


def write_pictures(folder: Path, images: NDArray[np.generic], suffix: str = ".png") -> list[Path]:
    """Write each image into a file of a folder, which is made; their paths in order."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{number:03d}{suffix}" for number in range(len(images))]
    for file, image in zip(files, images, strict=True):
        Image.fromarray(image).save(file)
    return files
