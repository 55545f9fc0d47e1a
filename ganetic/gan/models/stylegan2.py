"""StyleGAN2: Karras et al., https://arxiv.org/abs/1912.04958.

Settings are those for small sets of the paper on adaptive augmentation, https://arxiv.org/abs/2006.06676.

A mapping network turns a latent vector into a style, which modulates every convolution of the generator. Each side from
4 up adds its image to the enlarged one of the side below (skips); the discriminator's blocks are residual.

What differs from the papers:
- The sum of images passes through tanh, since images lie in [−1, 1] here.
- Noise, the second latent vector of style mixing and the layer where it takes over are not drawn from a stream. They
  follow from the latent vector (`ganetic.gan.latent_noise`), so that an image is a function of its latent
  vector in trainings, too. A training on fresh vectors does not see the difference.
- Groups of the minibatch standard deviation are of neighbours, and of more than 4 images where 4 does not divide the
  batch.
- For truncation the mean style is measured when it is asked for, not averaged along the training.
- A class's vector and the latent vector, each divided by its rms, enter the mapping network side by side, as in the
  paper on adaptive augmentation. Its discriminator maps classes by a network of its own; here it has the projection of
  `ganetic.gan.conditional`. Truncation leads to the mean style of the image's class.
"""

import math
from itertools import pairwise
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from ganetic.gan.conditional import ClassEmbedding, ProjectionDiscriminator
from ganetic.gan.latent_noise import normal, seeds_of, uniform
from ganetic.gan.model import MODELS, ModelSpec, Nets
from ganetic.gan.modulation import GAIN, ModulatedConv2d, StyledLayer
from ganetic.gan.progressive import SLOPE, MinibatchStddev, PixelNorm, ScaledConv2d, ScaledLinear, initialise
from ganetic.gan.upfirdn import downsampled, smoothed, upsampled
from ganetic.reproducible import random_stream

SIZES = (32, 64, 128, 256)
COARSEST = 4
"""Side of the coarsest features."""
MAPPING_RATE = 0.01
"""Learning rate of the mapping network, as a share of that of the other layers."""
GROUP = 4
"""Images of a group whose deviation the discriminator sees."""
MEAN_OF = 10_000
"""Latent vectors that the mean style is of."""

_NOISE, _PARTNER, _CROSSOVER = range(3)
"""Uses of random numbers that follow from a latent vector."""


def sides_to(size: int) -> tuple[int, ...]:
    """Sides of the features, the coarsest first: ``(4, 8, …, size)``."""
    return tuple(COARSEST << level for level in range((size // COARSEST).bit_length()))


class ConditionalMapping(nn.Module):
    """The mapping network of latent vectors and classes.

    Args:
        latent: length of a latent vector, of a class's vector and of a style.
        layers: of the network.
        classes: number of classes.
    """

    def __init__(self, latent: int, layers: int, classes: int) -> None:
        super().__init__()
        self.embed, self.norm = ClassEmbedding(classes, latent), PixelNorm()
        self.layers = nn.Sequential(*_rectified(2 * latent, latent, layers))

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Map float32 ``(N, latent)`` and int64 ``(N,)`` to styles ``(N, latent)``."""
        styles: Tensor = self.layers(torch.cat([self.norm(latents), self.norm(self.embed(labels))], 1))
        return styles

    def mean_styles(self, latents: Tensor) -> Tensor:
        """Return the mean style of every class over the latents ``(N, latent)``, ``(classes, latent)``."""
        labels = torch.arange(self.embed.num_embeddings, device=latents.device)
        return torch.stack([self(latents, label.expand(len(latents))).mean(0) for label in labels])


def _rectified(inputs: int, latent: int, layers: int) -> list[nn.Module]:
    """Layers of a mapping network, each with its rectifier."""
    widths = [inputs, *[latent] * layers]
    linear = [ScaledLinear(*pair, MAPPING_RATE, GAIN) for pair in pairwise(widths)]
    return [module for layer in linear for module in (layer, nn.LeakyReLU(SLOPE))]


class Generator(nn.Module):
    """Latent vectors to images, each a function of its vector alone, or of its vector and its class.

    Args:
        latent: length of a latent vector and of a style.
        channels: of the images, 1 or 3.
        sides: of the features, the coarsest first.
        widths: channels of the features at these sides.
        mapping_layers: of the mapping network.
        style_mixing: share of the images that have two styles, while the net trains.
        classes: number of classes; of a net that has any every method takes labels, of another none does.
    """

    def __init__(
        self,
        latent: int,
        channels: int,
        sides: tuple[int, ...],
        widths: list[int],
        mapping_layers: int = 2,
        style_mixing: float = 0.0,
        classes: int = 0,
    ) -> None:
        super().__init__()
        self.latent, self._sides, self._style_mixing = latent, sides, style_mixing
        self._towards: tuple[Tensor, float] | None = None
        self.mapping: nn.Module = (
            ConditionalMapping(latent, mapping_layers, classes)
            if classes
            else nn.Sequential(PixelNorm(), *_rectified(latent, latent, mapping_layers))
        )
        self.constant = nn.Parameter(torch.zeros(1, widths[0], COARSEST, COARSEST))
        self.firsts = nn.ModuleList(StyledLayer(latent, *pair, doubles=True) for pair in pairwise(widths))
        self.seconds = nn.ModuleList(StyledLayer(latent, width, width) for width in widths)
        self.to_image = nn.ModuleList(
            ModulatedConv2d(latent, width, channels, 1, demodulated=False) for width in widths
        )

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map float32 ``(N, latent)`` to images ``(N, C, H, W)`` in [−1, 1], of the classes int64 ``(N,)``."""
        return self.with_styles(latents, labels)[1]

    def with_styles(self, latents: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the styles ``(N, layers, latent)`` of latents ``(N, latent)``, and the images that these make."""
        styles = self.styles(latents, labels)
        return styles, self.rendered(styles, latents)

    def styles(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the style of every layer, ``(N, layers, latent)``; while the net trains some images have two."""
        style = self._mapped(latents, labels)
        if self._towards is not None:
            mean, share = self._towards
            style = torch.lerp(mean if labels is None else mean[labels], style, share)
        styles = style[:, None].expand(-1, 2 * len(self._sides), -1)
        return self._mixed(styles, latents, labels) if self.training and self._style_mixing else styles

    def _mapped(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        """One style an image, ``(N, latent)``."""
        style: Tensor = self.mapping(latents) if labels is None else self.mapping(latents, labels)
        return style

    def rendered(self, styles: Tensor, latents: Tensor) -> Tensor:
        """Map styles ``(N, layers, latent)``, and latents for the noise, to images ``(N, C, H, W)`` in [−1, 1].

        The layer that makes the image of a side has the style of the first layer of the next side.
        """
        style, noise = styles.unbind(1), self.noise(latents)
        features = self.constant.expand(styles.shape[0], -1, -1, -1)
        features = self.seconds[0](features, style[0], noise[0])
        image = self.to_image[0](features, style[1])
        for level in range(1, len(self._sides)):
            place = 2 * level
            features = self.firsts[level - 1](features, style[place - 1], noise[place - 1])
            features = self.seconds[level](features, style[place], noise[place])
            image = upsampled(image) + self.to_image[level](features, style[place + 1])
        return torch.tanh(image)

    def noise(self, latents: Tensor) -> list[Tensor]:
        """Return the noise of every convolution of 3×3, float32 ``(N, 1, H, W)``: one at side 4, two at each other."""
        sides = [side for side in self._sides for _ in range(2)][1:]
        drawn = normal(seeds_of(latents, _NOISE), sum(side**2 for side in sides))
        parts = torch.split(drawn, [side**2 for side in sides], 1)
        return [part.view(-1, 1, side, side) for part, side in zip(parts, sides, strict=True)]

    @torch.no_grad()
    def truncate(self, truncation: float) -> None:
        """Move all styles towards their mean from now on: 1 leaves them, 0 gives every image the mean (of its class).

        The truncation trick of Karras et al., https://arxiv.org/abs/1812.04948, appendix B.
        """
        latents = torch.randn(MEAN_OF, self.latent, generator=random_stream(0, "mean style")).to(self.constant)
        told = isinstance(self.mapping, ConditionalMapping)
        mean = self.mapping.mean_styles(latents) if told else self.mapping(latents).mean(0)
        self._towards = (mean, truncation)

    def _mixed(self, styles: Tensor, latents: Tensor, labels: Tensor | None) -> Tensor:
        """Some images' styles, with those of a second latent vector from a random layer on (section 3.1 there)."""
        layers = styles.shape[1]
        partners = normal(seeds_of(latents, _PARTNER), latents.shape[1])
        chance, place = uniform(seeds_of(latents, _CROSSOVER), 2).unbind(1)
        crossover = 1 + (place * (layers - 1)).long()
        crossover = torch.where(chance < self._style_mixing, crossover, layers)
        is_other = torch.arange(layers, device=latents.device) >= crossover[:, None]
        return torch.where(is_other[..., None], self._mapped(partners.to(latents.dtype), labels)[:, None], styles)


class RectifiedConv2d(ScaledConv2d):
    """A convolution and a leaky rectifier.

    Args:
        inputs: channels that come.
        outputs: channels that go.
        kernel: side of the kernel.
        padding: pixels of padding.
        gain: of what comes out.
        halves: whether the sides are halved, behind a filter.
        equalised: whether weights are scaled at run time.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        padding: int = 0,
        gain: float = GAIN,
        halves: bool = False,
        equalised: bool = True,
    ) -> None:
        super().__init__(inputs, outputs, kernel, padding, gain=1, equalised=equalised)
        self._around, self._gain, self._halves = padding, gain, halves

    def forward(self, input: Tensor) -> Tensor:
        """Map ``(N, inputs, H, W)`` to ``(N, outputs, H', W')``."""
        assert self.bias is not None
        weight, bias = self.weight * (self.scale * self._gain), self.bias * self._gain
        if self._halves:
            convolved = F.conv2d(smoothed(input, 1 + self._around), weight, bias, stride=2)
        else:
            convolved = F.conv2d(input, weight, bias, padding=self._around)
        return F.leaky_relu(convolved, SLOPE)


class Block(nn.Module):
    """Two convolutions that halve the sides.

    Args:
        inputs: channels that come.
        outputs: channels that go.
        residual: whether what comes is added to what goes, halved and projected.
        equalised: whether weights are scaled at run time.
    """

    def __init__(self, inputs: int, outputs: int, residual: bool, equalised: bool) -> None:
        super().__init__()
        # Of two sums of variance 1, each is added with variance 1/2.
        share = math.sqrt(0.5) if residual else 1.0
        self.first = RectifiedConv2d(inputs, inputs, 3, 1, equalised=equalised)
        self.second = RectifiedConv2d(inputs, outputs, 3, 1, GAIN * share, halves=True, equalised=equalised)
        skip = ScaledConv2d(inputs, outputs, 1, gain=share, bias=False, equalised=equalised)
        self.skip = skip if residual else None

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(N, inputs, H, W)`` to ``(N, outputs, H / 2, W / 2)``."""
        halved: Tensor = self.second(self.first(features))
        return halved if self.skip is None else halved + self.skip(downsampled(features))


class Discriminator(nn.Module):
    """Images to one logit each.

    Args:
        channels: of the images, 1 or 3.
        widths: channels of the features at sides 4, 8 and so on, up to that of the images.
        residual: whether blocks are residual.
        minibatch_stddev: whether the last block also sees how much groups of images vary.
        equalised: equalised learning rate.
    """

    def __init__(
        self,
        channels: int,
        widths: list[int],
        residual: bool = True,
        minibatch_stddev: bool = True,
        equalised: bool = True,
    ) -> None:
        super().__init__()
        coarsest, falling = widths[0], widths[::-1]
        self.from_image = RectifiedConv2d(channels, falling[0], 1, equalised=equalised)
        self.blocks = nn.Sequential(*(Block(*pair, residual, equalised) for pair in pairwise(falling)))
        self.stddev = MinibatchStddev(GROUP) if minibatch_stddev else nn.Identity()
        self.last = RectifiedConv2d(coarsest + int(minibatch_stddev), coarsest, 3, 1, equalised=equalised)
        self.gather = RectifiedConv2d(coarsest, coarsest, COARSEST, equalised=equalised)
        self.logit = ScaledConv2d(coarsest, 1, 1, gain=1, equalised=equalised)

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(N, C, H, W)`` in [−1, 1] to logits ``(N,)``."""
        return self.judged(self.embedded(images))

    def embedded(self, images: Tensor) -> Tensor:
        """Map images ``(N, C, H, W)`` in [−1, 1] to the features ``(N, F)`` that the last layer sees."""
        features = self.blocks(self.from_image(images))
        gathered: Tensor = self.gather(self.last(self.stddev(features)))
        return gathered.flatten(1)

    def judged(self, features: Tensor) -> Tensor:
        """Map these features to logits ``(N,)``."""
        logits: Tensor = self.logit(features[:, :, None, None])
        return logits.flatten()


@MODELS.register("stylegan2")
class StyleGan2(ModelSpec):
    """Style-based nets. With spectral norm the discriminator has no equalised learning rate, which it would undo."""

    sizes = SIZES

    name: Literal["stylegan2"] = "stylegan2"
    width: Annotated[int, Field(ge=1, le=1024)] = 16
    """Channels of the features at the finest side; they double with every halving, up to `max_channels`. The paper's
    number is 16384 / side."""
    max_channels: Annotated[int, Field(ge=1, le=1024)] = 512
    """The most channels at any side."""
    mapping_layers: Annotated[int, Field(ge=1, le=16)] = 2
    """Layers of the mapping network: 8 in the paper, 2 for small sets."""
    depth: Literal["full", "small"] = "full"
    """"small" is the least recipe, for small images: no residuals in the discriminator, and no style mixing by
    default."""
    style_mixing: Annotated[float, Field(ge=0, le=1)] = 0.9
    """Share of the training's generated images that have two styles; 0.9 in the paper, 0 by default where the depth is
    "small"."""
    minibatch_stddev: bool = True
    """The discriminator sees how much groups of images vary."""

    def nets(self, size: int, channels: int) -> Nets:
        """Make both nets."""
        return Nets(self._generator(size, channels), self._discriminator(size, channels))

    def conditional_nets(self, size: int, channels: int, classes: int) -> Nets:
        """Make both nets: the mapping network takes the vector of a class as well, and a projection joins the logit."""
        features = self._widths(size)[0]
        deviation = 1 / math.sqrt(features)
        deviation, scale = (deviation, 1.0) if self.spectral_norm else (1.0, deviation)
        judge = self._discriminator(size, channels)
        return Nets(
            self._generator(size, channels, classes),
            ProjectionDiscriminator(judge, features, classes, deviation, scale),
        )

    def initialise(self, net: nn.Module, stream: torch.Generator) -> None:
        """Draw weights of deviation 1, which are scaled at run time, and the generator's constant."""
        initialise(net, stream)
        if isinstance(net, Generator):
            nn.init.normal_(net.constant, generator=stream)

    def _widths(self, size: int) -> list[int]:
        """Channels of the features at sides 4, 8 and so on."""
        return [min(self.width * (size // side), self.max_channels) for side in sides_to(size)]

    def _generator(self, size: int, channels: int, classes: int = 0) -> Generator:
        image, mapping = (channels, sides_to(size), self._widths(size)), (self.mapping_layers, self.style_mixing)
        return Generator(self.latent, *image, *mapping, classes)

    def _discriminator(self, size: int, channels: int) -> Discriminator:
        residual, equalised = self.depth == "full", not self.spectral_norm
        return Discriminator(channels, self._widths(size), residual, self.minibatch_stddev, equalised)

    @model_validator(mode="before")
    @classmethod
    def _unmixed_where_small(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("depth") == "small" and data.get("style_mixing") is None:
            return {**data, "style_mixing": 0.0}
        return data
