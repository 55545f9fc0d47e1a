"""A small DCGAN: the nets of Radford et al. (https://arxiv.org/abs/1511.06434) with two strided layers each."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganetic.gan.grey import ToFeatures, ToImage
from ganetic.gan.resize import ResizeConv2d
from ganetic.gan.upsampling import Upsampling

SIZES = tuple(range(28, 65, 4))
"""Image sides that the two strided layers take: the nets work at a quarter, a half and the whole of the side."""


class Generator(nn.Module):
    """Latent vectors to images: side/4 with ``2 * width`` channels, side/2 with ``width``, then the image.

    Args:
        latent: length of a latent vector.
        size: side of the images in pixels, a multiple of 4.
        channels: 1 or 3.
        width: channels of the wider image layer.
        batch_norm: whether batch norm follows the first two layers.
        upsampling: whether sides are doubled by transposed convolutions, or by interpolation and a convolution.
    """

    def __init__(
        self,
        latent: int,
        size: int,
        channels: int,
        width: int,
        batch_norm: bool = True,
        upsampling: Upsampling = "transposed",
    ) -> None:
        super().__init__()
        self.latent, self._base, self._width = latent, size // 4, width
        # A transposed convolution of a 1×1 input is a linear map; as one it is faster.
        self.project = nn.Linear(latent, self._base**2 * 2 * width, bias=not batch_norm)
        self.norm1 = norm_or_not(2 * width, batch_norm)
        self.up1 = _doubling(2 * width, width, not batch_norm, upsampling)
        self.norm2 = norm_or_not(width, batch_norm)
        self.up2 = _doubling(width, channels, True, upsampling)

    def forward(self, latents: Tensor) -> Tensor:
        """Map float32 ``(N, latent)`` to images ``(N, C, H, W)`` in [−1, 1]."""
        x = self.project(latents).view(-1, self._base, self._base, 2 * self._width).permute(0, 3, 1, 2)
        x = F.relu(self.norm1(x), inplace=True)
        x = F.relu(self.norm2(self.up1(x)), inplace=True)
        return torch.tanh(self.up2(x))


class Discriminator(nn.Module):
    """Images to one logit each, through ``width`` channels at side/2 and ``2 * width`` at side/4.

    Args:
        size: side of the images in pixels, a multiple of 4.
        channels: 1 or 3.
        width: channels of the first layer.
        batch_norm: whether batch norm follows the second layer.
    """

    def __init__(self, size: int, channels: int, width: int, batch_norm: bool = True) -> None:
        super().__init__()
        self.down1 = ToFeatures(width) if channels == 1 else nn.Conv2d(channels, width, 4, 2, 1)
        self.down2 = nn.Conv2d(width, 2 * width, 4, 2, 1, bias=not batch_norm)
        self.norm2 = norm_or_not(2 * width, batch_norm)
        self.logit = nn.Linear((size // 4) ** 2 * 2 * width, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(N, C, H, W)`` in [−1, 1] to logits ``(N,)``."""
        x = F.leaky_relu(self.down1(images), 0.2, inplace=True)
        x = F.leaky_relu(self.norm2(self.down2(x)), 0.2, inplace=True)
        logits: Tensor = self.logit(x.permute(0, 2, 3, 1).flatten(1))
        return logits.squeeze(1)


def _doubling(inputs: int, outputs: int, bias: bool, upsampling: Upsampling) -> nn.Module:
    if upsampling == "resize":
        return ResizeConv2d(inputs, outputs, bias)
    if outputs == 1 and bias:
        return ToImage(inputs)
    return nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=bias)


def norm_or_not(channels: int, batch_norm: bool) -> nn.Module:
    """Return batch norm of the channels, or what changes nothing."""
    return nn.BatchNorm2d(channels) if batch_norm else nn.Identity()


@torch.no_grad()
def initialise(net: nn.Module, stream: torch.Generator) -> None:
    """Draw the DCGAN initialisation from a CPU generator: weights N(0, 0.02²), batch norm N(1, 0.02²), biases 0."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear | nn.BatchNorm2d):
            centre = 1.0 if isinstance(module, nn.BatchNorm2d) else 0.0
            module.weight.copy_(centre + 0.02 * torch.randn(module.weight.shape, generator=stream))
            if module.bias is not None:
                module.bias.zero_()
