"""The DCGAN as a model of a full training: strided convolutions, one for every halving of the side."""

from typing import Literal

import torch
from torch import nn

from ganetic.gan import dcgan
from ganetic.gan.conditional import EMBEDDED, ConcatenatingGenerator, ProjectionDiscriminator
from ganetic.gan.model import MODELS, ModelSpec, Nets, Width


@MODELS.register("dcgan")
class Dcgan(ModelSpec):
    """Strided convolutions; its nets are those of `ganetic.gan.dcgan`, with as many layers as the side allows."""

    sizes = dcgan.DEEP_SIZES

    name: Literal["dcgan"] = "dcgan"
    width: Width = 32
    """Channels of the features at half the side."""
    batch_norm: bool = True
    """Batch norm in both nets."""

    def nets(self, size: int, channels: int) -> Nets:
        """Make both nets."""
        return Nets(self._generator(self.latent, size, channels), self._discriminator(size, channels))

    def conditional_nets(self, size: int, channels: int, classes: int) -> Nets:
        """Make both nets: the vector of a class joins the latent vector, and a projection the logit."""
        judge = self._discriminator(size, channels)
        return Nets(
            ConcatenatingGenerator(self._generator(self.latent + EMBEDDED, size, channels), classes),
            ProjectionDiscriminator(judge, judge.logit.in_features, classes, dcgan.WEIGHT_DEVIATION),
        )

    def initialise(self, net: nn.Module, stream: torch.Generator) -> None:
        """Draw the paper's initialisation."""
        dcgan.initialise(net, stream)

    def _generator(self, latent: int, size: int, channels: int) -> dcgan.Generator:
        return dcgan.Generator(latent, size, channels, self.width, self.batch_norm, layers=None)

    def _discriminator(self, size: int, channels: int) -> dcgan.Discriminator:
        return dcgan.Discriminator(size, channels, self.width, self.batch_norm, layers=None)
