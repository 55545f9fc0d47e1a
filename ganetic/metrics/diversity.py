"""How varied a set of images is."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Diversity:
    """How varied a set of images is.

    Attributes:
        shares: float64 ``(classes,)``, share of each class, or None where the features come without classes.
        spread: mean Euclidean distance between two images' features.
    """

    shares: NDArray[np.float64] | None
    spread: float

    @staticmethod
    def of(features: Tensor, classes: Tensor | None, number_of_classes: int) -> "Diversity":
        """Measure features ``(N, F)`` and classes ``(N,)``; the distances are those of the first 500."""
        spread = float(torch.pdist(features[:500].double()).mean())
        if classes is None:
            return Diversity(None, spread)
        counts = torch.bincount(classes.cpu(), minlength=number_of_classes)
        return Diversity((counts / len(classes)).double().numpy(), spread)
