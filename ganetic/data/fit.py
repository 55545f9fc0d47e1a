"""Pictures of any size become squares of one size, where a size was asked for."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def fitted(picture: NDArray[np.generic], size: int) -> NDArray[np.generic]:
    """Cut the square out of the middle of a picture, and resize it with Lanczos' filter.

    Pillow widens the filter where pictures get smaller, so that nothing aliases. Other types than uint8 are resized in
    float32, and may overshoot their range by a little at edges.

    Args:
        picture: ``(H, W)``, ``(H, W, 1)`` or ``(H, W, 3)``; colour is uint8.
        size: side of the result in pixels.

    Returns:
        ``(size, size)``, ``(size, size, 1)`` or ``(size, size, 3)``: uint8 of uint8, else float32, or the middle square
        itself where it has that size.
    """
    square = _middle_square(picture)
    if len(square) == size:
        return square
    grey = square.ndim == 2 or square.shape[2] == 1
    plane = square.reshape(square.shape[:2]) if grey else square
    image = Image.fromarray(plane if plane.dtype == np.uint8 else plane.astype(np.float32))
    small = np.asarray(image.resize((size, size), Image.Resampling.LANCZOS))
    return small.reshape(size, size, *square.shape[2:])


def _middle_square(picture: NDArray[np.generic]) -> NDArray[np.generic]:
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return picture[top : top + side, left : left + side]
