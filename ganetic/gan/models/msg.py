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
from typing import Annotated, Any, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from ganetic.errors import UserError
from ganetic.gan.attention import SelfAttention
from ganetic.gan.dcgan import norm_or_not
from ganetic.gan.model import MODELS, ModelSpec, Nets, Width
from ganetic.gan.progressive import SLOPE, MinibatchStddev, PixelNorm, ScaledConv2d, initialise
from ganetic.gan.upfirdn import upsampled

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
        smooth: whether features are enlarged through a filter, and not by repeating each pixel.
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
        smooth: bool = False,
    ) -> None:
        super().__init__()
        self._enlarged = upsampled if smooth else _repeated
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
                x = self._activate(2 * level, self.firsts[level - 1](self._enlarged(x)))
            x = self.attentions[level](self._activate(2 * level + 1, second(x)))
            images.append(torch.tanh(to_image(x)))
        return tuple(images)

    def _project(self, latents: Tensor) -> Tensor:
        x = self.project(latents[:, :, None, None]).view(latents.shape[0], COARSEST, COARSEST, -1)
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


def _repeated(features: Tensor) -> Tensor:
    return F.interpolate(features, scale_factor=2, mode="nearest")


def _attentions(sides: tuple[int, ...], widths: list[int], at: int | None, equalised: bool) -> nn.ModuleList:
    return nn.ModuleList(
        SelfAttention(features, equalised) if side == at else nn.Identity()
        for side, features in zip(sides, widths, strict=True)
    )


def _activated(layer: nn.Module, features: Tensor) -> Tensor:
    return F.leaky_relu(layer(features), SLOPE)


class MultiScale(ModelSpec):
    """What the models at several scales have in common. With spectral norm they have no equalised learning rate."""

    sizes = SIZES

    width: Width = 16
    """Channels of the features next to the finest image."""
    batch_norm: bool = False
    """Batch norm in the generator. Without it the features of short trainings soon hardly depend on the latent
    vector."""
    equalised: bool = True
    """Equalised learning rate; off by default where there is spectral norm, which undoes it."""
    pixel_norm: bool = True
    """Pixel norm in the generator."""
    minibatch_stddev: bool = True
    """The discriminator sees how much a batch varies."""
    # Left out where it is as it always was: trainings that were begun without it stay what they were.
    upsampling: Annotated[Literal["nearest", "smooth"], Field(exclude_if=lambda way: way == "nearest")] = "nearest"
    """How the generator enlarges features: each pixel is repeated, or they pass through the filter of StyleGAN2."""

    def sides(self, size: int) -> tuple[int, ...]:
        """Sides of the images of a pyramid, the coarsest first."""
        return scales(size)

    def nets(self, size: int, channels: int) -> Nets:
        """Make both nets."""
        return self._nets_with(size, channels, attention=None)

    def initialise(self, net: nn.Module, stream: torch.Generator) -> None:
        """Draw He's initialisation, of deviation 1 where the learning rate is equalised."""
        initialise(net, stream)

    def _nets_with(self, size: int, channels: int, attention: int | None) -> Nets:
        image, width, equalised = (size, channels), self.width, self.equalised
        return Nets(
            Generator(
                self.latent,
                *image,
                width,
                equalised,
                self.pixel_norm,
                self.batch_norm,
                attention,
                self.upsampling == "smooth",
            ),
            Discriminator(*image, width, equalised, self.minibatch_stddev, attention),
        )

    @model_validator(mode="before")
    @classmethod
    def _not_equalised_by_default(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("spectral_norm") and data.get("equalised") is None:
            return {**data, "equalised": False}
        return data

    @model_validator(mode="after")
    def _scaled_once(self) -> Self:
        if self.spectral_norm and self.equalised:
            raise ValueError("spectral_norm undoes equalised, both scale the weights; set one of them to false")
        return self


@MODELS.register("msg-gan")
class MsgGan(MultiScale):
    """Multi-scale nets."""

    name: Literal["msg-gan"] = "msg-gan"


@MODELS.register("msg-sagan")
class MsgSagan(MultiScale):
    """Multi-scale nets with self-attention, and spectral norm in both where it is asked for."""

    normalised = ("generator", "discriminator")

    name: Literal["msg-sagan"] = "msg-sagan"
    attention: Annotated[int, Field(ge=4, le=64)] = 32
    """The resolution of self-attention in both nets, one of the model's scales. Its cost grows with the fourth
    power."""

    def nets(self, size: int, channels: int) -> Nets:
        """Make both nets.

        Raises:
            UserError: there is no scale at which attention is wanted.
        """
        sides = scales(size)
        if self.attention not in sides:
            allowed = ", ".join(str(side) for side in sides if side <= 64)
            raise UserError(
                f"attention is {self.attention}; {self.name} at {size}×{size} pixels has the scales {allowed}; choose "
                "one"
            )
        return self._nets_with(size, channels, self.attention)
