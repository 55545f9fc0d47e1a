"""One update of both players, as every training here does it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple, Protocol

from torch import Tensor, nn

from ganetic.gan.adam import FusedAdam

Images = Tensor | tuple[Tensor, ...]
"""Images ``(B, C, H, W)``, or a pyramid: one batch at every resolution, the coarsest first and the finest last."""

Augment = Callable[[Images], Images]
"""Images to changed ones of the same shapes, which can be differentiated; its calls change the n-th image alike.
`ganetic.gan.diffaugment.Augmentation` is one."""


class Loss(Protocol):
    """What the step asks of a loss; `ganetic.loss.compile.GanLoss` is one."""

    @property
    def needs_real_logits(self) -> bool:
        """Whether `generator` wants the real logits."""

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """D's loss, a scalar."""

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """G's loss, a scalar."""


class Optimizer(Protocol):
    """What the step asks of an optimizer; `ganetic.gan.adam.FusedAdam` is one, and so are torch's."""

    def zero_grad(self) -> None:
        """Forget the gradients."""

    def step(self) -> object:
        """Update the parameters."""


class Regularisation:
    """What is done to both players besides their losses; each method may be left as it is, and does nothing.

    `ganetic.gan.regulariser.Regulariser` is one. A penalty that stands apart is not added to the loss: it has an update
    of its own, after that of the loss, with the same optimizer.
    """

    penalty_stands_apart = False
    """Whether that of D does."""
    generator_penalty_stands_apart = False
    """Whether that of G does."""

    def penalty(self, discriminator: nn.Module, real: Images, fake: Images) -> Tensor | None:  # noqa: ARG002
        """D's penalty of this step, a scalar; None for none. It is asked for once a step."""
        return None

    def generator_penalty(self, generator: nn.Module, latents: Tensor) -> Tensor | None:  # noqa: ARG002
        """G's penalty of this step, a scalar; None for none. It is asked for once a step."""
        return None

    def constrain(self, discriminator: nn.Module) -> None:
        """Bring D's parameters back to where they may be; called after its updates."""


class StepLosses(NamedTuple):
    """Both losses of a step, detached scalars on the nets' device, with the penalties that were added to them.

    A penalty that stands apart is in neither.
    """

    discriminator: Tensor
    generator: Tensor


def adam(net: nn.Module, learning_rate: float, beta1: float, beta2: float) -> FusedAdam:
    """Return the fused Adam of a net: one kernel for all parameters, on CPU and CUDA."""
    return FusedAdam(net.parameters(), learning_rate, beta1, beta2)


def gan_step(
    generator: nn.Module,
    discriminator: nn.Module,
    loss: Loss,
    optimizers: tuple[Optimizer, Optimizer],
    real: Images,
    latents: Tensor,
    regulariser: Regularisation | None = None,
    augment: tuple[Augment, Augment] | None = None,
) -> StepLosses:
    """Update D on a real and a generated batch, then G against the new D, on the same generated batch.

    One forward pass of G serves both updates, and D's parameters are frozen while G learns, so that no gradient is
    computed that nobody uses. Where images are augmented D sees no other ones, and both updates see the same changes:
    two draws a step, whatever the loss and the regulariser.

    Args:
        generator: latents ``(B, latent)`` to images, or to a pyramid of them.
        discriminator: what G makes to logits, of any shape that the loss takes.
        loss: both players' losses.
        optimizers: G's and D's, in this order.
        real: images in [−1, 1], or a pyramid of them where G makes pyramids and D takes them.
        latents: ``(B, latent)``.
        regulariser: of both. D's penalties take gradients with respect to images before augmentation, as ADA does; all
            images that they look at are augmented as the real ones are.
        augment: what D sees real and generated images through, in this order.
    """
    generator_optimizer, discriminator_optimizer = optimizers
    fake = generator(latents)
    judge, seen_real, seen_fake = discriminator, real, fake
    if augment is not None:
        judge = _Augmented(discriminator, augment[0])
        seen_real, seen_fake = augment[0](real), augment[1](fake)

    rules = Regularisation() if regulariser is None else regulariser
    d_loss = loss.discriminator(discriminator(seen_real), discriminator(_detached(seen_fake)))
    penalty = partial(rules.penalty, judge, real, _detached(fake))
    d_loss = _learn(discriminator_optimizer, d_loss, penalty, rules.penalty_stands_apart)
    rules.constrain(discriminator)

    with _frozen(discriminator):
        fake_logits = discriminator(seen_fake)
        g_loss = loss.generator(fake_logits, discriminator(seen_real) if loss.needs_real_logits else None)
        penalty = partial(rules.generator_penalty, generator, latents)
        g_loss = _learn(generator_optimizer, g_loss, penalty, rules.generator_penalty_stands_apart)
    return StepLosses(d_loss.detach(), g_loss.detach())


class _Augmented(nn.Module):
    """A discriminator of images that augments them first."""

    def __init__(self, discriminator: nn.Module, augment: Augment) -> None:
        super().__init__()
        self._discriminator, self._augment = discriminator, augment

    def forward(self, images: Images) -> Tensor:
        """Map images to logits ``(B,)``."""
        logits: Tensor = self._discriminator(self._augment(images))
        return logits


def _detached(images: Images) -> Images:
    return tuple(image.detach() for image in images) if isinstance(images, tuple) else images.detach()


def _learn(optimizer: Optimizer, loss: Tensor, penalty: Callable[[], Tensor | None], stands_apart: bool) -> Tensor:
    """Update by the sum of both, or by the loss and then by the penalty; what the first update was by is returned."""
    added = None if stands_apart else penalty()
    whole = loss if added is None else loss + added
    _update(optimizer, whole)
    apart = penalty() if stands_apart else None
    if apart is not None:
        _update(optimizer, apart)
    return whole


def _update(optimizer: Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    if loss.requires_grad:  # a constant loss may have no graph at all; it teaches nothing
        loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


@contextmanager
def _frozen(net: nn.Module) -> Iterator[None]:
    parameters = [parameter for parameter in net.parameters() if parameter.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)
