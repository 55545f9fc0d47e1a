"""Pictures of any shape become squares of one size, where a size was asked for."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def fitted(square: NDArray[np.generic], size: int) -> NDArray[np.generic]:
    """Resize a picture with Lanczos' filter, which Pillow widens where pictures get smaller, so that nothing aliases.

    Other types than uint8 are resized in float32, and may overshoot their range by a little at edges, where uint8 is
    clipped.

    Args:
        square: ``(S, S)``, ``(S, S, 1)`` or ``(S, S, 3)``; colour is uint8.
        size: side of the result in pixels.

    Returns:
        ``(size, size)``, ``(size, size, 1)`` or ``(size, size, 3)``: uint8 of uint8, else float32, or the picture
        itself where it has that size.
    """
    if len(square) == size:
        return square
    grey = square.ndim == 2 or square.shape[2] == 1
    plane = square.reshape(square.shape[:2]) if grey else square
    image = Image.fromarray(plane if plane.dtype == np.uint8 else plane.astype(np.float32))
    small = np.asarray(image.resize((size, size), Image.Resampling.LANCZOS))
    return small.reshape(size, size, *square.shape[2:])


def middle_square(picture: NDArray[np.generic]) -> NDArray[np.generic]:
    """Cut the largest square out of the middle of ``(H, W)`` or ``(H, W, 3)``."""
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return picture[top : top + side, left : left + side]
