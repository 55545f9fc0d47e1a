"""Baselines that look at pixels alone."""

import numpy as np
from numpy.typing import NDArray

COMPONENTS = 32
"""Principal components, fewer where there are fewer training images."""

Pixels = NDArray[np.uint8]
Values = NDArray[np.float64]


def brightness(_: Pixels, test: Pixels) -> Values:
    """Return the mean grey value of each test image, ``(T,)``: what a detector may find without knowing any anomaly."""
    means: Values = _rows(test).mean(axis=1)
    return means


def mean_image(training: Pixels, test: Pixels) -> Values:
    """Return the Euclidean distance of each test image to the mean of the training images, ``(T,)``."""
    distances: Values = np.linalg.norm(_rows(test) - _rows(training).mean(axis=0), axis=1)
    return distances


def pca_residual(training: Pixels, test: Pixels) -> Values:
    """Return how far each test image is from what 32 principal components of the training images say, ``(T,)``."""
    from sklearn.decomposition import PCA  # noqa: PLC0415 - it takes a second to import

    rows = _rows(test)
    count = min(COMPONENTS, len(training) - 1, rows.shape[1])
    model = PCA(count, svd_solver="randomized", random_state=0).fit(_rows(training))
    residuals: Values = np.linalg.norm(rows - model.inverse_transform(model.transform(rows)), axis=1)
    return residuals


def _rows(images: Pixels) -> Values:
    rows: Values = images.reshape(len(images), -1) / 255.0
    return rows
