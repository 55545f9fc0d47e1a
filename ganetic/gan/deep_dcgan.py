"""The DCGAN of Radford et al. (https://arxiv.org/abs/1511.06434): one strided layer for every halving of the side.

Images whose side is 28 get the very nets of `ganetic.gan.dcgan`, which stop at two layers for any size.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganetic.gan.dcgan import norm_or_not
from ganetic.gan.grey import ToFeatures, ToImage

SIZES = (28, 32, 40, 48, 56, 64, 80, 96, 112, 128)
"""Image sides that come down to 4, 5, 6 or 7 by two to five halvings."""

MAX_CHANNELS = 512
"""Channels double with every halving of the side up to this many, as many as the paper's."""


class Generator(nn.Module):
    """Latent vectors to images: the coarsest features, doubled in side until ``width`` channels become the image.

    Args:
        latent: length of a latent vector.
        size: side of the images in pixels, one of `SIZES`.
        channels: 1 or 3.
        width: channels at half the side.
        batch_norm: whether batch norm follows every layer but the last.
    """

    def __init__(self, latent: int, size: int, channels: int, width: int, batch_norm: bool = True) -> None:
        super().__init__()
        widths = _widths(size, width)[::-1]
        self._base, self._widest = size >> len(widths), widths[0]
        self.project = nn.Linear(latent, self._base**2 * widths[0], bias=not batch_norm)
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=not batch_norm) for wide, narrow in pairwise(widths)
        )
        self.norms = nn.ModuleList(norm_or_not(features, batch_norm) for features in widths)
        self.image = ToImage(width) if channels == 1 else nn.ConvTranspose2d(width, channels, 4, 2, 1)

    def forward(self, latents: Tensor) -> Tensor:
        """Map float32 ``(N, latent)`` to images ``(N, C, H, W)`` in [−1, 1]."""
        x = self.project(latents).view(-1, self._base, self._base, self._widest).permute(0, 3, 1, 2)
        x = F.relu(self.norms[0](x), inplace=True)
        for up, norm in zip(self.ups, self.norms[1:], strict=True):
            x = F.relu(norm(up(x)), inplace=True)
        return torch.tanh(self.image(x))


class Discriminator(nn.Module):
    """Images to one logit each: ``width`` channels at half the side, doubled with every halving.

    Args:
        size: side of the images in pixels, one of `SIZES`.
        channels: 1 or 3.
        width: channels of the first layer.
        batch_norm: whether batch norm follows every convolution but the first.
    """

    def __init__(self, size: int, channels: int, width: int, batch_norm: bool = True) -> None:
        super().__init__()
        widths = _widths(size, width)
        self.features = ToFeatures(width) if channels == 1 else nn.Conv2d(channels, width, 4, 2, 1)
        self.downs = nn.ModuleList(
            nn.Conv2d(narrow, wide, 4, 2, 1, bias=not batch_norm) for narrow, wide in pairwise(widths)
        )
        self.norms = nn.ModuleList(norm_or_not(features, batch_norm) for features in widths[1:])
        self.logit = nn.Linear((size >> len(widths)) ** 2 * widths[-1], 1)

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(N, C, H, W)`` in [−1, 1] to logits ``(N,)``."""
        x = F.leaky_relu(self.features(images), 0.2, inplace=True)
        for down, norm in zip(self.downs, self.norms, strict=True):
            x = F.leaky_relu(norm(down(x)), 0.2, inplace=True)
        logits: Tensor = self.logit(x.permute(0, 2, 3, 1).flatten(1))
        return logits.squeeze(1)


def _widths(size: int, width: int) -> list[int]:
    """Channels at the half of the side, the quarter and so on."""
    widths: list[int] = []
    while size % 2 == 0 and size >= 8:
        widths.append(min(width << len(widths), max(width, MAX_CHANNELS)))
        size //= 2
    return widths
