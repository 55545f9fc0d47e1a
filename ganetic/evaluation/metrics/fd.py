"""``fd``: the Fréchet distance in the feature net that is trained on the data."""

from functools import partial

import numpy as np

from ganetic.evaluation.measures import frechet, frechet_text, measured
from ganetic.evaluation.metric import METRICS, Evidence, Metric
from ganetic.evaluation.results import MetricResult


@METRICS.register("fd")
class FrechetDistance(Metric):
    """The distance of the generated images to the reference."""

    row = 1
    better = "lower"
    reading = "lower is better"

    def measure(self, evidence: Evidence) -> MetricResult:
        """Take it; nothing more is needed."""
        own, sides = evidence.reference_statistics, evidence.sides
        generated, floor = (partial(frechet, own.reference, side.features) for side in (sides.generated, sides.floor))
        return measured(self.name, own.protocol, (generated, floor), len(sides), bounds=(0.0, np.inf))

    def text(self, value: float) -> str:
        """Write it with one decimal below a thousand."""
        return frechet_text(value)
