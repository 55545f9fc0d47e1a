"""The measures of an evaluation: each of generated images, with its interval, beside the same of real images."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganetic.evaluation.results import Measure, MeasureName
from ganetic.metrics.diversity import Diversity, covered, divergence
from ganetic.metrics.features import FeatureNet, build_feature_net, features
from ganetic.metrics.frechet import FeatureStatistics
from ganetic.metrics.inception import InceptionWeights, build_inception, inception_features
from ganetic.metrics.kernel_distance import KernelParts, kernel_distance
from ganetic.metrics.layers import layer_statistics, standardised
from ganetic.metrics.ms_ssim import WINDOW, scales_for
from ganetic.metrics.pairs import PairSimilarity
from ganetic.metrics.precision import PrecisionRecall
from ganetic.metrics.resampling import REPLICATES, half_sample_error, interval
from ganetic.metrics.yardstick import Yardstick

INCEPTION_REPLICATES = 20
"""Halves for InceptionV3's 2,048 features, where a Fréchet distance takes seconds."""

Statistic = Callable[[Tensor], float]
"""Of the images (or pairs) at some indices."""


@dataclass(frozen=True, eq=False)
class Seen:
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
    def by(net: FeatureNet, images: NDArray[np.uint8]) -> "Seen":
        """Look at uint8 images ``(N, H, W, C)``."""
        pixels = torch.tensor(images)
        found, classes = features(net, pixels)
        return Seen(pixels, found.cpu(), classes.cpu(), net)

    def layers(self) -> Tensor:
        """Return the statistics of the net's layers, float32 ``(N, 224)``."""
        return layer_statistics(self.net, self.images).cpu()


@dataclass(frozen=True, eq=False)
class Sides:
    """Generated images, real ones to compare them with, and as many others to compare these with likewise."""

    generated: Seen
    real: Seen
    floor: Seen

    @staticmethod
    def of(
        measure: Yardstick,
        generated: NDArray[np.uint8],
        real: NDArray[np.uint8],
        floor: NDArray[np.uint8],
        device: str,
    ) -> "Sides":
        """Look at three sets of as many uint8 images ``(N, H, W, C)`` with the feature net."""
        net = build_feature_net(measure.weights, device)
        return Sides(Seen.by(net, generated), Seen.by(net, real), Seen.by(net, floor))

    def __len__(self) -> int:
        return len(self.generated.images)

    def diversity(self, classes: int) -> Diversity:
        """How varied the generated images are."""
        return Diversity.of(self.generated.features, self.generated.classes, classes)


def measured(
    name: MeasureName,
    protocol: str,
    statistics: tuple[Statistic, Statistic],
    n: int,
    count: int | None = None,
    bounds: tuple[float, float] = (0.0, 1.0),
    replicates: int = REPLICATES,
) -> Measure:
    """Take a measure with its interval and its floor.

    Args:
        name: of the measure.
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
    return Measure(name=name, protocol=protocol, value=value, low=low, high=high, floor=floor(torch.arange(n)), n=n)


def in_the_feature_net(sides: Sides, measure: Yardstick, labelled: bool) -> Iterator[Measure]:
    """Take every measure that needs no more than the feature net and the pixels.

    Args:
        sides: the images.
        measure: what they are measured with; its reference statistics are those of ``sides.real``.
        labelled: whether the net's classes are the data's own and not clusters.
    """
    yield _fd(sides, measure)
    yield from _precision_and_recall(sides, measure)
    yield from _classes(sides, measure)
    if sides.real.images.shape[1] >= WINDOW:
        yield _similarity(sides, measure, labelled)


def in_inception(sides: Sides, measure: Yardstick, inception: InceptionWeights, device: str) -> Iterator[Measure]:
    """Take FID and KID, which go by other names where the weights are not those of 2015-12-05."""
    net = build_inception(inception, device)
    seen = (inception_features(net, side.images).cpu() for side in (sides.generated, sides.real, sides.floor))
    generated, real, floor = seen
    names = (
        (MeasureName.FID, MeasureName.KID) if inception.is_fid else (MeasureName.INCEPTION_FD, MeasureName.INCEPTION_KD)
    )
    statistics = FeatureStatistics.of(real)
    frechet = tuple(partial(_frechet, statistics, found) for found in (generated, floor))
    n, space, whole = len(sides), inception.protocol, (-np.inf, np.inf)
    yield measured(
        names[0],
        _protocol("fid" if inception.is_fid else "fd", measure, space),
        (frechet[0], frechet[1]),
        n,
        bounds=(0.0, np.inf),
        replicates=INCEPTION_REPLICATES,
    )
    parts = KernelParts(generated, real)
    error = half_sample_error(parts.distance, n, names[1])
    value = kernel_distance(generated, real)
    low, high = interval(value, error, REPLICATES, *whole)
    yield Measure(
        name=names[1],
        protocol=_protocol("kid" if inception.is_fid else "kd", measure, space),
        value=value,
        low=low,
        high=high,
        floor=kernel_distance(floor, real),
        n=n,
    )


def _fd(sides: Sides, measure: Yardstick) -> Measure:
    generated, floor = (partial(_frechet, measure.reference, side.features) for side in (sides.generated, sides.floor))
    return measured(MeasureName.FD, measure.protocol, (generated, floor), len(sides), bounds=(0.0, np.inf))


def _precision_and_recall(sides: Sides, measure: Yardstick) -> Iterator[Measure]:
    real = sides.real.layers()
    generated, floor = (
        PrecisionRecall(standardised(side.layers(), real), standardised(real, real))
        for side in (sides.generated, sides.floor)
    )
    space = f"{net_name(measure)}-layers"
    statistics = {
        MeasureName.PRECISION: (generated.precision, floor.precision),
        MeasureName.RECALL: (generated.recall, floor.recall),
    }
    for name, both in statistics.items():
        yield measured(name, _protocol(name, measure, space), both, len(sides))


def _classes(sides: Sides, measure: Yardstick) -> Iterator[Measure]:
    real = measure.diversity.shares
    assert real is not None
    bounds = {MeasureName.CLASS_COVERAGE: (0.0, 1.0), MeasureName.CLASS_DIVERGENCE: (0.0, np.inf)}
    compare = {MeasureName.CLASS_COVERAGE: covered, MeasureName.CLASS_DIVERGENCE: divergence}
    for name, comparison in compare.items():
        generated, floor = (
            partial(_of_shares, comparison, side.classes, real) for side in (sides.generated, sides.floor)
        )
        protocol = _protocol(name, measure, net_name(measure))
        yield measured(name, protocol, (generated, floor), len(sides), bounds=bounds[name])


def _similarity(sides: Sides, measure: Yardstick, labelled: bool) -> Measure:
    generated, real, floor = (
        PairSimilarity(side.images, side.classes if labelled else torch.zeros_like(side.classes))
        for side in (sides.generated, sides.real, sides.floor)
    )

    def of_the_floor(_: Tensor) -> float:
        return floor.less(real, torch.arange(len(floor)))

    space = f"{'classes' if labelled else 'all'}-{scales_for(sides.real.images.shape[1])}scales"
    return measured(
        MeasureName.MS_SSIM_DIFFERENCE,
        _protocol("ms_ssim", measure, space),
        (lambda members: generated.less(real, members), of_the_floor),
        len(sides),
        count=len(generated),
        bounds=(-1.0, 1.0),
    )


def _frechet(reference: FeatureStatistics, found: Tensor, members: Tensor) -> float:
    return reference.distance_to(found[members])


def _of_shares(
    comparison: Callable[[NDArray[np.float64], NDArray[np.float64]], float],
    classes: Tensor,
    real: NDArray[np.float64],
    members: Tensor,
) -> float:
    counts = torch.bincount(classes[members], minlength=len(real)).double().numpy()
    return comparison(counts / counts.sum(), real)


def net_name(measure: Yardstick) -> str:
    """Return the feature net's name in protocols: ``cnn64`` with labels, ``cnn64k`` with clusters."""
    return measure.protocol.rpartition("/")[0].rpartition("-")[2]


def _protocol(name: str, measure: Yardstick, space: str) -> str:
    """The protocol of another measure of these images: ``fd@mnist5k-cnn64/1k`` with other head and features."""
    data = measure.protocol.partition("@")[2].rpartition("-")[0]
    return f"{name}@{data}-{space}/{measure.protocol.rpartition('/')[2]}"
