"""What the metrics of an evaluation share: images as nets see them, and a number with its interval and its floor."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganetic.evaluation.results import MetricResult
from ganetic.metrics.diversity import Diversity
from ganetic.metrics.features import FeatureNet, build_feature_net, features
from ganetic.metrics.frechet import FeatureStatistics
from ganetic.metrics.layers import layer_statistics
from ganetic.metrics.reference import ReferenceStatistics
from ganetic.metrics.resampling import REPLICATES, half_sample_error, interval

LEAST = 16
"""The fewest images to measure: a half of them still has images with three neighbours."""
ENOUGH = 64
"""The fewest images in each half of the held-out ones: as many as the features. Less is said to be little."""

Statistic = Callable[[Tensor], float]
"""A number of the images, or pairs, at some indices."""


@dataclass(frozen=True, eq=False)
class Embedded:
    """Images as the feature net sees them.

    Attributes:
        images: uint8 ``(N, H, W, C)``, on the CPU like everything else.
        features: float32 ``(N, 64)``.
        classes: int64 ``(N,)``, the likeliest class.
        net: what sees them.
    """

    images: Tensor
    features: Tensor
    classes: Tensor
    net: FeatureNet

    @staticmethod
    def by(net: FeatureNet, images: NDArray[np.uint8]) -> "Embedded":
        """Look at uint8 images ``(N, H, W, C)``."""
        pixels = torch.tensor(images)
        found, classes = features(net, pixels)
        return Embedded(pixels, found.cpu(), classes.cpu(), net)

    def layers(self) -> Tensor:
        """Return the statistics of the net's layers, float32 ``(N, 224)``."""
        return layer_statistics(self.net, self.images).cpu()


@dataclass(frozen=True, eq=False)
class SampleSets:
    """Generated images, real ones to compare them with, and as many others to compare these with likewise."""

    generated: Embedded
    real: Embedded
    floor: Embedded

    @staticmethod
    def of(
        own: ReferenceStatistics,
        generated: NDArray[np.uint8],
        real: NDArray[np.uint8],
        floor: NDArray[np.uint8],
        device: str,
    ) -> "SampleSets":
        """Look at three sets of as many uint8 images ``(N, H, W, C)`` with the feature net."""
        net = build_feature_net(own.weights, device)
        return SampleSets(Embedded.by(net, generated), Embedded.by(net, real), Embedded.by(net, floor))

    def __len__(self) -> int:
        return len(self.generated.images)

    def diversity(self, classes: int) -> Diversity:
        """How varied the generated images are."""
        return Diversity.of(self.generated.features, self.generated.classes, classes)


def measured(
    name: str,
    protocol: str,
    statistics: tuple[Statistic, Statistic],
    n: int,
    count: int | None = None,
    bounds: tuple[float, float] = (0.0, 1.0),
    replicates: int = REPLICATES,
) -> MetricResult:
    """Measure a metric, with its interval and its floor.

    Args:
        name: of the metric.
        protocol: how it is taken.
        statistics: of the generated images, and of the real ones in their place.
        n: number of images of each.
        count: of what the first statistic takes indices, where those are not images.
        bounds: the least and the most possible.
        replicates: number of halves for the interval.
    """
    count = n if count is None else count
    generated, floor = statistics
    value = generated(torch.arange(count))
    error = half_sample_error(generated, count, name, replicates)
    low, high = interval(value, error, replicates, *bounds)
    return MetricResult(
        name=name, protocol=protocol, value=value, low=low, high=high, floor=floor(torch.arange(n)), n=n
    )


def frechet(reference: FeatureStatistics, found: Tensor, members: Tensor) -> float:
    """The Fréchet distance of the features ``(N, F)`` at some indices to a reference."""
    return reference.distance_to(found[members])


def frechet_text(value: float) -> str:
    """Write a Fréchet distance, with one decimal below a thousand."""
    return f"{value:.0f}" if value >= 999.5 else f"{value:.1f}"


def net_name(own: ReferenceStatistics) -> str:
    """Return the feature net's name in protocols: ``cnn64`` with labels, ``cnn64k`` with clusters."""
    return own.protocol.rpartition("/")[0].rpartition("-")[2]


def protocol_of(name: str, own: ReferenceStatistics, space: str) -> str:
    """The protocol of another metric of these images: ``fd@mnist5k-cnn64/1k`` with other head and features."""
    data = own.protocol.partition("@")[2].rpartition("-")[0]
    return f"{name}@{data}-{space}/{own.protocol.rpartition('/')[2]}"
