"""``fid`` and ``kid``: distances in InceptionV3; with weights that are not those of 2015-12-05, by other names."""

from functools import partial

import numpy as np
from torch import Tensor

from ganetic.evaluation.measures import frechet, frechet_text, measured, protocol_of
from ganetic.evaluation.metric import METRICS, Evidence, Metric
from ganetic.evaluation.results import MetricResult
from ganetic.metrics.frechet import FeatureStatistics
from ganetic.metrics.inception import build_inception, inception_features
from ganetic.metrics.kernel_distance import KernelParts, kernel_distance
from ganetic.metrics.resampling import REPLICATES, half_sample_error, interval

INCEPTION_REPLICATES = 20
"""Halves for InceptionV3's 2,048 features, where a Fréchet distance takes seconds."""


def _features(evidence: Evidence) -> tuple[Tensor, Tensor, Tensor]:
    """Features ``(N, 2048)`` of the generated images, the real ones and the floor's, on the CPU."""
    assert evidence.inception is not None
    net, sides = build_inception(evidence.inception, evidence.device), evidence.sides
    generated, real, floor = (
        inception_features(net, side.images).cpu() for side in (sides.generated, sides.real, sides.floor)
    )
    return generated, real, floor


def _is_fid(evidence: Evidence) -> bool | None:
    """Whether the weights are those of 2015-12-05; None where there are none."""
    return None if evidence.inception is None else evidence.inception.is_fid


class _Frechet(Metric):
    better = "lower"
    reading = "lower is better"
    head: str
    """What the protocol begins with."""

    def text(self, value: float) -> str:
        """Write it with one decimal below a thousand."""
        return frechet_text(value)

    def _take(self, evidence: Evidence) -> MetricResult:
        generated, real, floor = evidence.once(_features)
        statistics = FeatureStatistics.of(real)
        assert evidence.inception is not None
        return measured(
            self.name,
            protocol_of(self.head, evidence.reference_statistics, evidence.inception.protocol),
            (partial(frechet, statistics, generated), partial(frechet, statistics, floor)),
            len(evidence.sides),
            bounds=(0.0, np.inf),
            replicates=INCEPTION_REPLICATES,
        )


class _Kernel(Metric):
    better = "lower"
    reading = "lower is better"
    head: str
    """What the protocol begins with."""

    def text(self, value: float) -> str:
        """Write it with five decimals."""
        return f"{value:.5f}"

    def _take(self, evidence: Evidence) -> MetricResult:
        generated, real, floor = evidence.once(_features)
        assert evidence.inception is not None
        n = len(evidence.sides)
        error = half_sample_error(KernelParts(generated, real).distance, n, self.name)
        value = kernel_distance(generated, real)
        low, high = interval(value, error, REPLICATES, -np.inf, np.inf)
        return MetricResult(
            name=self.name,
            protocol=protocol_of(self.head, evidence.reference_statistics, evidence.inception.protocol),
            value=value,
            low=low,
            high=high,
            floor=kernel_distance(floor, real),
            n=n,
        )


@METRICS.register("fid")
class Fid(_Frechet):
    """The Fréchet inception distance."""

    row = 7
    head = "fid"

    def measure(self, evidence: Evidence) -> MetricResult | None:
        """Take it; needs the weights of 2015-12-05."""
        return self._take(evidence) if _is_fid(evidence) else None


@METRICS.register("kid")
class Kid(_Kernel):
    """The kernel inception distance."""

    row = 8
    head = "kid"

    def measure(self, evidence: Evidence) -> MetricResult | None:
        """Take it; needs the weights of 2015-12-05."""
        return self._take(evidence) if _is_fid(evidence) else None


@METRICS.register("inception_fd")
class InceptionFd(_Frechet):
    """The Fréchet distance with other weights."""

    row = 7
    head = "fd"

    def measure(self, evidence: Evidence) -> MetricResult | None:
        """Take it; needs weights that are not those of 2015-12-05."""
        return self._take(evidence) if _is_fid(evidence) is False else None


@METRICS.register("inception_kd")
class InceptionKd(_Kernel):
    """The kernel distance with other weights."""

    row = 8
    head = "kd"

    def measure(self, evidence: Evidence) -> MetricResult | None:
        """Take it; needs weights that are not those of 2015-12-05."""
        return self._take(evidence) if _is_fid(evidence) is False else None
