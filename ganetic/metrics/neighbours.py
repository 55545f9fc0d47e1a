"""Nearest neighbours among features or pixels, by Euclidean distance."""

import torch
from torch import Tensor
from torch.nn import functional as F

PIXEL_SIDE = 32
_CHUNK = 500


def nearest(points: Tensor, others: Tensor, count: int = 1) -> tuple[Tensor, Tensor]:
    """Return each point's distances to the nearest of the others, ``(N, count)`` ascending, and which those are.

    Args:
        points: float ``(N, F)``.
        others: float ``(M, F)``, M ≥ count.
        count: how many neighbours.

    Returns:
        Distances, float64, and indices, int64.
    """
    found = [torch.topk(_distances(part, others), count, largest=False) for part in torch.split(points, _CHUNK)]
    return torch.cat([part.values for part in found]), torch.cat([part.indices for part in found])


def distances(points: Tensor, others: Tensor) -> Tensor:
    """Return all distances, float64 ``(N, M)``, between float ``(N, F)`` and ``(M, F)``."""
    return torch.cat([_distances(part, others) for part in torch.split(points, _CHUNK)])


def pixel_points(images: Tensor) -> Tensor:
    """Turn uint8 images ``(N, H, W, C)`` into float32 points ``(N, F)`` in [0, 1].

    Larger images are averaged down to at most 32 pixels a side: what makes a copy is not in the last pixel, and the
    distances of some thousand large images would take minutes.
    """
    pixels = images.permute(0, 3, 1, 2).float() / 255
    if images.shape[1] > PIXEL_SIDE:
        pixels = F.adaptive_avg_pool2d(pixels, PIXEL_SIDE)
    return pixels.flatten(1)


def _distances(points: Tensor, others: Tensor) -> Tensor:
    # The fast way by a matrix product leaves a copy 1e-2 away from its original.
    exact: Tensor = torch.cdist(points.double(), others.double())
    return exact
