"""What a metric of an evaluation is. `ganetic.evaluation.metrics` has a file for each, or for each family."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeVar, cast

from ganetic.evaluation.measures import SampleSets
from ganetic.evaluation.memorization import Memorization
from ganetic.evaluation.results import MetricResult
from ganetic.metrics.extractor import FeatureSource
from ganetic.metrics.inception import InceptionWeights
from ganetic.metrics.reference import ReferenceStatistics
from ganetic.registry import Registry

MadeT = TypeVar("MadeT")


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that a metric may look at.

    Attributes:
        sides: generated images, real ones, and as many other real ones.
        reference_statistics: what they are measured with; its reference statistics are those of ``sides.real``.
        labelled: whether the feature net's classes are the data's own and not clusters.
        device: where nets run.
        inception: InceptionV3 weights; None where none were given.
        memorization: distances to the training images; None where it is not known which they are.
        pretrained: a net that was trained on other images, to measure distances in its features, too; None for none.
    """

    sides: SampleSets
    reference_statistics: ReferenceStatistics
    labelled: bool
    device: str
    inception: InceptionWeights | None = None
    memorization: Memorization | None = None
    pretrained: FeatureSource | None = None
    _made: dict[Callable[..., object], object] = field(default_factory=dict)

    def once(self, make: Callable[["Evidence"], MadeT]) -> MadeT:
        """Return what a function makes of the evidence; it is made once for all metrics that ask for it."""
        if make not in self._made:
            self._made[make] = make(self)
        return cast(MadeT, self._made[make])


class Metric:
    """A number of an evaluation. Each is a subclass that `METRICS` knows by its name.

    Args:
        name: under which it is registered.
    """

    row: ClassVar[int] = 1000
    """Where it stands in tables, counted from the top; metrics of one number are in the order of their names."""
    unit: ClassVar[str] = ""
    """Such as ``nats``; empty for a bare number."""
    better: ClassVar[Literal["lower", "higher", "between"]]
    """Which numbers are better; between: neither the least nor the most."""
    reading: ClassVar[str]
    """How to read the number, for a column of 21 characters."""

    def __init__(self, name: str) -> None:
        self.name = name

    def measure(self, evidence: Evidence) -> MetricResult | None:
        """Measure generated images, with an interval, and real images in their place.

        Returns:
            None where the evidence does not have what the metric needs.
        """
        raise NotImplementedError

    def text(self, value: float) -> str:
        """Write a number with the digits that it deserves."""
        return f"{value:.3f}"


METRICS: Registry[Metric] = Registry(Metric, "metric", "ganetic.evaluation.metrics")


def metrics() -> list[Metric]:
    """All metrics, in the order of their rows."""
    found = [metric(name) for name, metric in METRICS.items()]
    return sorted(found, key=lambda metric: (metric.row, metric.name))


def measure_all(evidence: Evidence) -> tuple[MetricResult, ...]:
    """Measure with every metric that the evidence is enough for."""
    taken = (metric.measure(evidence) for metric in metrics())
    return tuple(result for result in taken if result is not None)
