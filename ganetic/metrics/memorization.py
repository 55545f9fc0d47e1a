"""Does a generator copy its training images: its images' distances to them against those of images it never saw."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

CELL_LEAST = 20
"""A cell with fewer images of either kind is left out, as in Meehan et al."""
COPY_RATIO = 1 / 3
"""An image this much nearer to one training image than to any other is called its copy."""


@dataclass(frozen=True)
class Copying:
    """How much nearer to the training images generated images are than held-out ones.

    Attributes:
        nearer: chance that a generated image is nearer than a held-out one of the same cell, in [0, 1]; 0.5 when the
            generator draws from the population of the held-out images.
        z: standard normal under that null; far below 0 when images were copied.
    """

    nearer: float
    z: float


def copying(generated: Tensor, held_out: Tensor, generated_cells: Tensor, held_out_cells: Tensor) -> Copying:
    """Compare distances to the nearest training image by a Mann-Whitney test within each cell.

    The C_T test of Meehan, Chaudhuri & Dasgupta, A Non-Parametric Test to Detect Data-Copying in Generative Models,
    https://arxiv.org/abs/2004.05675, with two deviations: cells are classes instead of k-means clusters, and the cells'
    z, weighted by their shares of held-out images, are divided by the root of the sum of squared weights, so that the
    result is standard normal under the null whatever the number of cells. Where no cell has 20 images of each kind, all
    images are one cell.

    Args:
        generated: ``(N,)`` distances of generated images to the nearest training image.
        held_out: ``(M,)`` those of held-out images.
        generated_cells: int64 ``(N,)``.
        held_out_cells: int64 ``(M,)``.
    """
    numbers = torch.unique(held_out_cells)
    cells = [(generated[generated_cells == number], held_out[held_out_cells == number]) for number in numbers]
    cells = [pair for pair in cells if min(map(len, pair)) >= CELL_LEAST] or [(generated, held_out)]
    weights = np.array([len(unseen) for _, unseen in cells], dtype=np.float64)
    nearer = np.array([_nearer(made, unseen) for made, unseen in cells])
    errors = np.array([_null_error(len(made), len(unseen)) for made, unseen in cells])
    z = (0.5 - nearer) / errors
    return Copying(
        nearer=float((weights * nearer).sum() / weights.sum()),
        z=float((weights * z).sum() / np.sqrt((weights**2).sum())),
    )


def copy_ratios(distances: Tensor) -> Tensor:
    """Return how much nearer each image is to one training image than to any other, float64 ``(N,)`` in [0, 1].

    Below 1/3 an image is a copy by the rule of Gu et al., On Memorization in Diffusion Models,
    https://arxiv.org/abs/2310.02664, after Yoon et al. (2023). It judges each image by itself, and so finds the
    copies among a majority of others, of which C_T knows nothing; a training image that the set holds twice hides its
    copies unless they are exact.

    Args:
        distances: ``(N, 2)``, to the nearest and the second nearest training image.
    """
    first, second = distances.double().unbind(1)
    return torch.where(first == 0, 0.0, first / second.clamp(min=torch.finfo(torch.float64).tiny))


def excess_p(copies: int, generated: int, held_out_copies: int, held_out: int) -> float:
    """Return Fisher's exact one-sided p of so many copies among generated images, given those among held-out ones."""
    from scipy.stats import hypergeom  # noqa: PLC0415  (takes a second to import)

    everything = generated + held_out
    return float(hypergeom.sf(copies - 1, everything, copies + held_out_copies, generated))


def _nearer(generated: Tensor, held_out: Tensor) -> float:
    """The Mann-Whitney share of pairs in which the generated image is the nearer one; ties count half."""
    ordered = held_out.sort().values
    # For each generated distance d: held-out ones above it, and half of those equal to it.
    below = torch.searchsorted(ordered, generated.contiguous(), right=False).double()
    not_above = torch.searchsorted(ordered, generated.contiguous(), right=True).double()
    return 1 - float((below + not_above).mean()) / (2 * len(held_out))


def _null_error(generated: int, held_out: int) -> float:
    return float(np.sqrt((generated + held_out + 1) / (12 * generated * held_out)))
