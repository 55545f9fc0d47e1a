"""Generated images that are copies of training images, by the rule of `ganetic.metrics.memorization`."""

import numpy as np
import torch
from numpy.typing import NDArray

from ganetic.metrics.memorization import COPY_RATIO, copy_ratios
from ganetic.metrics.neighbours import nearest, pixel_points


def is_copy(generated: NDArray[np.uint8], training: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Say which generated images are much nearer to one training image than to any other, ``(M,)``.

    Args:
        generated: uint8 ``(M, H, W, C)``.
        training: uint8 ``(N, H, W, C)``, two or more.
    """
    points, others = (pixel_points(torch.tensor(images)) for images in (generated, training))
    found: NDArray[np.bool_] = (copy_ratios(nearest(points, others, 2)[0]) < COPY_RATIO).numpy()
    return found
