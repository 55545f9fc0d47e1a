"""Pictures of generated images beside the training images that they are nearest to."""

import io
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganetic.evaluation.results import Copy

_GAP = 1 / 14
"""White between the two, as a share of an image's side."""


def with_pictures(closest: Iterable[Copy], generated: NDArray[np.uint8], images: NDArray[np.uint8]) -> tuple[Copy, ...]:
    """Add to likely copies what they look like.

    Args:
        closest: the likely copies.
        generated: uint8 ``(N, H, W, C)``, C being 1 or 3.
        images: uint8 ``(M, H, W, C)``, the set that training images are numbered in.
    """
    return tuple(
        copy.model_copy(update={"picture": pair_png(generated[copy.generated], images[copy.training])})
        for copy in closest
    )


def pair_png(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> bytes:
    """Lay two images uint8 ``(H, W, C)`` side by side, and write them as a PNG."""
    height, width, channels = left.shape
    gap = np.full((height, max(1, round(width * _GAP)), channels), 255, np.uint8)
    both = np.concatenate([left, gap, right], axis=1)
    file = io.BytesIO()
    Image.fromarray(both[..., 0] if channels == 1 else both).save(file, format="png", optimize=True)
    return file.getvalue()
