"""Smoothing, doubling and halving with the filter [1, 3, 3, 1], as in StyleGAN2: https://arxiv.org/abs/1912.04958.

Each is the operation of the same name in signal processing: zeros between and around the pixels, and a filter of finite
length. A depthwise convolution of 4×4 was the fastest form on a CPU, for features that are laid out channels last:
`python -m analysis.bench_stylegan2`.
"""

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

TAPS = (1.0, 3.0, 3.0, 1.0)
"""The filter along either axis, before it is scaled to a sum of 1."""


def smoothed(features: Tensor, padding: int) -> Tensor:
    """Map ``(N, C, H, W)`` to ``(N, C, H + 2·padding − 3, W + 2·padding − 3)``; a constant stays, but at the edges."""
    return F.conv2d(features, _kernel_for(features), padding=padding, groups=features.shape[1])


def upsampled(features: Tensor) -> Tensor:
    """Map ``(N, C, H, W)`` to ``(N, C, 2H, 2W)``; a constant stays, but at the edges."""
    kernel = 4 * _kernel_for(features)  # of four pixels three are zeros
    return F.conv_transpose2d(features, kernel, stride=2, padding=1, groups=features.shape[1])


def downsampled(features: Tensor) -> Tensor:
    """Map ``(N, C, H, W)`` with even sides to ``(N, C, H / 2, W / 2)``; a constant stays, but at the edges."""
    return F.conv2d(features, _kernel_for(features), stride=2, padding=1, groups=features.shape[1])


def _kernel_for(features: Tensor) -> Tensor:
    return _kernel(features.device, features.dtype).expand(features.shape[1], 1, -1, -1)


@cache
def _kernel(device: torch.device, dtype: torch.dtype) -> Tensor:
    """The filter along both axes, ``(4, 4)``; made once, since a GPU would be waited for."""
    taps = torch.tensor(TAPS, device=device, dtype=dtype)
    return torch.outer(taps, taps) / taps.sum() ** 2
