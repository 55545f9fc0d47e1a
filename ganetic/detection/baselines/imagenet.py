"""Baselines in features of ImageNet: the net looks at all images once."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ganetic.metrics.imagenet import BLOCKS, WIDTHS, WholeNet
from ganetic.reproducible import reproducible

SIDE = 96
"""Pixels a side that the net sees: enough for its middle to have 12×12 positions."""
NEIGHBOURS = 5
_BATCH = 24

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ImageNetView:
    """What the net sees of images.

    Attributes:
        features: float64 ``(N, 1280)``, the means over the positions of the last layer.
        patches: float32 ``(N, P, F)``, the middle of the net at every position.
    """

    features: Values
    patches: NDArray[np.float32]


@reproducible()
def view(images: NDArray[np.uint8]) -> ImageNetView:
    """Look at uint8 images ``(N, H, W, C)``.

    Raises:
        UserError: the wheel with the net is not installed.
    """
    net, features, patches = WholeNet(), [], []
    for batch in torch.split(torch.tensor(images), _BATCH):
        pooled, maps = net(batch, SIDE)
        features.append(pooled)
        patches.append(_patches(maps))
    return ImageNetView(torch.cat(features).double().numpy(), torch.cat(patches).numpy())


def mahalanobis(training: Values, test: Values) -> Values:
    """Return the squared Mahalanobis distance of each row to the training rows, ``(T,)``.

    The covariance is shrunk after Ledoit & Wolf, A well-conditioned estimator for large-dimensional covariance
    matrices, 2004: there are more features than images.
    """
    from sklearn.covariance import LedoitWolf  # noqa: PLC0415 - it takes a second to import

    distances: Values = LedoitWolf().fit(training).mahalanobis(test)
    return distances


def neighbours(training: Values, test: Values) -> Values:
    """Return the mean distance of each row to its five nearest training rows, all of length 1, ``(T,)``."""
    from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415 - it takes a second to import
    from sklearn.preprocessing import normalize  # noqa: PLC0415

    known = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(training))).fit(normalize(training))
    distances: Values = known.kneighbors(normalize(test))[0].mean(axis=1)
    return distances


def _patches(maps: list[Tensor]) -> Tensor:
    """The maps of some blocks, each value the mean of its 3×3 neighbourhood, at the positions of the finest."""
    side = maps[0].shape[2]
    smooth = [F.avg_pool2d(one, 3, 1, 1, count_include_pad=False) for one in maps]
    equal = [F.interpolate(one, (side, side), mode="bilinear", align_corners=False) for one in smooth]
    return torch.cat(equal, 1).flatten(2).transpose(1, 2).contiguous()


PROTOCOL = f"EfficientNet-Lite0, {SIDE} px; patches of blocks {BLOCKS} ({sum(WIDTHS[one] for one in BLOCKS)} features)"
"""How features are said to be made."""
