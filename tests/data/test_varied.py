from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ganetic.data import load_images
from ganetic.data.varied import neighbour_correlation, refuse_alike
from ganetic.errors import UserError

RANDOM = np.random.default_rng(0)
NOISE = RANDOM.integers(0, 256, (200, 28, 28), dtype=np.uint8)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.repeat(NOISE[:1], 200, axis=0), "1 of 200 images differ from one another; expected at least 64"),
        (np.resize(NOISE[:30], NOISE.shape), "30 of 200 images differ"),
        (NOISE[np.maximum(np.arange(200) - 101, 0)], "102 of 200 images are one and the same; expected at most 50%"),
        (NOISE[:1] // 2 + RANDOM.integers(0, 2, NOISE.shape, dtype=np.uint8), "0.5 of 255 grey levels from image to"),
    ],
)
def test_sets_of_one_image_are_refused(in_folder: Path, images: NDArray[np.uint8], message: str) -> None:
    np.savez("set.npz", images=images)
    with pytest.raises(UserError, match=message):
        refuse_alike(load_images("npz:set.npz"))


def test_other_sets_are_not() -> None:
    for name in ("mnist5k", "digits", "histology?size=32"):
        refuse_alike(load_images(name))


def test_neighbours_of_noise_are_not_alike() -> None:
    assert abs(neighbour_correlation(NOISE[..., None])) < 0.02
    assert neighbour_correlation(load_images("mnist5k").images[:500]) > 0.4
    assert neighbour_correlation(np.full((5, 8, 8, 1), 7, np.uint8)) == 0
