"""``class_coverage`` and ``class_divergence``: whether the real classes, or clusters, occur, and as often."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganetic.evaluation.measures import measured, net_name, protocol_of
from ganetic.evaluation.metric import METRICS, Evidence, Metric
from ganetic.evaluation.results import MetricResult
from ganetic.metrics.diversity import covered, divergence

Comparison = Callable[[NDArray[np.float64], NDArray[np.float64]], float]
"""A number of the shares of the classes among generated images, and among real ones."""


@METRICS.register("class_coverage")
class ClassCoverage(Metric):
    """The share of the real classes that occur."""

    row = 4
    unit = "share"
    better = "higher"
    reading = "share of classes"

    def measure(self, evidence: Evidence) -> MetricResult:
        """Take it; nothing more is needed."""
        return _compared(self, evidence, covered, most=1.0)


@METRICS.register("class_divergence")
class ClassDivergence(Metric):
    """How far the shares of the classes are from the real ones."""

    row = 5
    unit = "nats"
    better = "lower"
    reading = "nats; 0 is equal"

    def measure(self, evidence: Evidence) -> MetricResult:
        """Take it; nothing more is needed."""
        return _compared(self, evidence, divergence, most=np.inf)


def _compared(metric: Metric, evidence: Evidence, comparison: Comparison, most: float) -> MetricResult:
    own, sides = evidence.reference_statistics, evidence.sides
    real = own.diversity.shares
    assert real is not None
    generated, floor = (partial(_of_shares, comparison, side.classes, real) for side in (sides.generated, sides.floor))
    protocol = protocol_of(metric.name, own, net_name(own))
    return measured(metric.name, protocol, (generated, floor), len(sides), bounds=(0.0, most))


def _of_shares(comparison: Comparison, classes: Tensor, real: NDArray[np.float64], members: Tensor) -> float:
    counts = torch.bincount(classes[members], minlength=len(real)).double().numpy()
    return comparison(counts / counts.sum(), real)
