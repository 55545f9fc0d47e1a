"""The Fréchet distance between two clouds of features, each taken as a Gaussian."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FeatureStatistics:
    """Mean and covariance of real features, with what a comparison can compute once.

    Attributes:
        mean: float64 ``(F,)``.
        covariance: float64 ``(F, F)``, unbiased.
        root: the symmetric square root of the covariance, float64 ``(F, F)``.
    """

    mean: Array
    covariance: Array
    root: Array

    @staticmethod
    def of(features: Tensor) -> "FeatureStatistics":
        """Return the statistics of features ``(N, F)``, N ≥ 2."""
        mean, covariance = mean_and_covariance(features)
        return FeatureStatistics(mean.numpy(), covariance.numpy(), _root(covariance).numpy())

    def distance_to(self, features: Tensor) -> float:
        """Return ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½) to features ``(N, F)``; not finite when they are not.

        Heusel et al., https://arxiv.org/abs/1706.08500. The trace of (Σ₁Σ₂)^½ is the sum of the roots of the
        eigenvalues of the symmetric √Σ₁·Σ₂·√Σ₁, which has the same eigenvalues as Σ₁Σ₂: faster than a general matrix
        root, and it needs neither complex numbers nor an added diagonal where a covariance is singular.
        """
        mean, covariance = mean_and_covariance(features)
        return _distance(
            torch.tensor(self.mean), torch.tensor(self.covariance), torch.tensor(self.root), mean, covariance
        )


def mean_and_covariance(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return the float64 mean ``(F,)`` and unbiased covariance ``(F, F)`` of features ``(N, F)``, on the CPU."""
    exact = features.detach().double().cpu()
    mean = exact.mean(0)
    centred = exact - mean
    return mean, centred.T @ centred / (len(exact) - 1)


def _distance(mean1: Tensor, covariance1: Tensor, root1: Tensor, mean2: Tensor, covariance2: Tensor) -> float:
    product = root1 @ covariance2 @ root1
    if not bool(product.isfinite().all()):
        return float("nan")
    # Rounding leaves the product slightly asymmetric, and eigenvalues that are zero slightly negative.
    eigenvalues = torch.linalg.eigvalsh((product + product.T) / 2).clamp(min=0)
    gap = (mean1 - mean2).square().sum()
    distance = gap + covariance1.trace() + covariance2.trace() - 2 * eigenvalues.sqrt().sum()
    return max(float(distance), 0.0)


def _root(covariance: Tensor) -> Tensor:
    eigenvalues, vectors = torch.linalg.eigh(covariance)
    root: Tensor = (vectors * eigenvalues.clamp(min=0).sqrt()) @ vectors.T
    return root
