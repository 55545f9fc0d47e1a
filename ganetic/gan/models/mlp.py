"""The fully connected GAN of the tutorials: Goodfellow et al., https://arxiv.org/abs/1406.2661, with leaky units."""

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from ganetic.gan.model import MODELS, ModelSpec, Nets, Width

SLOPE = 0.2
"""Slope of the leaky rectifiers where they leak."""


class Generator(nn.Module):
    """Latent vectors to images, through layers of ``width``, ``2 * width`` and ``4 * width`` units.

    Args:
        latent: length of a latent vector.
        size: side of the images in pixels.
        channels: 1 or 3.
        width: units of the first hidden layer.
    """

    def __init__(self, latent: int, size: int, channels: int, width: int) -> None:
        super().__init__()
        self._shape = (channels, size, size)
        self.layers = _layers(latent, width, 2 * width, 4 * width, channels * size**2)

    def forward(self, latents: Tensor) -> Tensor:
        """Map float32 ``(N, latent)`` to images ``(N, C, H, W)`` in [−1, 1]."""
        return torch.tanh(self.layers(latents)).view(-1, *self._shape)


class Discriminator(nn.Module):
    """Images to one logit each, through layers of ``4 * width`` and ``2 * width`` units.

    Args:
        size: side of the images in pixels.
        channels: 1 or 3.
        width: half the units of the last hidden layer.
    """

    def __init__(self, size: int, channels: int, width: int) -> None:
        super().__init__()
        self.layers = _layers(channels * size**2, 4 * width, 2 * width, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(N, C, H, W)`` in [−1, 1] to logits ``(N,)``."""
        logits: Tensor = self.layers(images.flatten(1))
        return logits.squeeze(1)


def _layers(*units: int) -> nn.Sequential:
    linear = [nn.Linear(inputs, outputs) for inputs, outputs in pairwise(units)]
    hidden = [module for layer in linear[:-1] for module in (layer, nn.LeakyReLU(SLOPE))]
    return nn.Sequential(*hidden, linear[-1])


@torch.no_grad()
def initialise(net: nn.Module, stream: torch.Generator) -> None:
    """Draw He's initialisation (https://arxiv.org/abs/1502.01852) from a CPU generator; biases are 0."""
    for module in net.modules():
        if isinstance(module, nn.Linear):
            nn.init.kaiming_normal_(module.weight, SLOPE, generator=stream)
            module.bias.zero_()


@MODELS.register("mlp")
class Mlp(ModelSpec):
    """Fully connected nets, for images of any size."""

    name: Literal["mlp"] = "mlp"
    width: Width = 128
    """Units of the generator's first layer."""

    def nets(self, size: int, channels: int) -> Nets:
        """Make both nets."""
        return Nets(Generator(self.latent, size, channels, self.width), Discriminator(size, channels, self.width))

    def initialise(self, net: nn.Module, stream: torch.Generator) -> None:
        """Draw He's initialisation."""
        initialise(net, stream)
