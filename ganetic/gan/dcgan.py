"""The DCGAN of Radford et al. (https://arxiv.org/abs/1511.06434), for images of 28 to 128 pixels.

As in the paper there is a strided layer for every halving of the side, down to 4 to 7 pixels. With a fixed number of
layers the nets stop earlier, and take more sizes: those of the search have two.
"""

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganetic.gan.grey import ToFeatures, ToImage
from ganetic.gan.resize import ResizeConv2d
from ganetic.gan.upsampling import Upsampling

SIZES = tuple(range(28, 65, 4))
"""Image sides that two strided layers take: the nets work at a quarter, a half and the whole of the side."""
DEEP_SIZES = (28, 32, 40, 48, 56, 64, 80, 96, 112, 128)
"""Image sides that come down to 4, 5, 6 or 7 by two to five halvings."""

MAX_CHANNELS = 512
"""Channels of deep nets double with every halving of the side up to this many, as many as the paper's."""
WEIGHT_DEVIATION = 0.02
"""Deviation of the weights as they are drawn."""


class Generator(nn.Module):
    """Latent vectors to images: the coarsest features, doubled in side until ``width`` channels become the image.

    Args:
        latent: length of a latent vector.
        size: side of the images in pixels, one of `SIZES` for two layers and of `DEEP_SIZES` without a number.
        channels: 1 or 3.
        width: channels at half the side.
        batch_norm: whether batch norm follows every layer but the last.
        upsampling: whether sides are doubled by transposed convolutions, or by interpolation and a convolution.
        layers: that double the side; None for as many as lead down to 4 to 7 pixels.
    """

    def __init__(
        self,
        latent: int,
        size: int,
        channels: int,
        width: int,
        batch_norm: bool = True,
        upsampling: Upsampling = "transposed",
        layers: int | None = 2,
    ) -> None:
        super().__init__()
        widths = _widths(size, width, layers)[::-1]
        self.latent, self._base, self._widest = latent, size >> len(widths), widths[0]
        self._in_order = layers is not None
        # A transposed convolution of a 1×1 input is a linear map; as one it is faster.
        self.project = nn.Linear(latent, self._base**2 * widths[0], bias=not batch_norm)
        self.ups = nn.ModuleList(
            _doubling(wide, narrow, not batch_norm, upsampling) for wide, narrow in pairwise(widths)
        )
        self.norms = nn.ModuleList(norm_or_not(features, batch_norm) for features in widths)
        self.image = _to_image(width, channels, upsampling)

    def forward(self, latents: Tensor) -> Tensor:
        """Map float32 ``(N, latent)`` to images ``(N, C, H, W)`` in [−1, 1]."""
        x = self.project(latents).view(-1, self._base, self._base, self._widest).permute(0, 3, 1, 2)
        x = F.relu(self.norms[0](x), inplace=True)
        for up, norm in zip(self.ups, self.norms[1:], strict=True):
            x = F.relu(norm(up(x)), inplace=True)
        return torch.tanh(self.image(x))

    def drawn(self) -> Iterator[nn.Module]:
        """The modules in the order in which their weights are drawn, see `initialise`."""
        if not self._in_order:
            return self.modules()
        between = (module for pair in zip(self.ups, self.norms[1:], strict=True) for module in pair)
        return iter((self.project, self.norms[0], *between, self.image))


class Discriminator(nn.Module):
    """Images to one logit each: ``width`` channels at half the side, doubled with every halving.

    Args:
        size: side of the images in pixels, as the generator's.
        channels: 1 or 3.
        width: channels of the first layer.
        batch_norm: whether batch norm follows every convolution but the first.
        layers: that halve the side; None for as many as lead down to 4 to 7 pixels.
    """

    def __init__(self, size: int, channels: int, width: int, batch_norm: bool = True, layers: int | None = 2) -> None:
        super().__init__()
        widths = _widths(size, width, layers)
        self._in_order = layers is not None
        self.features = ToFeatures(width) if channels == 1 else nn.Conv2d(channels, width, 4, 2, 1)
        self.downs = nn.ModuleList(
            nn.Conv2d(narrow, wide, 4, 2, 1, bias=not batch_norm) for narrow, wide in pairwise(widths)
        )
        self.norms = nn.ModuleList(norm_or_not(features, batch_norm) for features in widths[1:])
        self.logit = nn.Linear((size >> len(widths)) ** 2 * widths[-1], 1)

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(N, C, H, W)`` in [−1, 1] to logits ``(N,)``."""
        return self.judged(self.embedded(images))

    def embedded(self, images: Tensor) -> Tensor:
        """Map images ``(N, C, H, W)`` in [−1, 1] to the features ``(N, F)`` that the last layer sees."""
        x = F.leaky_relu(self.features(images), 0.2, inplace=True)
        for down, norm in zip(self.downs, self.norms, strict=True):
            x = F.leaky_relu(norm(down(x)), 0.2, inplace=True)
        return x.permute(0, 2, 3, 1).flatten(1)

    def judged(self, features: Tensor) -> Tensor:
        """Map these features to logits ``(N,)``."""
        logits: Tensor = self.logit(features)
        return logits.squeeze(1)

    def drawn(self) -> Iterator[nn.Module]:
        """The modules in the order in which their weights are drawn, see `initialise`."""
        if not self._in_order:
            return self.modules()
        between = (module for pair in zip(self.downs, self.norms, strict=True) for module in pair)
        return iter((self.features, *between, self.logit))


def norm_or_not(channels: int, batch_norm: bool) -> nn.Module:
    """Return batch norm of the channels, or what changes nothing."""
    return nn.BatchNorm2d(channels) if batch_norm else nn.Identity()


@torch.no_grad()
def initialise(net: nn.Module, stream: torch.Generator) -> None:
    """Draw the DCGAN initialisation from a CPU generator: weights N(0, 0.02²), batch norm N(1, 0.02²), biases 0.

    Nets with a fixed number of layers are drawn from the first layer to the last, others with all their convolutions
    before their batch norms: so both were drawn when the first results were recorded.
    """
    for module in net.drawn() if isinstance(net, Generator | Discriminator) else net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear | nn.BatchNorm2d):
            centre = 1.0 if isinstance(module, nn.BatchNorm2d) else 0.0
            module.weight.copy_(centre + WEIGHT_DEVIATION * torch.randn(module.weight.shape, generator=stream))
            if module.bias is not None:
                module.bias.zero_()


def _doubling(inputs: int, outputs: int, bias: bool, upsampling: Upsampling) -> nn.Module:
    if upsampling == "resize":
        return ResizeConv2d(inputs, outputs, bias)
    return nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=bias)


def _to_image(width: int, channels: int, upsampling: Upsampling) -> nn.Module:
    if upsampling == "transposed" and channels == 1:
        return ToImage(width)
    return _doubling(width, channels, True, upsampling)


def _widths(size: int, width: int, layers: int | None) -> list[int]:
    """Channels at the half of the side, the quarter and so on."""
    if layers is not None:
        return [width << layer for layer in range(layers)]
    widths: list[int] = []
    while size % 2 == 0 and size >= 8:
        widths.append(min(width << len(widths), max(width, MAX_CHANNELS)))
        size //= 2
    return widths
