"""What every trial on one set of images needs, prepared once: images, feature net, reference statistics."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ganetic.data import ImageSet, Partition, cache_directory, partition
from ganetic.errors import UserError
from ganetic.gan.dcgan import SIZES, Generator, initialise
from ganetic.metrics.clusters import cluster_labels
from ganetic.metrics.features import (
    FeatureNet,
    Weights,
    build_feature_net,
    cached_feature_net,
    features,
    to_uint8,
    weights_hash,
)
from ganetic.metrics.frechet import FeatureStatistics
from ganetic.metrics.inception import InceptionWeights, build_inception, inception_features, load_inception
from ganetic.proxy.diagnosis import Diversity
from ganetic.proxy.spec import ProxySpec
from ganetic.reproducible import random_stream, reproducible

_CHUNK = 50  # images a forward pass: twice as fast as large ones, which leave the processor's cache


@dataclass(frozen=True, eq=False)
class Materials:
    """Plain arrays and numbers: they travel to workers once and are only read there.

    Attributes:
        images: uint8 ``(N, H, W, C)``, the images that train GANs.
        weights: the feature net.
        inception: InceptionV3, when distances are measured in its features; the feature net then only counts classes.
        reference: statistics of ``sample_size`` real images that train no GAN.
        diversity: of the same images.
        sample_size: number of images that a distance compares with as many real ones.
        start_fd: distance of an untrained generator.
        floor_fd: distance of as many other real images.
        protocol: how a distance was measured, as in ``fd@mnist5k-cnn64/2k``.
        data: name and fingerprint of the images, as in ``mnist5k:b4d22f19591f``.
        features_hash: 16 hex digits that change with the features.
        accuracy: share of the reference images whose class the feature net gets right; None without labels.
        shared: empty, or a sentence that says which roles share images.
    """

    images: NDArray[np.uint8]
    weights: Weights
    inception: InceptionWeights | None
    reference: FeatureStatistics
    diversity: Diversity
    sample_size: int
    start_fd: float
    floor_fd: float
    protocol: str
    data: str
    features_hash: str
    accuracy: float | None
    shared: str


class Extractor:
    """Measures images with the nets of some materials.

    Args:
        weights: the feature net.
        inception: InceptionV3, or None.
        device: where the nets live.
    """

    def __init__(self, weights: Weights, inception: InceptionWeights | None, device: str | torch.device) -> None:
        self._net: FeatureNet = build_feature_net(weights, device)
        self._inception: nn.Module | None = None if inception is None else _inception_once(inception, device)

    def distance_features(self, images: Tensor) -> Tensor:
        """Return the features ``(N, F)`` in which distances are measured, of uint8 images ``(N, H, W, C)``."""
        if self._inception is not None:
            return inception_features(self._inception, images)
        return features(self._net, images)[0]

    def diversity(self, images: Tensor) -> Diversity:
        """Return how varied uint8 images ``(N, H, W, C)`` are, as the feature net sees them."""
        found, classes = features(self._net, images)
        return Diversity.of(found, classes, self._net.classify.out_features)

    def accuracy(self, images: Tensor, labels: NDArray[np.int64]) -> float:
        """Return the share of uint8 images ``(N, H, W, C)`` that the feature net classifies as labelled."""
        return float((features(self._net, images)[1].cpu().numpy() == labels).mean())


def prepare(images: ImageSet, proxy: ProxySpec, inception_weights: Path | None = None) -> Materials:
    """Divide a set, train its feature net (or find it in the cache) and measure the real images.

    Data without labels gets clusters in their place, and ``-cnn64k`` instead of ``-cnn64`` in the protocol.

    Args:
        images: the set.
        proxy: of its settings, the number of images of a distance, and the nets for ``start_fd``.
        inception_weights: InceptionV3 weights in torch-fidelity's format, to measure distances in its features.

    Raises:
        UserError: the nets do not take images of this size, the weights cannot be read, or real images cannot be told
            from an untrained generator's.
    """
    side = images.images.shape[1]
    if side not in SIZES:
        raise UserError(
            f"{images.name}: images of {side}×{side} pixels; the nets take {', '.join(map(str, SIZES))}; resize them"
        )
    parts = partition(images, proxy.images)
    weights = _feature_net(images, parts)
    inception = None if inception_weights is None else load_inception(inception_weights)
    size = len(parts.reference)
    with reproducible():
        extractor = Extractor(weights, inception, device_for_trials())
        reference_images = torch.tensor(images.images[parts.reference])
        reference = FeatureStatistics.of(extractor.distance_features(reference_images))
        floor_fd = reference.distance_to(extractor.distance_features(torch.tensor(images.images[parts.floor])))
        start_fd = reference.distance_to(extractor.distance_features(_untrained(proxy, images.images.shape[1:], size)))
        labels = None if images.labels is None else images.labels[parts.reference]
        accuracy = None if labels is None else extractor.accuracy(reference_images, labels)
        diversity = extractor.diversity(reference_images)
    if not 0 < floor_fd < start_fd:
        raise UserError(
            f"{images.name}: an untrained generator's images (distance {start_fd:.3g}) are as near to the reference as "
            f"other images of the set ({floor_fd:.3g}); expected a set of at least some hundred varied images"
        )
    return Materials(
        images=images.images[parts.gan],
        weights=weights,
        inception=inception,
        reference=reference,
        diversity=diversity,
        sample_size=size,
        start_fd=start_fd,
        floor_fd=floor_fd,
        protocol=_protocol(images, inception, size),
        data=f"{images.name}:{images.fingerprint[:12]}",
        features_hash=weights_hash(weights) if inception is None else inception.sha256[:16],
        accuracy=accuracy,
        shared=parts.shared,
    )


def device_for_trials() -> str:
    """Return ``"cuda"`` where this process can use a GPU, else ``"cpu"``."""
    return "cuda" if torch.cuda.is_available() else "cpu"


@torch.no_grad()
def generate(generator: Generator, latents: Tensor) -> Tensor:
    """Return a float32 image ``(N, C, H, W)`` for each latent, on the generator's device.

    Batch norm uses its running averages: an image depends on its own latent only, not on its neighbours in a batch.
    """
    generator.eval()
    images = torch.cat([generator(batch) for batch in torch.split(latents, _CHUNK)])
    generator.train()
    return images


def _feature_net(images: ImageSet, parts: Partition) -> Weights:
    pixels = images.images[parts.features]
    labels = cluster_labels(pixels) if images.labels is None else images.labels[parts.features]
    return cached_feature_net(pixels, labels, cache_directory() / "features")[0]


def _untrained(proxy: ProxySpec, shape: tuple[int, ...], count: int) -> Tensor:
    generator = Generator(proxy.latent, shape[0], shape[2], proxy.width, proxy.batch_norm)
    initialise(generator, random_stream(0, "generator"))
    return to_uint8(generate(generator, torch.randn(count, proxy.latent, generator=random_stream(0, "evaluation"))))


def _protocol(images: ImageSet, inception: InceptionWeights | None, size: int) -> str:
    budget = f"{size // 1000}k" if size % 1000 == 0 else str(size)
    if inception is None:
        return f"fd@{images.name}-{'cnn64' if images.labels is not None else 'cnn64k'}/{budget}"
    return f"{'fid' if inception.is_fid else 'fd'}@{images.name}-{inception.protocol}/{budget}"


_built: dict[tuple[str, str], nn.Module] = {}


def _inception_once(weights: InceptionWeights, device: str | torch.device) -> nn.Module:
    """Build InceptionV3 once a process: that takes as long as a short trial."""
    key = (weights.sha256, str(device))
    if key not in _built:
        _built[key] = build_inception(weights, device)
    return _built[key]
