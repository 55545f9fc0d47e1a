"""``pretrained_fd`` and ``pretrained_kd``: distances in a net that was trained on other images than those measured."""

from functools import partial

import numpy as np
from torch import Tensor

from ganetic.evaluation.measures import frechet, frechet_text, measured, protocol_of
from ganetic.evaluation.metric import METRICS, Evidence, Metric
from ganetic.evaluation.results import MetricResult
from ganetic.metrics.frechet import FeatureStatistics
from ganetic.metrics.kernel_distance import KernelParts, kernel_distance
from ganetic.metrics.resampling import REPLICATES, half_sample_error, interval


def _features(evidence: Evidence) -> tuple[Tensor, Tensor, Tensor]:
    """Features ``(N, F)`` of the generated images, the real ones and the floor's, on the CPU."""
    assert evidence.pretrained is not None
    net, sides = evidence.pretrained.build(evidence.device), evidence.sides
    generated, real, floor = (net(side.images).cpu() for side in (sides.generated, sides.real, sides.floor))
    return generated, real, floor


def _protocol(head: str, evidence: Evidence) -> str:
    assert evidence.pretrained is not None
    return protocol_of(head, evidence.reference_statistics, evidence.pretrained.protocol)


@METRICS.register("pretrained_fd")
class PretrainedFd(Metric):
    """The Fréchet distance of the generated images to the reference in these features."""

    row = 12
    better = "lower"
    reading = "lower is better"

    def measure(self, evidence: Evidence) -> MetricResult | None:
        """Take it; needs such a net."""
        if evidence.pretrained is None:
            return None
        generated, real, floor = evidence.once(_features)
        statistics = FeatureStatistics.of(real)
        both = (partial(frechet, statistics, generated), partial(frechet, statistics, floor))
        return measured(self.name, _protocol("fd", evidence), both, len(evidence.sides), bounds=(0.0, np.inf))

    def text(self, value: float) -> str:
        """Write it with one decimal below a thousand."""
        return frechet_text(value)


@METRICS.register("pretrained_kd")
class PretrainedKd(Metric):
    """The kernel distance in these features: KID's formula, which is unbiased for few images, too."""

    row = 13
    better = "lower"
    reading = "lower is better"

    def measure(self, evidence: Evidence) -> MetricResult | None:
        """Take it; needs such a net."""
        if evidence.pretrained is None:
            return None
        generated, real, floor = evidence.once(_features)
        n = len(evidence.sides)
        error = half_sample_error(KernelParts(generated, real).distance, n, self.name)
        value = kernel_distance(generated, real)
        low, high = interval(value, error, REPLICATES, -np.inf, np.inf)
        return MetricResult(
            name=self.name,
            protocol=_protocol("kd", evidence),
            value=value,
            low=low,
            high=high,
            floor=kernel_distance(floor, real),
            n=n,
        )

    def text(self, value: float) -> str:
        """Write it with five decimals."""
        return f"{value:.5f}"
