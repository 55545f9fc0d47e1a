"""``ms_ssim_difference``: how much more alike two generated images of a class are than two real ones."""

import torch
from torch import Tensor

from ganetic.evaluation.measures import measured, protocol_of
from ganetic.evaluation.metric import METRICS, Evidence, Metric
from ganetic.evaluation.results import MetricResult
from ganetic.metrics.ms_ssim import WINDOW, scales_for
from ganetic.metrics.pairs import PairSimilarity


@METRICS.register("ms_ssim_difference")
class SimilarityDifference(Metric):
    """The mean MS-SSIM of pairs of generated images, less that of real ones."""

    row = 6
    better = "lower"
    reading = "above 0: too alike"

    def measure(self, evidence: Evidence) -> MetricResult | None:
        """Take it; needs images as large as the window of MS-SSIM."""
        sides, labelled = evidence.sides, evidence.labelled
        side = sides.real.images.shape[1]
        if side < WINDOW:
            return None
        generated, real, floor = (
            PairSimilarity(seen.images, seen.classes if labelled else torch.zeros_like(seen.classes))
            for seen in (sides.generated, sides.real, sides.floor)
        )

        def of_the_generated(members: Tensor) -> float:
            return generated.less(real, members)

        def of_the_floor(_: Tensor) -> float:
            return floor.less(real, torch.arange(len(floor)))

        return measured(
            self.name,
            protocol_of(
                "ms_ssim", evidence.reference_statistics, f"{'classes' if labelled else 'all'}-{scales_for(side)}scales"
            ),
            (of_the_generated, of_the_floor),
            len(sides),
            count=len(generated),
            bounds=(-1.0, 1.0),
        )
