"""What every trial on one set of images needs, prepared once: the images and what they are measured with."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganetic.data import ImageSet, Partition, load_images, partition
from ganetic.data.mapped import MappedImages, some_of
from ganetic.data.varied import refuse_alike
from ganetic.errors import UserError
from ganetic.gan.dcgan import SIZES, Discriminator, Generator, initialise
from ganetic.gan.models import Nets
from ganetic.metrics.reference import Extractor, ReferenceStatistics, reference_statistics
from ganetic.reproducible import random_stream, reproducible
from ganetic.training.device import device_for_trials
from ganetic.training.feature_choice import choose_features
from ganetic.training.modes import Modes, modes_of
from ganetic.training.spec import ProxySpec
from ganetic.training.trainer import generate


@dataclass(frozen=True, eq=False)
class ProxyData(ReferenceStatistics):
    """Plain arrays and numbers: they travel to workers once and are only read there.

    Attributes:
        images: uint8 ``(N, H, W, C)``, the images that train GANs, or where to read them.
        start_fd: distance of an untrained generator.
        shared: empty, or a sentence that says which roles share images.
        modes: what tells a mode collapse; None for thresholds that were set on digits.
        notes: why these features, in sentences, where they were chosen for the images.
    """

    images: NDArray[np.uint8] | MappedImages
    start_fd: float
    shared: str
    modes: Modes | None = None
    notes: tuple[str, ...] = ()


def load_for(proxy: ProxySpec, data: str, download: bool = False) -> ImageSet:
    """Load a set of images for a proxy; where they have more than 8 bits, those that train GANs decide the window.

    Raises:
        UserError: there is no such set.
    """
    return load_images(data, download, training=lambda known: partition(known, proxy.images).gan)


@reproducible()
def prepare(images: ImageSet, proxy: ProxySpec, inception_weights: Path | None = None) -> ProxyData:
    """Divide a set, train its feature net (or find it in the cache) and measure the real images.

    Data without labels gets clusters in their place, and ``-cnn64k`` instead of ``-cnn64`` in the protocol.

    Args:
        images: the set.
        proxy: of its settings, the features and the number of images of a distance, and the nets for ``start_fd``.
        inception_weights: InceptionV3 weights in torch-fidelity's format, to measure distances in its features.

    Raises:
        UserError: the nets do not take images of this size, the images are too few or all alike, the weights cannot be
            read, no features measure the images, or real ones cannot be told from an untrained generator's.
    """
    parts = roles_of(images, proxy)
    chosen = choose_features(proxy, images, parts, inception_weights, device_for_trials())
    roles = (parts.features, parts.reference, parts.floor)
    statistics = reference_statistics(chosen.images, roles, chosen.source, device_for_trials())
    start_fd = _start_fd(statistics, proxy, images.images.shape[1:])
    if not 0 < statistics.floor_fd < start_fd:
        raise UserError(
            f"{images.name}: an untrained generator's images (distance {start_fd:.3g}) are as near to the reference as "
            f"other images of the set ({statistics.floor_fd:.3g}); expected a set of at least some hundred "
            "varied images"
        )
    return ProxyData(
        **vars(statistics),
        images=some_of(images, parts.gan),
        start_fd=start_fd,
        shared=parts.shared,
        modes=modes_of(chosen.images, parts, device_for_trials()) if proxy.counts_modes else None,
        notes=chosen.notes,
    )


def roles_of(images: ImageSet, proxy: ProxySpec) -> Partition:
    """Divide a set among its roles, if it is fit for trials.

    Raises:
        UserError: the nets do not take images of this size, or they are too few or all alike.
    """
    side = images.images.shape[1]
    if side not in SIZES:
        raise UserError(
            f"{images.name}: images of {side}×{side} pixels; the nets take {', '.join(map(str, SIZES))}; resize them, "
            "as ?size=28 behind the name of the data set does"
        )
    parts = partition(images, proxy.images)
    refuse_alike(images)
    return parts


def nets_of(proxy: ProxySpec, size: int, channels: int, seed: int) -> Nets:
    """The nets of a proxy for images of a size and so many channels, drawn from a seed's streams."""
    nets = Nets(
        Generator(proxy.latent, size, channels, proxy.width, proxy.batch_norm, proxy.upsampling),
        Discriminator(size, channels, proxy.width, proxy.batch_norm),
    )
    for name, net in nets._asdict().items():
        initialise(net, random_stream(seed, name))
    return nets


def _start_fd(statistics: ReferenceStatistics, proxy: ProxySpec, shape: tuple[int, ...]) -> float:
    extractor = Extractor(statistics.weights, statistics.inception, device_for_trials())
    untrained = _untrained(proxy, shape, statistics.sample_size)
    return statistics.reference.distance_to(extractor.distance_features(untrained))


def _untrained(proxy: ProxySpec, shape: tuple[int, ...], count: int) -> Tensor:
    generator = nets_of(proxy, shape[0], shape[2], 0).generator
    latents = torch.randn(count, proxy.latent, generator=random_stream(0, "evaluation"))
    return generate(generator, latents, "cpu")[-1]
