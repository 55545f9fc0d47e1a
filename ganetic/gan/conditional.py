"""GANs that are told the class of each image: a generator with an embedding, a discriminator with a projection.

Miyato & Koyama, cGANs with Projection Discriminator, https://arxiv.org/abs/1802.05637: the logit of an image x of class
y is ψ(φ(x)) + ⟨embed(y), φ(x)⟩. φ are the features that the net has before its last layer ψ, so that every
discriminator with such a layer can be told classes, and every loss of logits trains it.

A conditional net takes labels beside what an unconditional one takes. `given` tells a net the labels of a batch, and
returns what behaves as an unconditional net: steps, penalties and augmentation need not know that there are classes.
"""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from ganetic.gan.step import Images

EMBEDDED = 32
"""Length of a class's vector where it joins a latent vector."""


class ClassEmbedding(nn.Embedding):
    """A learnt vector for each class.

    Args:
        classes: number of classes.
        length: of a vector.
        deviation: of the numbers as they are drawn.
    """

    def __init__(self, classes: int, length: int, deviation: float = 1.0) -> None:
        super().__init__(classes, length)
        self.drawn_deviation = deviation


@torch.no_grad()
def draw_embeddings(net: nn.Module, stream: torch.Generator) -> None:
    """Draw every `ClassEmbedding` of a net from a CPU generator."""
    for module in net.modules():
        if isinstance(module, ClassEmbedding):
            nn.init.normal_(module.weight, 0.0, module.drawn_deviation, generator=stream)


class ConcatenatingGenerator(nn.Module):
    """A generator whose latent vectors have the vector of a class behind them.

    Args:
        net: latents ``(N, latent + EMBEDDED)`` to images.
        classes: number of classes.
    """

    def __init__(self, net: nn.Module, classes: int) -> None:
        super().__init__()
        self.net, self.embed = net, ClassEmbedding(classes, EMBEDDED)

    def forward(self, latents: Tensor, labels: Tensor) -> Images:
        """Map float32 ``(N, latent)`` and int64 ``(N,)`` to images in [−1, 1]."""
        images: Images = self.net(torch.cat([latents, self.embed(labels)], 1))
        return images


class FeatureDiscriminator(Protocol):
    """A discriminator in two parts."""

    def embedded(self, images: Tensor) -> Tensor:
        """Map images ``(N, C, H, W)`` to features ``(N, F)``: φ."""

    def judged(self, features: Tensor) -> Tensor:
        """Map features ``(N, F)`` to logits ``(N,)``: ψ."""


class ProjectionDiscriminator(nn.Module):
    """A discriminator that also looks whether an image is one of its class.

    Args:
        net: φ and ψ.
        features: number F of features.
        classes: number of classes.
        deviation: of the classes' vectors as they are drawn.
        scale: of the inner product in every forward pass, as equalised learning rates have it.
    """

    def __init__(
        self, net: FeatureDiscriminator, features: int, classes: int, deviation: float, scale: float = 1.0
    ) -> None:
        super().__init__()
        self.net, self.embed, self._scale = net, ClassEmbedding(classes, features, deviation), scale

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Map images ``(N, C, H, W)`` in [−1, 1] and int64 ``(N,)`` to logits ``(N,)``."""
        features = self.net.embedded(images)
        return self.net.judged(features) + self._scale * (self.embed(labels) * features).sum(1)


@runtime_checkable
class ConditionalStyled(Protocol):
    """A conditional `ganetic.gan.path_length.StyledGenerator`."""

    def with_styles(self, latents: Tensor, labels: Tensor) -> tuple[Tensor, Images]:
        """Return styles and the images that are made of them."""


class Given(nn.Module):
    """A conditional net for one batch, whose classes it was told: it takes what an unconditional net takes.

    Args:
        net: takes labels.
        labels: int64 ``(N,)`` of the batch, on the net's device.
    """

    def __init__(self, net: nn.Module, labels: Tensor) -> None:
        super().__init__()
        self.net, self._labels = net, labels

    def forward(self, batch: Images) -> Images:
        """Map latents to images, or images to logits, of the batch's classes."""
        found: Images = self.net(batch, self._labels)
        return found

    def of(self, members: Tensor) -> nn.Module:
        """Return the net for some images of the batch.

        Args:
            members: their places, int64 ``(n,)``.
        """
        return given(self.net, self._labels[members.to(self._labels.device)])


class GivenStyled(Given):
    """The same of a generator with styles."""

    def with_styles(self, latents: Tensor) -> tuple[Tensor, Images]:
        """Return the styles of latents ``(N, latent)``, and the images that these make."""
        assert isinstance(self.net, ConditionalStyled)
        return self.net.with_styles(latents, self._labels)


def given(net: nn.Module, labels: Tensor | None) -> nn.Module:
    """Tell a net the classes of a batch.

    Args:
        net: conditional where there are labels.
        labels: int64 ``(N,)``, on the net's device; None where there are no classes.

    Returns:
        What takes the batch without them; the net itself where there are none.
    """
    if labels is None:
        return net
    return (GivenStyled if isinstance(net, ConditionalStyled) else Given)(net, labels)
