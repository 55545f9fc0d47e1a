"""``nearer_in_features``, ``nearer_in_pixels`` and ``copies``: whether the training images were learnt by heart."""

from torch import Tensor

from ganetic.evaluation.measures import measured
from ganetic.evaluation.memorization import Distances
from ganetic.evaluation.metric import METRICS, Evidence, Metric
from ganetic.evaluation.results import MetricResult
from ganetic.metrics.memorization import COPY_RATIO
from ganetic.metrics.reference import budget


@METRICS.register("nearer_in_features")
class NearerInFeatures(Metric):
    """How often a generated image is nearer to the training images than a held-out one, in features."""

    row = 9
    unit = "share"
    better = "between"
    reading = "0.5; more: copying"

    def measure(self, evidence: Evidence) -> MetricResult | None:
        """Take it; needs the training images."""
        found = evidence.memorization
        return None if found is None else _nearer(self.name, found.data, found.in_features)


@METRICS.register("nearer_in_pixels")
class NearerInPixels(Metric):
    """How often a generated image is nearer to the training images than a held-out one, in pixels."""

    row = 10
    unit = "share"
    better = "between"
    reading = "0.5; more: copying"

    def measure(self, evidence: Evidence) -> MetricResult | None:
        """Take it; needs the training images."""
        found = evidence.memorization
        return None if found is None else _nearer(self.name, found.data, found.in_pixels)


@METRICS.register("copies")
class Copies(Metric):
    """The share of the generated images that are copies of a training image."""

    row = 11
    unit = "share"
    better = "lower"
    reading = "share of copies"

    def measure(self, evidence: Evidence) -> MetricResult | None:
        """Take it; needs the training images."""
        if evidence.memorization is None:
            return None
        ratios, unseen = evidence.memorization.ratios, evidence.memorization.ratios_unseen

        def of(members: Tensor) -> float:
            return float((ratios[members] < COPY_RATIO).double().mean())

        def of_the_floor(_: Tensor) -> float:
            return float((unseen < COPY_RATIO).double().mean())

        protocol = f"{self.name}@{evidence.memorization.data}-pixels/{budget(len(ratios))}"
        return measured(self.name, protocol, (of, of_the_floor), len(ratios))


def _nearer(name: str, data: str, distances: Distances) -> MetricResult:
    count = len(distances.made)
    protocol = f"{name}@{data}-{distances.space}/{budget(count)}"
    return measured(name, protocol, (distances.nearer, distances.nearer_of_unseen), count)
