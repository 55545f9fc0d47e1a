"""MS-SSIM of two grey images by Wang et al. (2003), the last scale over mirrored borders, in numpy and scipy only."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Array = NDArray[np.float64]

BETAS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])


def ms_ssim(x: Array, y: Array, scales: int) -> float:
    betas = BETAS[:scales] / BETAS[:scales].sum()
    product = 1.0
    for beta in betas[:-1]:
        product *= max(float(structure(x, y)[5:-5, 5:-5].mean()), 0.0) ** beta
        x, y = halved(x), halved(y)
    return float(product * max(float((luminance(x, y) * structure(x, y)).mean()), 0.0) ** betas[-1])


def blurred(image: Array) -> Array:
    found: Array = gaussian_filter(image, 1.5, truncate=5 / 1.5, mode="mirror")
    return found


def structure(x: Array, y: Array) -> Array:
    variances = blurred(x * x) - blurred(x) ** 2 + blurred(y * y) - blurred(y) ** 2
    covariance = blurred(x * y) - blurred(x) * blurred(y)
    return (2 * covariance + 7.65**2) / (variances + 7.65**2)


def luminance(x: Array, y: Array) -> Array:
    return (2 * blurred(x) * blurred(y) + 2.55**2) / (blurred(x) ** 2 + blurred(y) ** 2 + 2.55**2)


def halved(image: Array) -> Array:
    height, width = (side // 2 * 2 for side in image.shape)
    blocks = image[:height, :width].reshape(height // 2, 2, width // 2, 2)
    mean: Array = blocks.mean((1, 3))
    return mean
