"""MSG-GAN: Karnewar & Wang, https://arxiv.org/abs/1903.06048, on the blocks of progressive GANs, and with attention.

The generator emits an image at every resolution from 4×4 up; the discriminator takes each at the block that works at
its resolution, so that gradients reach the generator at every scale. With attention at one resolution in both nets this
is MSG-SAGAN (https://arxiv.org/abs/2210.06334), whose settings are not public: the ones here are ours.

As in the code of MSG-GAN (github.com/akanimax/BMSG-GAN), φ is a 1×1 convolution of the image to half of the block's
channels, which are concatenated with as many that come from the finer block, and minibatch standard deviation stands
before the last block only. Unlike there, images pass through tanh, and the first layer's features through pixel norm.
"""

from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganetic.gan.attention import SelfAttention
from ganetic.gan.dcgan import norm_or_not
from ganetic.gan.progressive import SLOPE, MinibatchStddev, PixelNorm, ScaledConv2d

SIZES = (32, 64, 128, 256)
COARSEST = 4
"""Side of the coarsest image."""

MAX_CHANNELS = 256
"""Channels double with every halving of the side up to this many."""


def scales(size: int) -> tuple[int, ...]:
    """Sides of the images of a pyramid, the coarsest first: ``(4, 8, …, size)``."""
    return tuple(COARSEST << level for level in range((size // COARSEST).bit_length()))


def channels_at(side: int, size: int, width: int) -> int:
    """Channels of the features at a side, where those at the finest side have ``width``."""
    return min(width * (size // side), max(width, MAX_CHANNELS))


class Generator(nn.Module):
    """Latent vectors to pyramids of images.

    Args:
        latent: length of a latent vector.
        size: side of the finest images in pixels, one of `SIZES`.
        channels: of the images, 1 or 3.
        width: channels of the features at the finest resolution.
        equalised: equalised learning rate.
        pixel_norm: of the latent vectors and after every convolution but those to images.
        batch_norm: after every convolution but those to images, as in SAGAN; instead of pixel norm, or with it.
        attention: the side at which there is self-attention, or None.
    """

    def __init__(
        self,
        latent: int,
        size: int,
        channels: int,
        width: int,
        equalised: bool = True,
        pixel_norm: bool = True,
        batch_norm: bool = False,
        attention: int | None = None,
    ) -> None:
        super().__init__()
        conv = partial(ScaledConv2d, equalised=equalised)
        sides = scales(size)
        widths = [channels_at(side, size, width) for side in sides]
        self.norms = nn.ModuleList(norm_or_not(features, batch_norm) for features in widths for _ in range(2))
        self.norm = PixelNorm() if pixel_norm else nn.Identity()
        # A transposed convolution of a 1×1 input is a linear map.
        self.project = conv(latent, COARSEST**2 * widths[0], 1)
        self.firsts = nn.ModuleList(conv(coarse, fine, 3, 1) for coarse, fine in pairwise(widths))
        self.seconds = nn.ModuleList(conv(features, features, 3, 1) for features in widths)
        self.attentions = _attentions(sides, widths, attention, equalised)
        self.to_image = nn.ModuleList(conv(features, channels, 1, gain=1) for features in widths)

    def forward(self, latents: Tensor) -> tuple[Tensor, ...]:
        """Map float32 ``(N, latent)`` to images ``(N, C, 4, 4)``, ``(N, C, 8, 8)``, … in [−1, 1]."""
        x = self._project(self.norm(latents))
        images = []
        for level, (second, to_image) in enumerate(zip(self.seconds, self.to_image, strict=True)):
            if level > 0:
                x = self._activate(2 * level, self.firsts[level - 1](F.interpolate(x, scale_factor=2, mode="nearest")))
            x = self.attentions[level](self._activate(2 * level + 1, second(x)))
            images.append(torch.tanh(to_image(x)))
        return tuple(images)

    def _project(self, latents: Tensor) -> Tensor:
        x = self.project(latents[:, :, None, None]).view(len(latents), COARSEST, COARSEST, -1)
        return self._activate(0, x.permute(0, 3, 1, 2))

    def _activate(self, layer: int, features: Tensor) -> Tensor:
        normed: Tensor = self.norm(F.leaky_relu(self.norms[layer](features), SLOPE))
        return normed


class Discriminator(nn.Module):
    """Pyramids of images to one logit each.

    Args:
        size: side of the finest images in pixels, one of `SIZES`.
        channels: of the images, 1 or 3.
        width: channels of the features at the finest resolution.
        equalised: equalised learning rate.
        minibatch_stddev: whether the last block also sees how much the batch varies.
        attention: the side at which there is self-attention, or None.
    """

    def __init__(
        self,
        size: int,
        channels: int,
        width: int,
        equalised: bool = True,
        minibatch_stddev: bool = True,
        attention: int | None = None,
    ) -> None:
        super().__init__()
        conv = partial(ScaledConv2d, equalised=equalised)
        sides = scales(size)
        widths = [channels_at(side, size, width) for side in sides]
        halves = [features // 2 for features in widths]
        self.from_image = nn.ModuleList(conv(channels, half, 1, gain=1) for half in halves[:-1])
        self.from_finest = conv(channels, widths[-1], 1, gain=1)
        self.stddev = MinibatchStddev() if minibatch_stddev else nn.Identity()
        seen = [2 * half for half in halves[:-1]] + [widths[-1]]
        seen[0] += int(minibatch_stddev)
        self.firsts = nn.ModuleList(conv(inputs, features, 3, 1) for inputs, features in zip(seen, widths, strict=True))
        self.attentions = _attentions(sides, widths, attention, equalised)
        self.seconds = nn.ModuleList(conv(fine, half, 3, 1) for fine, half in zip(widths[1:], halves, strict=False))
        self.gather = conv(widths[0], widths[0], COARSEST)
        self.logit = conv(widths[0], 1, 1, gain=1)

    def forward(self, images: tuple[Tensor, ...]) -> Tensor:
        """Map images ``(N, C, 4, 4)``, ``(N, C, 8, 8)``, … in [−1, 1] to logits ``(N,)``."""
        x = self.from_finest(images[-1])
        for level in range(len(images) - 1, 0, -1):
            x = _activated(self.seconds[level - 1], self._first(level, x))
            x = torch.cat([self.from_image[level - 1](images[level - 1]), F.avg_pool2d(x, 2)], 1)
        x = _activated(self.gather, self._first(0, self.stddev(x)))
        logits: Tensor = self.logit(x)
        return logits.flatten()

    def _first(self, level: int, features: Tensor) -> Tensor:
        attended: Tensor = self.attentions[level](_activated(self.firsts[level], features))
        return attended


def _attentions(sides: tuple[int, ...], widths: list[int], at: int | None, equalised: bool) -> nn.ModuleList:
    return nn.ModuleList(
        SelfAttention(features, equalised) if side == at else nn.Identity()
        for side, features in zip(sides, widths, strict=True)
    )


def _activated(layer: nn.Module, features: Tensor) -> Tensor:
    return F.leaky_relu(layer(features), SLOPE)
