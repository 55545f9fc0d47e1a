"""What an encoder maps images to: the vectors of a generator from which they are made again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from ganetic.gan.step import Images
from ganetic.reproducible import random_stream

MEAN_OF = 10_000
"""Latent vectors whose styles tell the centre and the scale of styles."""


@runtime_checkable
class Styled(Protocol):
    """A generator that maps latents to styles first, and makes images of styles, as `stylegan2` does."""

    def styles(self, latents: Tensor) -> Tensor:
        """Return the style of every layer, ``(N, layers, length)``."""

    def rendered(self, styles: Tensor, latents: Tensor) -> Tensor:
        """Make images of styles, and of latents for the noise."""


@dataclass(frozen=True, eq=False)
class CodeSpace:
    """Where codes lie, and how images are made of them.

    Attributes:
        centre: float32 ``(length,)``, the code that an encoder begins with.
        scale: how far codes lie apart, of each coordinate.
        render: codes ``(N, length)`` to images in [−1, 1] or, in msg-*, to a pyramid of them; gradients pass.
    """

    centre: Tensor
    scale: float
    render: Callable[[Tensor], Images]


def code_space(generator: nn.Module, latent: int, device: str = "cpu") -> CodeSpace:
    """Return the codes of a generator: its latent vectors or, where it has styles, its styles.

    Styles, because the mapping to them begins with pixel norm, so that many latent vectors make one image and none is
    the right one; and because here noise follows from the latent vector, so that every step towards a better vector
    would draw other noise, through which no gradient passes. With styles the noise is held: that of the latent vector
    of zeros. All layers have one style. With one for each layer (W+) images that are far from the training's are made
    again as well (Abdal et al., Image2StyleGAN, https://arxiv.org/abs/1904.03189), anomalies among them.

    Args:
        generator: in evaluation mode, on the device.
        latent: length of its latent vectors.
        device: where it is.
    """
    if not isinstance(generator, Styled):
        return CodeSpace(torch.zeros(latent, device=device), 1.0, generator)
    latents = torch.randn(MEAN_OF, latent, generator=random_stream(0, "mean style")).to(device)
    with torch.no_grad():
        styles = generator.styles(latents)
    layers, own = styles.shape[1], styles[:, 0]
    held = torch.zeros(1, latent, device=device)

    def render(codes: Tensor) -> Tensor:
        count = len(codes)
        return generator.rendered(codes[:, None].expand(-1, layers, -1), held.expand(count, -1))

    return CodeSpace(own.mean(0), float(own.std(0).mean()), render)
