"""How varied a set of images is, and when it has collapsed."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

COVERED_LEAST = 0.8
"""Share of the real classes that must occur among the generated images; each by 1 % of them."""
CLASS_OCCURS = 0.01
DIVERGENCE_MOST = 1.0
"""Kullback-Leibler divergence of the generated classes from the real ones, in nats."""
SPREAD_LEAST = 0.25
"""Mean distance between two generated images' features, as a share of the real one, below which all are alike."""

STARVED = 0.25
"""Share of its real share below which a class is as good as missing."""

Shares = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Diversity:
    """How varied a set of images is.

    Attributes:
        shares: float64 ``(classes,)``, share of each class, or None where the features come without classes.
        spread: mean Euclidean distance between two images' features.
    """

    shares: Shares | None
    spread: float

    @staticmethod
    def of(features: Tensor, classes: Tensor | None, number_of_classes: int) -> "Diversity":
        """Measure features ``(N, F)`` and classes ``(N,)``; the distances are those of the first 500."""
        spread = float(torch.pdist(features[:500].double()).mean())
        if classes is None:
            return Diversity(None, spread)
        counts = torch.bincount(classes.cpu(), minlength=number_of_classes)
        return Diversity((counts / len(classes)).double().numpy(), spread)


def covered(generated: Shares, real: Shares) -> float:
    """Return the share of the real classes, those of 1 % or more, that make up 1 % of the generated images as well.

    With more than 50 classes half of an equal share is enough.

    Args:
        generated: ``(classes,)``, shares that sum to 1.
        real: ``(classes,)``, likewise.
    """
    least = min(CLASS_OCCURS, 0.5 / len(real))
    return float((generated[real >= least] >= least).mean())


def divergence(generated: Shares, real: Shares) -> float:
    """Return the Kullback-Leibler divergence of the generated classes from the real ones, in nats, 0 or more.

    Args:
        generated: ``(classes,)``, shares that sum to 1.
        real: ``(classes,)``, likewise.
    """
    present = generated > 0
    # A class that the classifier never gives to a real image counts as one image of a thousand, not as infinitely odd.
    expected = np.maximum(real[present], 1e-3)
    return float((generated[present] * np.log(generated[present] / expected)).sum())


def missing(generated: Shares, real: Shares) -> float:
    """Return the share of the real images whose class has less than a quarter of its share among the generated ones.

    Unlike `covered` it is not misled where a net that errs now and then sees missing classes in a few images each.

    Args:
        generated: ``(classes,)``, shares that sum to 1.
        real: ``(classes,)``, likewise.
    """
    return float(real[generated < STARVED * real].sum())


def collapsed(generated: Diversity, real: Diversity) -> bool:
    """Return whether the generated images miss classes or resemble each other too much.

    The thresholds were set on a few dozen trainings, on MNIST, of losses known to work or to fail.
    """
    if not generated.spread >= SPREAD_LEAST * real.spread:
        return True
    if generated.shares is None or real.shares is None:
        return False
    few = covered(generated.shares, real.shares) < COVERED_LEAST
    return few or divergence(generated.shares, real.shares) > DIVERGENCE_MOST
