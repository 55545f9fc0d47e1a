"""How far a number would move with other images of the same generator: intervals from half-samples."""

from collections.abc import Callable

import numpy as np
import torch
from scipy.special import stdtrit  # scipy.stats takes a second to import
from torch import Tensor

from ganetic.reproducible import random_stream

REPLICATES = 100
LEVEL = 0.05
SCHEME = (
    "95 % intervals: the value ± t times the standard deviation over random halves of the generated images, drawn "
    "without replacement; reference images and nets are held fixed"
)


def half_sample_error(
    statistic: Callable[[Tensor], float], count: int, name: str, replicates: int = REPLICATES
) -> float:
    """Estimate the standard error of a statistic of images from its values on halves of them.

    A half drawn without replacement varies around the whole as the whole does around the population: the delete-d
    jackknife with d = N/2 (Shao & Wu, A General Theory for Jackknife Variance Estimation, Annals of Statistics 17,
    1989). The bootstrap will not do: its repeated images shrink covariances and the distances to neighbours. On 500
    Gaussian features of the digits' covariance, intervals of 95 % for the expected Fréchet distance at this N covered
    it in 95 to 100 % of 60 trials by this scheme (100 % where generated equals real: conservative), in 0 to 85 % by the
    percentile bootstrap and in 13 to 80 % by the basic one.

    Args:
        statistic: of the images at the given indices, int64 ``(N/2,)``; finite.
        count: N, the number of images, at least 2.
        name: of the random stream that draws the halves.
        replicates: number of halves, at least 2.
    """
    stream = random_stream(0, f"halves for {name}")
    halves = [torch.randperm(count, generator=stream)[: count // 2] for _ in range(replicates)]
    return float(np.std([statistic(half) for half in halves], ddof=1))


def interval(
    value: float, error: float, replicates: int = REPLICATES, least: float = -np.inf, most: float = np.inf
) -> tuple[float, float]:
    """Return the ends of the 95 % interval of a value with an estimated standard error, within the possible range."""
    reach = float(stdtrit(replicates - 1, 1 - LEVEL / 2)) * error
    return max(value - reach, least), min(value + reach, most)
