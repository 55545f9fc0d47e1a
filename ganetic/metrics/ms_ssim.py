"""Multi-scale structural similarity of pairs of images: how much two images look alike."""

import torch
from torch import Tensor
from torch.nn import functional as F

BETAS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Weights of the scales, the finest first."""
WINDOW = 11
_SIGMA = 1.5
_SCALES = ((WINDOW * 16, 5), (WINDOW * 4, 3), (WINDOW * 2, 2))
_CHUNK = 8


def scales_for(side: int) -> int:
    """Return how many scales images of so many pixels a side get: as many of 5, 3, 2, 1 as leave a whole window.

    That is 5 from 176 pixels on, 3 from 44, 2 from 22, and one, which is plain SSIM, below.
    """
    return next((scales for least, scales in _SCALES if side >= least), 1)


@torch.no_grad()
def ms_ssim(first: Tensor, second: Tensor) -> Tensor:
    """Return the similarity of pairs of images, float64 ``(N,)`` in [0, 1]; 1 for equal ones.

    Wang et al., Multi-Scale Structural Similarity for Image Quality Assessment, 2003: a Gaussian window of 11 pixels
    (sigma 1.5), K = (0.01, 0.03), a data range of 255, and the first weights of the paper's five, divided by their
    sum, where images are too small for five scales (`scales_for`). Negative similarities count as 0, colours are
    averaged. Agrees within 1e-6 with torchmetrics' `multiscale_structural_similarity_index_measure` (data_range 255,
    normalize "relu", the same weights; tested), which takes six seconds to import. As there, and unlike the paper, the
    last scale is looked at over mirrored borders: at 11 pixels a side it has but one whole window.

    Args:
        first: uint8 ``(N, H, W, C)``, H and W at least 11.
        second: likewise; the pair of the first.
    """
    pairs = zip(torch.split(first, _CHUNK), torch.split(second, _CHUNK), strict=True)
    return torch.cat([_similarities(a, b) for a, b in pairs])


def _similarities(first: Tensor, second: Tensor) -> Tensor:
    x, y = (images.permute(0, 3, 1, 2).double() for images in (first, second))
    betas = torch.tensor(BETAS[: scales_for(x.shape[2])], dtype=x.dtype, device=x.device)
    terms = []
    for _ in betas[1:]:
        terms.append(_ssim(x, y)[1])
        x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    terms.append(_ssim(_mirrored(x), _mirrored(y))[0])
    product: Tensor = (torch.stack(terms, -1).clamp(min=0) ** (betas / betas.sum())).prod(-1)
    return product


def _ssim(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Mean similarity ``(N,)`` of images ``(N, C, H, W)``, and its part without luminance."""
    luminance, contrast = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_x, mean_y = _blurred(x), _blurred(y)
    variances = _blurred(x * x) - mean_x**2 + _blurred(y * y) - mean_y**2
    structure = (2 * (_blurred(x * y) - mean_x * mean_y) + contrast) / (variances + contrast)
    bright = (2 * mean_x * mean_y + luminance) / (mean_x**2 + mean_y**2 + luminance)
    return (bright * structure).mean((1, 2, 3)), structure.mean((1, 2, 3))


def _mirrored(images: Tensor) -> Tensor:
    """With borders of half a window, so that each pixel has a window of its own."""
    return F.pad(images, [WINDOW // 2] * 4, mode="reflect")


def _blurred(images: Tensor) -> Tensor:
    """Weighted means over every whole window of ``(N, C, H, W)``."""
    return _blurred_along(_blurred_along(images, 2), 3)


def _blurred_along(images: Tensor, axis: int) -> Tensor:
    # Five times as fast as a convolution of one channel.
    offsets = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    weights = torch.softmax(-(offsets**2) / (2 * _SIGMA**2), 0).tolist()
    length = images.shape[axis] - WINDOW + 1
    total: Tensor = weights[0] * images.narrow(axis, 0, length)
    for start, weight in enumerate(weights[1:], 1):
        total.add_(images.narrow(axis, start, length), alpha=weight)
    return total
