"""Patches that no normal image has: PatchCore's idea, with a memory that a greedy choice has thinned.

Roth et al., Towards Total Recall in Industrial Anomaly Detection, https://arxiv.org/abs/2106.08265. Of that method here
are the features of the middle of an ImageNet net, averaged over 3×3 positions, the greedy coreset in a random
projection of them, and the distance to the nearest patch of the coreset; the score of an image is that of its most
unusual patch. Its reweighting of that score is left out, and so are its larger nets and images.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganetic.metrics.neighbours import nearest
from ganetic.reproducible import random_stream, reproducible

RATIO = 0.01
"""Share of the patches that stay in memory."""
POOL = 40_000
"""Patches that the greedy choice is made from; of more, that many at random."""
PROJECTED = 64
"""Dimensions in which patches are chosen."""


@reproducible()
def patch_distances(training: NDArray[np.float32], test: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return how far each patch of test images is from the nearest kept patch of the training images.

    Args:
        training: float32 ``(N, P, F)``.
        test: float32 ``(T, P, F)``.

    Returns:
        float64 ``(T, P)``.
    """
    kept = coreset(torch.tensor(training).flatten(0, 1))
    found = nearest(torch.tensor(test).flatten(0, 1), kept)[0]
    distances: NDArray[np.float64] = found.view(test.shape[:2]).numpy()
    return distances


def coreset(patches: Tensor) -> Tensor:
    """Choose a hundredth of patches ``(M, F)`` so that none of the others is far from the chosen ones.

    Each is the one that is farthest from all chosen before (k-centre greedy), in 64 random directions.
    """
    count = max(1, round(RATIO * len(patches)))
    stream = random_stream(0, "coreset")
    pool = patches[torch.randperm(len(patches), generator=stream)[:POOL]]
    points = pool @ (torch.randn(pool.shape[1], PROJECTED, generator=stream) / PROJECTED**0.5)
    chosen = [0]
    apart = _squared(points, 0)
    while len(chosen) < min(count, len(pool)):
        chosen.append(int(apart.argmax()))
        apart = torch.minimum(apart, _squared(points, chosen[-1]))
    return pool[torch.tensor(chosen)]


def _squared(points: Tensor, centre: int) -> Tensor:
    return (points - points[centre]).square().sum(1)
