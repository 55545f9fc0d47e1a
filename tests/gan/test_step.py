import copy

import pytest
import torch
from torch import Tensor, nn

from ganetic.gan.dcgan import Discriminator, Generator, initialise
from ganetic.gan.step import adam, gan_step
from ganetic.loss.compile import GanLoss
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY

BCE = "d_real=softplus(neg(d)); d_fake=softplus(d); g_fake=softplus(neg(d))"


def nets() -> tuple[Generator, Discriminator]:
    generator, discriminator = Generator(5, 28, 1, 2), Discriminator(28, 1, 2)
    initialise(generator, torch.Generator().manual_seed(1))
    initialise(discriminator, torch.Generator().manual_seed(2))
    return generator, discriminator


def batch(seed: int) -> tuple[Tensor, Tensor]:
    stream = torch.Generator().manual_seed(seed)
    return torch.rand(8, 1, 28, 28, generator=stream) * 2 - 1, torch.randn(8, 5, generator=stream)


def plain_step(
    generator: nn.Module, discriminator: nn.Module, loss: GanLoss, optimisers: tuple[torch.optim.Optimizer, ...]
) -> None:
    """The textbook step, with nothing shared and nothing frozen, on the same latents."""
    real, latents = batch(3)
    optimisers[1].zero_grad()
    loss.discriminator(discriminator(real), discriminator(generator(latents).detach())).backward()  # type: ignore[no-untyped-call]
    optimisers[1].step()
    optimisers[0].zero_grad()
    real_logits = discriminator(real).detach() if loss.needs_real_logits else None
    loss.generator(discriminator(generator(latents)), real_logits).backward()  # type: ignore[no-untyped-call]
    optimisers[0].step()


@pytest.mark.parametrize("name", sorted(LIBRARY))
def test_is_the_textbook_step(name: str) -> None:
    loss = GanLoss(LIBRARY[name].formula)
    generator, discriminator = nets()
    plain_generator, plain_discriminator = copy.deepcopy(generator), copy.deepcopy(discriminator)
    ours = (adam(generator, 1e-2, 0.5, 0.999), adam(discriminator, 1e-2, 0.5, 0.999))
    plain = tuple(
        torch.optim.Adam(net.parameters(), 1e-2, (0.5, 0.999)) for net in (plain_generator, plain_discriminator)
    )
    losses = gan_step(generator, discriminator, loss, ours, *batch(3))
    plain_step(plain_generator, plain_discriminator, loss, plain)
    assert not losses.discriminator.requires_grad
    assert not losses.generator.requires_grad
    for net, other in ((generator, plain_generator), (discriminator, plain_discriminator)):
        for first, second in zip(net.parameters(), other.parameters(), strict=True):
            # Adam's first step is ±lr wherever the gradient is above its epsilon: compare where it is clearly so.
            sure = (second.grad if second.grad is not None else torch.zeros_like(second)).abs() > 1e-5
            torch.testing.assert_close(first[sure], second[sure], rtol=1e-3, atol=1e-4)


def test_d_learns_nothing_in_g_s_update_and_is_thawed_afterwards() -> None:
    generator, discriminator = nets()
    loss = GanLoss(Formula.from_text(BCE))
    optimisers = (adam(generator, 1e-2, 0.5, 0.999), adam(discriminator, 1e-2, 0.5, 0.999))
    gan_step(generator, discriminator, loss, optimisers, *batch(3))
    gradients = [parameter.grad for parameter in discriminator.parameters()]
    real, latents = batch(3)
    fresh_generator, fresh = nets()
    loss.discriminator(fresh(real), fresh(fresh_generator(latents).detach())).backward()  # type: ignore[no-untyped-call]
    for gradient, parameter in zip(gradients, fresh.parameters(), strict=True):
        assert gradient is not None
        assert parameter.grad is not None
        torch.testing.assert_close(gradient, parameter.grad)
        assert parameter.requires_grad
    assert all(parameter.requires_grad for parameter in discriminator.parameters())


def test_a_constant_loss_without_a_graph_moves_nobody() -> None:
    class Constant:
        needs_real_logits = False

        def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
            return torch.tensor(3.0)

        def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
            return torch.tensor(4.0)

    generator, discriminator = nets()
    before = [parameter.detach().clone() for net in (generator, discriminator) for parameter in net.parameters()]
    losses = gan_step(
        generator,
        discriminator,
        Constant(),
        (adam(generator, 1, 0.5, 0.9), adam(discriminator, 1, 0.5, 0.9)),
        *batch(3),
    )
    after = [parameter for net in (generator, discriminator) for parameter in net.parameters()]
    assert all(torch.equal(first, second) for first, second in zip(before, after, strict=True))
    assert (losses.discriminator.item(), losses.generator.item()) == (3, 4)
