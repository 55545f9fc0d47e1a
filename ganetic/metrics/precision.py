"""Precision and recall of generated images: how many look real, and how much of what is real they reach."""

import torch
from torch import Tensor

from ganetic.metrics.neighbours import distances

NEIGHBOURS = 3


class PrecisionRecall:
    """Precision and recall of one set of generated images against real ones, and of parts of it.

    Kynkäänniemi et al., Improved Precision and Recall Metric for Assessing Generative Models,
    https://arxiv.org/abs/1904.06991, with k = 3: a set's manifold is the union of the balls around its images that
    reach to their third neighbour. The paper's features are VGG-16's, and its N is 50,000: numbers compare at one N and
    in one space only. Agrees with torch-fidelity's `prc_features_to_metric` exactly on the same features (tested).

    Args:
        generated: float ``(N, F)``.
        real: float ``(M, F)``; both more than three.
    """

    def __init__(self, generated: Tensor, real: Tensor) -> None:
        self._among_generated = distances(generated, generated)
        self._between = distances(generated, real)
        radii = _radii(distances(real, real))
        self._realistic = (self._between <= radii).any(1).double()

    def precision(self, members: Tensor) -> float:
        """Return the share of the generated images at indices ``(n,)`` that lie in the real manifold."""
        return float(self._realistic[members].mean())

    def recall(self, members: Tensor) -> float:
        """Return the share of the real images in the manifold of the generated images at indices ``(n,)``, n > 3."""
        radii = _radii(self._among_generated[members][:, members])
        return float((self._between[members] <= radii[:, None]).any(0).double().mean())


def _radii(among: Tensor) -> Tensor:
    """Distances ``(N,)`` to the third neighbour, given all ``(N, N)``; the nearest is the image itself."""
    return torch.topk(among, NEIGHBOURS + 1, dim=1, largest=False).values[:, -1]
