"""The Fréchet distance by a general matrix square root, in float64 numpy and scipy only."""

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

Array = NDArray[np.float64]


def frechet_distance(features1: Array, features2: Array) -> float:
    mean1, mean2 = features1.mean(0), features2.mean(0)
    covariance1, covariance2 = np.cov(features1, rowvar=False), np.cov(features2, rowvar=False)
    root = scipy.linalg.sqrtm(covariance1 @ covariance2)
    return float(((mean1 - mean2) ** 2).sum() + np.trace(covariance1 + covariance2 - 2 * root.real))
