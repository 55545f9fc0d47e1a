"""``precision`` and ``recall``: how many images look real, and how much of what is real they reach."""

from ganetic.evaluation.measures import measured, net_name, protocol_of
from ganetic.evaluation.metric import METRICS, Evidence, Metric
from ganetic.evaluation.results import MetricResult
from ganetic.metrics.layers import standardised
from ganetic.metrics.precision import PrecisionRecall


def _both_sides(evidence: Evidence) -> tuple[PrecisionRecall, PrecisionRecall]:
    """What counts the generated images, and what counts the floor's in their place."""
    sides = evidence.sides
    real = sides.real.layers()
    generated, floor = (
        PrecisionRecall(standardised(side.layers(), real), standardised(real, real))
        for side in (sides.generated, sides.floor)
    )
    return generated, floor


def _protocol(metric: Metric, evidence: Evidence) -> str:
    return protocol_of(metric.name, evidence.reference_statistics, f"{net_name(evidence.reference_statistics)}-layers")


@METRICS.register("precision")
class Precision(Metric):
    """The share of the generated images that look real."""

    row = 2
    unit = "share"
    better = "higher"
    reading = "share that looks real"

    def measure(self, evidence: Evidence) -> MetricResult:
        """Take it; nothing more is needed."""
        generated, floor = evidence.once(_both_sides)
        both = (generated.precision, floor.precision)
        return measured(self.name, _protocol(self, evidence), both, len(evidence.sides))


@METRICS.register("recall")
class Recall(Metric):
    """The share of the real images that the generated ones reach."""

    row = 3
    unit = "share"
    better = "higher"
    reading = "share of real reached"

    def measure(self, evidence: Evidence) -> MetricResult:
        """Take it; nothing more is needed."""
        generated, floor = evidence.once(_both_sides)
        return measured(self.name, _protocol(self, evidence), (generated.recall, floor.recall), len(evidence.sides))
