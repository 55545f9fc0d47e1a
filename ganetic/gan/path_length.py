"""Path-length regularisation of a generator: steps of one length among its styles change images by one length.

Karras et al., StyleGAN2, https://arxiv.org/abs/1912.04958, section 3.2 and appendix B, equation 4: the penalty is
E(‖Jᵀy‖ − a)², where J is the Jacobian of an image by its style, y is Gaussian noise in place of the image, and a is a
running mean of the lengths ‖Jᵀy‖.

What the paper leaves open, or what is ours:

- Noise is divided by the root of an image's pixels, so that lengths mean the same at every resolution.
- A generator with a style for each layer has the rms over its layers for a length. The weight 2 is then the paper's
  ln 2 / (ln r − ln 2) at every side r, because StyleGAN2 has 2 log₂ r − 2 layers, as far as what they add to the length
  is independent. A generator without styles takes the latent vector for its one style, and the paper's weight is
  1 / (log₂ r − 1).
- A pyramid is one image: the noise of each of its L levels is divided by √L as well, so that all levels count alike.
- a is the plain mean of the first hundred lengths and has the decay rate 0.99 from there on. Begun at 0 it would first
  pull all lengths down, for as long as a short training lasts.
"""

import math
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from ganetic.gan.step import Images

DECAY = 0.99
"""Decay rate of the running mean of the lengths."""


@runtime_checkable
class StyledGenerator(Protocol):
    """A generator that makes images of styles, and says of which ones."""

    def with_styles(self, latents: Tensor) -> tuple[Tensor, Images]:
        """Return the styles of latents ``(N, latent)``, and the images that are made of these, with the graph between.

        Styles are one an image ``(N, W)``, or one for each layer ``(N, layers, W)``.
        """


@runtime_checkable
class BatchGenerator(Protocol):
    """A generator of one batch, of whose images it knows more than latent vectors, such as their classes."""

    def of(self, members: Tensor) -> nn.Module:
        """Return the generator of some images of the batch, at the places ``(n,)``."""


def _whole(tensor: Tensor) -> Tensor:
    return tensor


class PathLength:
    """The penalty of one training, and the running mean that it keeps.

    It is taken of every other latent vector of the batch: half of it, whatever the number of processes.

    Args:
        weight: of the penalty.
        every: calls of which one has a penalty, `every` times as large.
        batch: images a step, over all processes.
        stream: a CPU generator of the noise, drawn from where there is a penalty alone.
        part: this process's part of a batch ``(batch, …)``.
        mean: of a scalar over all processes.
    """

    def __init__(
        self,
        weight: float,
        every: int,
        batch: int,
        stream: torch.Generator,
        part: Callable[[Tensor], Tensor] = _whole,
        mean: Callable[[Tensor], Tensor] = _whole,
    ) -> None:
        own = part(torch.arange(batch))
        chosen = own[own % 2 == 0]
        self._weight, self._every, self._stream, self._mean_over = weight * every, every, stream, mean
        self._half = (batch + 1) // 2
        self._own, self._rows = chosen - own[0], chosen // 2
        # The sum over a process's lengths times this is a mean over the half batch, once processes are averaged.
        self._share = batch / len(own) / self._half
        self._calls, self._mean = 0, torch.zeros(())

    def penalty(self, generator: nn.Module, latents: Tensor) -> Tensor | None:
        """Return the penalty, a float32 scalar whose gradients reach G's parameters, or None where it is not due.

        Of several processes the mean of their penalties is that of the half batch.

        Args:
            generator: latents to images or to a pyramid; by its styles where it is a `StyledGenerator`.
            latents: this process's ``(n, latent)`` of the batch.
        """
        self._calls += 1
        if self._calls % self._every:
            return None
        own = generator.of(self._own) if isinstance(generator, BatchGenerator) else generator
        lengths = self._lengths(own, latents[self._own.to(latents.device)])
        self._follow(self._mean_over(self._share * lengths.detach().sum()))
        return self._weight * self._share * (lengths - self._mean).square().sum()

    def state(self) -> dict[str, Tensor]:
        """The running mean, and how often the penalty was asked for."""
        return {"mean": self._mean, "calls": torch.tensor(self._calls)}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Take over what `state` returned.

        Raises:
            KeyError: it is something else.
        """
        self._mean, self._calls = state["mean"], int(state["calls"])

    def _lengths(self, generator: nn.Module, latents: Tensor) -> Tensor:
        # As for R1: only the math kernel of attention can be differentiated twice, and lengths are float32's.
        with sdpa_kernel(SDPBackend.MATH), torch.autocast(latents.device.type, enabled=False):
            styles, images = _made(generator, latents)
            levels = images if isinstance(images, tuple) else (images,)
            seen = [(level * self._noise(level, len(levels))).sum() for level in levels]
            (gradient,) = torch.autograd.grad(torch.stack(seen).sum(), styles, create_graph=True)
        layers = gradient.shape[1] if gradient.dim() == 3 else 1
        # The derivative of the norm is defined as 0 at 0.
        lengths: Tensor = torch.linalg.vector_norm(gradient.flatten(1), dim=1)
        return lengths / math.sqrt(layers)

    def _noise(self, level: Tensor, levels: int) -> Tensor:
        """Noise of the whole half batch, of which the process takes its rows: all draw the same."""
        _, channels, height, width = level.shape
        noise = torch.randn(self._half, channels, height, width, generator=self._stream)
        return noise[self._rows].to(level) / math.sqrt(height * width * levels)

    def _follow(self, length: Tensor) -> None:
        share = max(1 - DECAY, self._every / self._calls)
        self._mean = torch.lerp(self._mean.to(length), length, share)


def _made(generator: nn.Module, latents: Tensor) -> tuple[Tensor, Images]:
    """What lengths are by, and the images of it."""
    if isinstance(generator, StyledGenerator):
        return generator.with_styles(latents)
    own = latents.detach().requires_grad_(True)
    images: Images = generator(own)
    return own, images
