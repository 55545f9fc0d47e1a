"""What keeps both players tame, whatever the loss: R1, gradient penalty, weight clipping; path length.

Losses differ in scale, and Adam hardly sees it; a penalty beside the loss does. Its weight is therefore relative to the
loss's gradient scale: ten times a loss with the same settings gives ten times the penalty, and the same training. The
scale of D's penalties is the rms of D's loss gradient on small logits. That of G's penalty is the same of G's loss, of
which a loss may have ten times as much or as little: G's gradients are all that the penalty competes with.

Penalties are differentiated twice, and one at every step nearly doubles its time. A lazy one is taken every k-th step
only, and is k times as large (Karras et al., StyleGAN2, https://arxiv.org/abs/1912.04958, appendix B). It then has an
update of its own after that of the loss, for which Adam's rates are corrected
(`ganetic.gan.adam.AdamRates.with_lazy_term`).
"""

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from ganetic.config import Config
from ganetic.errors import UserError
from ganetic.gan.path_length import PathLength
from ganetic.gan.step import Images, Regularisation

Weight = Annotated[float, Field(ge=0)]
Every = Annotated[int, Field(ge=1)]

PATH_LENGTH_EVERY = 4
"""Steps of which one has the path length, unless a spec says otherwise: 8 in the paper, 4 in its published settings."""
LOGISTIC_SCALE = 0.3873
"""The gradient scale of the logistic loss (``bce``), for both players. StyleGAN2's weights are meant for it: divided by
it they are weights of a `RegulariserSpec`."""


def published_r1(size: int, batch: int) -> float:
    """The r1 that Karras et al. begin with, γ = 0.0002 · size² / batch, relative to the gradient scale.

    From ADA, https://arxiv.org/abs/2006.06676, appendix C.

    Args:
        size: side of the images in pixels.
        batch: images a step.
    """
    return 2e-4 * size**2 / batch / LOGISTIC_SCALE


class RegulariserSpec(Config):
    """Which regularisers are on; 0 is off."""

    r1: Weight = 0.0
    """Weight γ of γ/2 · E‖∇D(real)‖², relative to the loss's gradient scale. ADA begins with 0.0005 · side² / batch."""
    # Left out where they say nothing: what was stored without them stays what it was, and studies go on.
    r1_every: Annotated[Every, Field(exclude_if=lambda every: every == 1)] = 1
    """Steps of which one has R1, as many times as large; 16 in StyleGAN2. Above 1 R1 has an update of its own, and D's
    Adam has corrected rates."""
    gradient_penalty: Weight = 0.0
    """Weight λ of λ · E(‖∇D(between)‖ − 1)², relative to the loss's gradient scale. Not together with r1."""
    path_length: Annotated[Weight, Field(exclude_if=lambda weight: weight == 0)] = 0.0
    """Weight of E(‖Jᵀy‖ − a)² of G on half a batch, relative to the gradient scale of G's loss. StyleGAN2's is 5.2; for
    models without styles that is 2.6 / (log₂ side − 1)."""
    path_length_every: Annotated[Every, Field(exclude_if=lambda every: every == PATH_LENGTH_EVERY)] = PATH_LENGTH_EVERY
    """Steps of which one has the path length, as many times as large. Above 1 it has an update of its own, and G's Adam
    has corrected rates."""
    clip: Weight = 0.0
    """Largest absolute value of D's parameters as they are stored: with an equalised learning rate, before scaling."""

    @property
    def discriminator_every(self) -> int:
        """Steps of which one has a penalty of D that stands apart; 1 where none does."""
        return self.r1_every

    @property
    def generator_every(self) -> int:
        """Steps of which one has a penalty of G that stands apart; 1 where none does."""
        return self.path_length_every if self.path_length > 0 else 1

    @model_validator(mode="after")
    def _one_penalty(self) -> Self:
        if self.r1 and self.gradient_penalty:
            raise ValueError("r1 and gradient_penalty exclude each other; set one of them to 0")
        return self

    @model_validator(mode="after")
    def _nothing_is_not_lazy(self) -> Self:
        for name, usual in (("r1", 1), ("path_length", PATH_LENGTH_EVERY)):
            every = getattr(self, f"{name}_every")
            if every != usual and not getattr(self, name):
                raise ValueError(f"{name}_every is {every}, but {name} is 0; set {name}, or leave {name}_every out")
        return self


class Regulariser(Regularisation):
    """The regularisers of a spec for one loss.

    D's gradients are of the logits, which have not passed through the loss. In a critic whose logits depend on the
    batch (batch norm, minibatch standard deviation) they are of the sum of all logits. Of a pyramid each resolution is
    penalised for itself, and the penalties are averaged, as in MSG-GAN (https://arxiv.org/abs/1903.06048).

    Args:
        spec: what is on.
        gradient_scale: of the loss, as on a card or from `ganetic.loss.screen.gradient_scale`.
        stream: a CPU generator, drawn from by the gradient penalty alone.
        path_length: of G, as `path_length_of` makes it of the same spec.

    Raises:
        UserError: a penalty of D is on, and the loss has no gradient scale to weigh it by.
        ValueError: the spec has a path length, and none is given, or the other way round.
    """

    def __init__(
        self,
        spec: RegulariserSpec,
        gradient_scale: float,
        stream: torch.Generator,
        path_length: PathLength | None = None,
    ) -> None:
        if (spec.r1 > 0 or spec.gradient_penalty > 0) and not _is_scale(gradient_scale):
            raise UserError(
                f"the loss has a gradient scale of {gradient_scale:g}; r1 and gradient_penalty are relative to it and "
                "need a positive, finite one; set both to 0"
            )
        if (spec.path_length > 0) != (path_length is not None):
            raise ValueError(f"path_length is {spec.path_length}, and the one given is {path_length}")
        self._spec, self._scale, self._stream, self._path_length = spec, gradient_scale, stream, path_length
        self._calls = 0
        self.penalty_stands_apart = spec.discriminator_every > 1
        self.generator_penalty_stands_apart = spec.generator_every > 1

    def penalty(self, discriminator: nn.Module, real: Images, fake: Images) -> Tensor | None:
        """Return D's penalty, a float32 scalar whose gradients reach its parameters, or None: off, or not due.

        Args:
            discriminator: images to logits of any shape; of the logits of patches the gradient is of their sum.
            real: images ``(B, C, H, W)``, or a pyramid.
            fake: generated ones of the same shapes.
        """
        self._calls += 1
        if self._spec.r1 > 0:
            every = self._spec.r1_every
            return None if self._calls % every else every * self._spec.r1 * self._scale * _r1(discriminator, real)
        if self._spec.gradient_penalty > 0:
            between = _mixed(real, fake, self._stream)
            return self._spec.gradient_penalty * self._scale * _gradient_penalty(discriminator, between)
        return None

    def generator_penalty(self, generator: nn.Module, latents: Tensor) -> Tensor | None:
        """Return G's penalty as `PathLength.penalty` does, or None where it is off."""
        return None if self._path_length is None else self._path_length.penalty(generator, latents)

    def state(self) -> dict[str, Tensor]:
        """All state but that of streams, by name: empty where nothing is lazy, and path length is off."""
        path = {} if self._path_length is None else self._path_length.state()
        own = {"calls": torch.tensor(self._calls)} if self.penalty_stands_apart else {}
        return {**own, **{f"path_length.{name}": tensor for name, tensor in path.items()}}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` returned; other names are passed over.

        Raises:
            KeyError: it is of a regulariser of another spec.
        """
        if self.penalty_stands_apart:
            self._calls = int(state["calls"])
        if self._path_length is not None:
            self._path_length.load_state({name: state[f"path_length.{name}"] for name in self._path_length.state()})

    @torch.no_grad()
    def constrain(self, discriminator: nn.Module) -> None:
        """Clip D's parameters, where that is on: Arjovsky et al., https://arxiv.org/abs/1701.07875, algorithm 1."""
        if self._spec.clip > 0:
            for parameter in discriminator.parameters():
                parameter.clamp_(-self._spec.clip, self._spec.clip)


def path_length_of(
    spec: RegulariserSpec,
    gradient_scale: float,
    batch: int,
    stream: torch.Generator,
    part: Callable[[Tensor], Tensor] = lambda batch: batch,
    mean: Callable[[Tensor], Tensor] = lambda scalar: scalar,
) -> PathLength:
    """The path length of a spec that has one, for one loss.

    Args:
        spec: with a path length.
        gradient_scale: of G's loss, as `ganetic.loss.screen.generator_gradient_scale` has it.
        batch: images a step, over all processes.
        stream: a CPU generator, for it alone.
        part: this process's part of a batch ``(batch, …)``.
        mean: of a scalar over all processes.

    Raises:
        UserError: the loss has no gradient scale to weigh it by.
    """
    if not _is_scale(gradient_scale):
        raise UserError(
            f"the generator's loss has a gradient scale of {gradient_scale:g}; path_length is relative to it and needs "
            "a positive, finite one; set it to 0"
        )
    return PathLength(spec.path_length * gradient_scale, spec.path_length_every, batch, stream, part, mean)


def _is_scale(scale: float) -> bool:
    return math.isfinite(scale) and scale > 0


def _r1(discriminator: nn.Module, real: Images) -> Tensor:
    """½ E‖∇D(real)‖²: Mescheder et al., https://arxiv.org/abs/1801.04406, equation 9."""
    squares = [gradient.square().sum(1).mean() for gradient in _gradients(discriminator, real)]
    return torch.stack(squares).mean() / 2


def _gradient_penalty(discriminator: nn.Module, between: Images) -> Tensor:
    """E(‖∇D(between)‖ − 1)²: Gulrajani et al., https://arxiv.org/abs/1704.00028, equation 3."""
    # The derivative of the norm is defined as 0 at 0: a critic that does not look gives no NaN.
    norms = [torch.linalg.vector_norm(gradient, dim=1) for gradient in _gradients(discriminator, between)]
    return torch.stack([(norm - 1).square().mean() for norm in norms]).mean()


def _gradients(discriminator: nn.Module, images: Images) -> list[Tensor]:
    """Gradients ``(B, C·H·W)`` of each image's logit by it, at every resolution; they can be differentiated again."""
    batches = images if isinstance(images, tuple) else (images,)
    inputs = tuple(batch.detach().requires_grad_(True) for batch in batches)
    # Of torch's kernels of attention only the math one can be differentiated twice.
    with sdpa_kernel(SDPBackend.MATH), torch.autocast(inputs[0].device.type, enabled=False):
        logits = discriminator(inputs if isinstance(images, tuple) else inputs[0])
        gradients = torch.autograd.grad(logits.sum(), inputs, create_graph=True)
    return [gradient.flatten(1) for gradient in gradients]


def _mixed(real: Images, fake: Images, stream: torch.Generator) -> Images:
    """Random points between real and fake images; one weight for all resolutions of an image."""
    reals = real if isinstance(real, tuple) else (real,)
    fakes = fake if isinstance(fake, tuple) else (fake,)
    weight = torch.rand(len(reals[0]), 1, 1, 1, generator=stream).to(reals[0].device)
    # Under autocast generated images may be of another type than real ones.
    pairs = [(ours, theirs.to(ours.dtype)) for ours, theirs in zip(reals, fakes, strict=True)]
    mixed = tuple(torch.lerp(theirs, ours, weight.to(ours.dtype)) for ours, theirs in pairs)
    return mixed if isinstance(real, tuple) else mixed[0]
