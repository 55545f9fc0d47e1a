"""What keeps the discriminator tame, whatever the loss: R1, gradient penalty, weight clipping.

Losses differ in scale, and Adam hardly sees it; a penalty beside the loss does. Its weight is therefore relative to the
loss's gradient scale (the rms of D's loss gradient on small logits): ten times a loss with the same settings gives ten
times the penalty, and the same training.
"""

import math
from typing import Annotated, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from ganetic.config import Config
from ganetic.errors import UserError
from ganetic.gan.step import Images

Weight = Annotated[float, Field(ge=0)]


class RegulariserSpec(Config):
    """Which regularisers of the discriminator are on; 0 is off."""

    r1: Weight = 0.0
    """Weight γ of γ/2 · E‖∇D(real)‖², relative to the loss's gradient scale."""
    gradient_penalty: Weight = 0.0
    """Weight λ of λ · E(‖∇D(between)‖ − 1)², relative to the loss's gradient scale. Not together with r1."""
    clip: Weight = 0.0
    """Largest absolute value of D's parameters as they are stored: with an equalised learning rate, before scaling."""

    @model_validator(mode="after")
    def _one_penalty(self) -> Self:
        if self.r1 and self.gradient_penalty:
            raise ValueError("r1 and gradient_penalty exclude each other; set one of them to 0")
        return self


class Regulariser:
    """The regularisers of a spec for one loss.

    Gradients are of the logits, which have not passed through the loss. In a critic whose logits depend on the batch
    (batch norm, minibatch standard deviation) they are of the sum of all logits. Of a pyramid each resolution is
    penalised for itself, and the penalties are averaged, as in MSG-GAN (https://arxiv.org/abs/1903.06048).

    Args:
        spec: what is on.
        gradient_scale: of the loss, as on a card or from `ganetic.loss.screen.gradient_scale`.
        stream: a CPU generator, drawn from by the gradient penalty alone. Its state is all the state there is.

    Raises:
        UserError: a penalty is on and the loss has no gradient scale to weigh it by.
    """

    def __init__(self, spec: RegulariserSpec, gradient_scale: float, stream: torch.Generator) -> None:
        penalised = spec.r1 > 0 or spec.gradient_penalty > 0
        if penalised and not (math.isfinite(gradient_scale) and gradient_scale > 0):
            raise UserError(
                f"the loss has a gradient scale of {gradient_scale:g}; r1 and gradient_penalty are relative to it and "
                "need a positive, finite one; set both to 0"
            )
        self._spec, self._scale, self._stream = spec, gradient_scale, stream

    def penalty(self, discriminator: nn.Module, real: Images, fake: Images) -> Tensor | None:
        """Return what is added to D's loss, a float32 scalar whose gradients reach D's parameters, or None.

        Args:
            discriminator: images to logits of any shape; of the logits of patches the gradient is of their sum.
            real: images ``(B, C, H, W)``, or a pyramid.
            fake: generated ones of the same shapes.
        """
        if self._spec.r1 > 0:
            return self._spec.r1 * self._scale * _r1(discriminator, real)
        if self._spec.gradient_penalty > 0:
            between = _mixed(real, fake, self._stream)
            return self._spec.gradient_penalty * self._scale * _gradient_penalty(discriminator, between)
        return None

    @torch.no_grad()
    def constrain(self, discriminator: nn.Module) -> None:
        """Clip D's parameters, where that is on: Arjovsky et al., https://arxiv.org/abs/1701.07875, algorithm 1."""
        if self._spec.clip > 0:
            for parameter in discriminator.parameters():
                parameter.clamp_(-self._spec.clip, self._spec.clip)


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
