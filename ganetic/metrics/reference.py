"""What generated images are measured with: a feature net, real images that train no GAN, and what those score."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganetic.data import ImageSet, Indices, cache_directory
from ganetic.metrics.clusters import cluster_labels
from ganetic.metrics.diversity import Diversity
from ganetic.metrics.extractor import FeatureExtractor, FeatureSource
from ganetic.metrics.features import (
    OwnExtractor,
    Weights,
    build_feature_net,
    cached_feature_net,
    features,
    weights_hash,
)
from ganetic.metrics.frechet import FeatureStatistics
from ganetic.metrics.inception import InceptionWeights
from ganetic.reproducible import reproducible


@dataclass(frozen=True, eq=False)
class ReferenceStatistics:
    """Plain arrays and numbers, which travel to workers.

    Attributes:
        weights: the feature net.
        inception: another net, such as InceptionV3, when distances are measured in its features; the feature net then
            only counts classes.
        reference: statistics of ``sample_size`` real images that train no GAN.
        diversity: of the same images; of a full training, of as many that it trains on.
        sample_size: number of images that a distance compares with as many real ones.
        floor_fd: distance of as many other real images.
        protocol: how a distance was measured, as in ``fd@mnist5k-cnn64/2k``.
        data: name and fingerprint of the images, as in ``mnist5k:b4d22f19591f``.
        features_hash: 16 hex digits that change with the features.
        accuracy: share of the reference images whose class the feature net gets right; None without labels.
    """

    weights: Weights
    inception: FeatureSource | None
    reference: FeatureStatistics
    diversity: Diversity
    sample_size: int
    floor_fd: float
    protocol: str
    data: str
    features_hash: str
    accuracy: float | None


class Extractor:
    """Measures images with the nets of reference statistics.

    Args:
        weights: the feature net.
        inception: another net, in whose features distances are measured; None for the feature net's.
        device: where the nets live.
    """

    def __init__(self, weights: Weights, inception: FeatureSource | None, device: str | torch.device) -> None:
        self._net = build_feature_net(weights, device)
        self.distance_features: FeatureExtractor = (
            OwnExtractor(self._net) if inception is None else _build_once(inception, device)
        )
        """Gives the features ``(N, F)`` in which distances are measured, of uint8 images ``(N, H, W, C)``."""

    def diversity(self, images: Tensor) -> Diversity:
        """Return how varied uint8 images ``(N, H, W, C)`` are, as the feature net sees them."""
        found, classes = features(self._net, images)
        return Diversity.of(found, classes, self._net.classify.out_features)

    def accuracy(self, images: Tensor, labels: NDArray[np.int64]) -> float:
        """Return the share of uint8 images ``(N, H, W, C)`` that the feature net classifies as labelled."""
        return float((features(self._net, images)[1].cpu().numpy() == labels).mean())


def reference_statistics(
    images: ImageSet,
    roles: tuple[Indices, Indices, Indices],
    inception: FeatureSource | None,
    device: str | torch.device,
) -> ReferenceStatistics:
    """Train the feature net of a set (or find it in the cache), and measure the real images.

    Data without labels gets clusters in their place, and ``-cnn64k`` instead of ``-cnn64`` in the protocol.

    Args:
        images: the set.
        roles: which images train the feature net, are compared with, and stand for a perfect generator's.
        inception: another net, to measure distances in its features.
        device: where to measure.
    """
    learnt, compared, others = roles
    weights = feature_net(images, learnt)
    with reproducible():
        extractor = Extractor(weights, inception, device)
        real = torch.tensor(images.images[compared])
        reference = FeatureStatistics.of(extractor.distance_features(real))
        floor_fd = reference.distance_to(extractor.distance_features(torch.tensor(images.images[others])))
        labels = None if images.labels is None else images.labels[compared]
        accuracy = None if labels is None else extractor.accuracy(real, labels)
        diversity = extractor.diversity(real)
    return ReferenceStatistics(
        weights=weights,
        inception=inception,
        reference=reference,
        diversity=diversity,
        sample_size=len(compared),
        floor_fd=floor_fd,
        protocol=_protocol(images, inception, len(compared)),
        data=f"{images.name}:{images.fingerprint[:12]}",
        features_hash=weights_hash(weights) if inception is None else inception.sha256[:16],
        accuracy=accuracy,
    )


def budget(images: int) -> str:
    """Write a number of images as protocols do: ``2k`` for 2,000."""
    return f"{images // 1000}k" if images % 1000 == 0 else str(images)


def feature_net(images: ImageSet, learnt: Indices) -> Weights:
    """Train the feature net of a set on some of its images, or find it in the cache; clusters stand for labels."""
    pixels = images.images[learnt]
    labels = cluster_labels(pixels) if images.labels is None else images.labels[learnt]
    return cached_feature_net(pixels, labels, cache_directory() / "features")[0]


def _protocol(images: ImageSet, inception: FeatureSource | None, size: int) -> str:
    if inception is None:
        return f"fd@{images.name}-{'cnn64' if images.labels is not None else 'cnn64k'}/{budget(size)}"
    is_fid = isinstance(inception, InceptionWeights) and inception.is_fid
    return f"{'fid' if is_fid else 'fd'}@{images.name}-{inception.protocol}/{budget(size)}"


_built: dict[tuple[str, str], FeatureExtractor] = {}


def _build_once(source: FeatureSource, device: str | torch.device) -> FeatureExtractor:
    """Build an extractor once a process: InceptionV3 takes as long as a short trial."""
    key = (source.sha256, str(device))
    if key not in _built:
        _built[key] = source.build(device)
    return _built[key]
