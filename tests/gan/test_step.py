import copy

import pytest
import torch
from torch import Tensor, nn

from ganetic.gan.adam import AdamRates
from ganetic.gan.dcgan import Discriminator, Generator, initialise
from ganetic.gan.diffaugment import draw_both
from ganetic.gan.path_length import PathLength
from ganetic.gan.profiles import PROFILES
from ganetic.gan.regulariser import Regulariser, RegulariserSpec, path_length_of
from ganetic.gan.step import Images, Optimizer, Regularisation, adam, gan_step
from ganetic.loss.compile import GanLoss
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.reproducible import random_stream

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
    generator: nn.Module, discriminator: nn.Module, loss: GanLoss, optimizers: tuple[torch.optim.Optimizer, ...]
) -> None:
    """The textbook step, with nothing shared and nothing frozen, on the same latents."""
    real, latents = batch(3)
    optimizers[1].zero_grad()
    loss.discriminator(discriminator(real), discriminator(generator(latents).detach())).backward()  # type: ignore[no-untyped-call]
    optimizers[1].step()
    optimizers[0].zero_grad()
    real_logits = discriminator(real).detach() if loss.needs_real_logits else None
    loss.generator(discriminator(generator(latents)), real_logits).backward()  # type: ignore[no-untyped-call]
    optimizers[0].step()


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
    optimizers = (adam(generator, 1e-2, 0.5, 0.999), adam(discriminator, 1e-2, 0.5, 0.999))
    gan_step(generator, discriminator, loss, optimizers, *batch(3))
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


def step_without_pyramids(
    generator: nn.Module, discriminator: nn.Module, loss: GanLoss, optimizers: tuple[Optimizer, Optimizer]
) -> tuple[Tensor, Tensor]:
    """The step as it was when only the proxy used it, operation by operation."""
    real, latents = batch(3)
    fake = generator(latents)
    d_loss = loss.discriminator(discriminator(real), discriminator(fake.detach()))
    optimizers[1].zero_grad()
    d_loss.backward()  # type: ignore[no-untyped-call]
    optimizers[1].step()
    discriminator.requires_grad_(False)
    fake_logits = discriminator(fake)
    g_loss = loss.generator(fake_logits, discriminator(real) if loss.needs_real_logits else None)
    optimizers[0].zero_grad()
    g_loss.backward()  # type: ignore[no-untyped-call]
    optimizers[0].step()
    discriminator.requires_grad_(True)
    return d_loss.detach(), g_loss.detach()


@pytest.mark.parametrize("name", sorted(LIBRARY))
def test_the_proxy_s_step_has_not_changed_by_a_bit(name: str) -> None:
    loss = GanLoss(LIBRARY[name].formula)
    ours, theirs = nets(), nets()
    updaters = [(adam(pair[0], 1e-2, 0.5, 0.999), adam(pair[1], 1e-2, 0.5, 0.999)) for pair in (ours, theirs)]
    for _ in range(3):
        now = gan_step(*ours, loss, updaters[0], *batch(3))
        before = step_without_pyramids(*theirs, loss, updaters[1])
        assert torch.equal(torch.stack(now), torch.stack(before))
    for net, other in zip(ours, theirs, strict=True):
        for first, second in zip(net.state_dict().values(), other.state_dict().values(), strict=True):
            assert torch.equal(first, second)


class Doubled(nn.Module):
    """A net of images as one of pyramids, of the image itself and its negative."""

    def __init__(self, net: nn.Module, generates: bool) -> None:
        super().__init__()
        self.net, self.generates = net, generates

    def forward(self, given: Images) -> Images:
        if self.generates:
            image: Tensor = self.net(given)
            return -image, image
        assert isinstance(given, tuple)
        assert torch.equal(-given[0], given[1])
        logits: Tensor = self.net(given[1])
        return logits


def test_a_pyramid_is_handed_on_whole() -> None:
    loss = GanLoss(LIBRARY["relativistic-hinge"].formula)
    single, (generator, discriminator) = nets(), nets()
    doubled = Doubled(generator, True), Doubled(discriminator, False)
    updaters = [(adam(pair[0], 1e-2, 0.5, 0.9), adam(pair[1], 1e-2, 0.5, 0.9)) for pair in (single, doubled)]
    real, latents = batch(3)
    expected = gan_step(*single, loss, updaters[0], real, latents)
    assert torch.equal(
        torch.stack(gan_step(*doubled, loss, updaters[1], (-real, real), latents)), torch.stack(expected)
    )
    for first, second in zip(single[0].parameters(), generator.parameters(), strict=True):
        assert torch.equal(first, second)


class Watcher(Regularisation):
    """A regulariser that adds half of the sum of squares of D's parameters and remembers what it was shown."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def penalty(self, discriminator: nn.Module, real: Images, fake: Images) -> Tensor:
        assert isinstance(fake, Tensor)
        assert isinstance(real, Tensor)
        assert not fake.requires_grad
        assert fake.shape == real.shape
        self.before = [parameter.detach().clone() for parameter in discriminator.parameters()]
        self.seen.append("penalty")
        return torch.stack([parameter.square().sum() / 2 for parameter in discriminator.parameters()]).sum()

    @torch.no_grad()
    def constrain(self, discriminator: nn.Module) -> None:
        after = list(discriminator.parameters())
        assert not all(torch.equal(first, second) for first, second in zip(self.before, after, strict=True))
        for parameter in after:
            parameter.fill_(0.25)
        self.seen.append("constrain")


def test_a_penalty_joins_d_s_loss_and_constraints_follow_d_s_update() -> None:
    loss = GanLoss(Formula.from_text(BCE))
    plain, (generator, discriminator) = nets(), nets()
    expected = gan_step(*plain, loss, (adam(plain[0], 1e-2, 0.5, 0.9), adam(plain[1], 1e-2, 0.5, 0.9)), *batch(3))
    watcher, updaters = Watcher(), (adam(generator, 1e-2, 0.5, 0.9), adam(discriminator, 1e-2, 0.5, 0.9))
    losses = gan_step(generator, discriminator, loss, updaters, *batch(3), watcher)
    assert watcher.seen == ["penalty", "constrain"]
    added = sum(float(parameter.square().sum()) / 2 for parameter in watcher.before)
    torch.testing.assert_close(losses.discriminator, expected.discriminator + added)
    for mine, theirs, weight in zip(discriminator.parameters(), plain[1].parameters(), watcher.before, strict=True):
        assert mine.grad is not None
        assert theirs.grad is not None
        torch.testing.assert_close(mine.grad, theirs.grad + weight)
        assert bool((mine == 0.25).all()), "G's update moved D"


def regularised(generator_scale: float = 1.0, **settings: float) -> Regulariser:
    spec = RegulariserSpec.model_validate(settings)
    stream = random_stream(0, "path_length")
    path_length = path_length_of(spec, generator_scale, 8, stream) if spec.path_length else None
    return Regulariser(spec, 1.0, random_stream(0, "regulariser"), path_length)


def lazy_steps(
    generator: nn.Module, discriminator: nn.Module, loss: GanLoss, optimizers: tuple[torch.optim.Optimizer, ...]
) -> None:
    """Eight textbook steps with R1 after every fourth update of D, and path length after every second one of G."""
    noise, mean = random_stream(0, "path_length"), torch.zeros(())
    for step in range(1, 9):
        real, latents = batch(step)
        fake = generator(latents)
        optimizers[1].zero_grad()
        loss.discriminator(discriminator(real), discriminator(fake.detach())).backward()  # type: ignore[no-untyped-call]
        optimizers[1].step()
        if step % 4 == 0:
            at = real.clone().requires_grad_(True)
            (slope,) = torch.autograd.grad(discriminator(at).sum(), at, create_graph=True)
            optimizers[1].zero_grad()
            (4 * 3 / 2 * slope.square().sum((1, 2, 3)).mean()).backward()  # type: ignore[no-untyped-call]
            optimizers[1].step()
        optimizers[0].zero_grad()
        loss.generator(discriminator(fake)).backward()  # type: ignore[no-untyped-call]
        optimizers[0].step()
        if step % 2 == 0:
            at = latents[::2].clone().requires_grad_(True)
            y = torch.randn(4, 1, 28, 28, generator=noise) / 28
            (slope,) = torch.autograd.grad((generator(at) * y).sum(), at, create_graph=True)
            lengths = slope.norm(dim=1)
            mean = mean + (lengths.detach().mean() - mean) / (step // 2)
            optimizers[0].zero_grad()
            (2 * 0.5 * (lengths - mean).square().mean()).backward()
            optimizers[0].step()


def test_lazy_penalties_are_updates_of_their_own_with_rates_of_the_paper() -> None:
    loss = GanLoss(Formula.from_text(BCE))
    ours, theirs = nets(), nets()
    regulariser = regularised(r1=3, r1_every=4, path_length=0.5, path_length_every=2)
    rates = AdamRates(1e-3, 0.5, 0.9)
    updaters = (adam(ours[0], *rates.with_lazy_term(2)), adam(ours[1], *rates.with_lazy_term(4)))
    for step in range(1, 9):
        gan_step(*ours, loss, updaters, *batch(step), regulariser)
    plain = [
        torch.optim.Adam(net.parameters(), c * 1e-3, (0.5**c, 0.9**c))
        for net, c in zip(theirs, (2 / 3, 4 / 5), strict=True)
    ]
    lazy_steps(*theirs, loss, tuple(plain))
    for net, other in zip(ours, theirs, strict=True):
        for first, second in zip(net.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(first, second, rtol=1e-3, atol=2e-5)
    for updater, updates in zip(updaters, (12, 10), strict=True):
        assert {int(tensor) for name, tensor in updater.state().items() if name.startswith("step.")} <= {updates, 8}


def test_between_two_penalties_a_lazy_step_is_a_plain_one() -> None:
    """Bit for bit, and as cheap: neither net is asked for anything more, and no graph is differentiated twice."""
    loss, asked = GanLoss(LIBRARY["relativistic-hinge"].formula), []
    ours, theirs = nets(), nets()
    spy = Spy(ours[1])
    regulariser = regularised(r1=3.0, r1_every=3, path_length=0.5, path_length_every=3)
    updaters = [(adam(pair[0], 1e-3, 0.5, 0.9), adam(pair[1], 1e-3, 0.5, 0.9)) for pair in (ours, theirs)]
    ours[0].register_forward_hook(lambda *_: asked.append(len(spy.shown)))
    for step in (1, 2):
        now = gan_step(ours[0], spy, loss, updaters[0], *batch(step), regulariser)
        plain = gan_step(*theirs, loss, updaters[1], *batch(step))
        assert torch.equal(torch.stack(now), torch.stack(plain))
        assert (len(asked), len(spy.shown)) == (step, 4 * step)
    for net, other in zip(ours, theirs, strict=True):
        for first, second in zip(net.state_dict().values(), other.state_dict().values(), strict=True):
            assert torch.equal(first, second)
    gan_step(ours[0], spy, loss, updaters[0], *batch(3), regulariser)
    assert (len(asked), len(spy.shown)) == (4, 13)  # half a batch of images more, and one more look at the real ones


@pytest.mark.parametrize("every", [1, 2])
def test_the_loss_of_g_has_a_penalty_that_is_added_to_it_alone(every: int) -> None:
    loss = GanLoss(Formula.from_text(BCE))
    ours, theirs = nets(), nets()
    regulariser = regularised(generator_scale=0.5, path_length=3.0, path_length_every=every)
    updaters = [(adam(pair[0], 1e-3, 0.5, 0.9), adam(pair[1], 1e-3, 0.5, 0.9)) for pair in (ours, theirs)]
    now, plain = (
        gan_step(*ours, loss, updaters[0], *batch(3), regulariser),
        gan_step(*theirs, loss, updaters[1], *batch(3)),
    )
    assert torch.equal(now.discriminator, plain.discriminator)
    if every == 2:
        assert torch.equal(now.generator, plain.generator)
        return
    twin = nets()[0]
    penalty = PathLength(1.5, 1, 8, random_stream(0, "path_length")).penalty(twin, batch(3)[1])
    assert penalty is not None
    torch.testing.assert_close(now.generator, plain.generator + penalty)


class Marking:
    """An augmentation that darkens images, so that a critic can tell whether it is shown one of them."""

    def __init__(self, mark: float) -> None:
        self.mark = mark

    def __call__(self, images: Images) -> Images:
        assert isinstance(images, Tensor)
        return images / 4 + self.mark


class Spy(nn.Module):
    """A critic that remembers what it is shown."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.shown: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        self.shown.append(images.detach().clone())
        logits: Tensor = self.net(images)
        return logits


@pytest.mark.parametrize("penalty", [{}, {"r1": 1.0}, {"gradient_penalty": 1.0}])
def test_a_critic_sees_augmented_images_only(penalty: dict[str, float]) -> None:
    loss = GanLoss(LIBRARY["relativistic-hinge"].formula)  # its G asks for real logits, too
    generator, discriminator = nets()
    spy, real_mark, fake_mark = Spy(discriminator), 4.0, -4.0
    regulariser = regularised(**penalty)
    updaters = (adam(generator, 1e-2, 0.5, 0.9), adam(discriminator, 1e-2, 0.5, 0.9))
    with torch.no_grad():
        fake = generator(batch(3)[1])
    gan_step(generator, spy, loss, updaters, *batch(3), regulariser, (Marking(real_mark), Marking(fake_mark)))
    shown = [images - images.mean().sign() * 4 for images in spy.shown]
    kinds = [float(images.mean().sign()) for images in spy.shown]
    assert kinds == [1, -1, *([1] if penalty else []), -1, 1]
    real = batch(3)[0]
    for kind, images in zip(kinds[:2] + kinds[-2:], shown[:2] + shown[-2:], strict=True):
        torch.testing.assert_close(images, (real if kind > 0 else fake) / 4, rtol=0, atol=1e-5)


def augmented_step(
    generator: nn.Module, discriminator: nn.Module, loss: GanLoss, optimizers: tuple[Optimizer, ...], seed: int
) -> None:
    """The textbook step on images that a function changes, with R1 by the images before it."""
    real, latents = batch(3)
    augment_real, augment_fake = draw_both(PROFILES["xray"], 8, random_stream(seed, "diffaugment"))
    fake = generator(latents).detach()
    d_loss = loss.discriminator(discriminator(augment_real(real)), discriminator(augment_fake(fake)))
    real.requires_grad_(True)
    (slope,) = torch.autograd.grad(discriminator(augment_real(real)).sum(), real, create_graph=True)
    optimizers[1].zero_grad()
    penalty = 3 / 2 * slope.square().sum((1, 2, 3)).mean()
    (d_loss + penalty).backward()  # type: ignore[no-untyped-call]
    optimizers[1].step()
    optimizers[0].zero_grad()
    loss.generator(discriminator(augment_fake(generator(latents)))).backward()  # type: ignore[no-untyped-call]
    optimizers[0].step()


def test_an_augmented_step_is_the_textbook_one_through_the_augmentation() -> None:
    loss = GanLoss(Formula.from_text(BCE))
    ours, theirs = nets(), nets()
    updaters = [(adam(pair[0], 1e-2, 0.5, 0.9), adam(pair[1], 1e-2, 0.5, 0.9)) for pair in (ours, theirs)]
    regulariser = Regulariser(RegulariserSpec(r1=3), 1.0, random_stream(0, "regulariser"))
    augment = draw_both(PROFILES["xray"], 8, random_stream(5, "diffaugment"))
    gan_step(*ours, loss, updaters[0], *batch(3), regulariser, augment)
    augmented_step(*theirs, loss, updaters[1], 5)
    # G's gradients; D's are those of both updates there, and of its own here.
    for first, second in zip(ours[0].parameters(), theirs[0].parameters(), strict=True):
        assert first.grad is not None
        assert second.grad is not None
        torch.testing.assert_close(first.grad, second.grad, rtol=1e-4, atol=1e-7)
    for first, second in zip(ours[1].parameters(), theirs[1].parameters(), strict=True):
        torch.testing.assert_close(first, second, rtol=1e-3, atol=1e-4)


class Unflattened(nn.Module):
    """A critic whose logits have the shape ``(B, 1, 1, 1)``."""

    def __init__(self, critic: nn.Module) -> None:
        super().__init__()
        self.critic = critic

    def forward(self, images: Images) -> Tensor:
        logits: Tensor = self.critic(images)
        return logits.view(-1, 1, 1, 1)


PENALTIES = [("bce", RegulariserSpec(r1=1.0)), ("bce", RegulariserSpec(gradient_penalty=1.0))]


@pytest.mark.parametrize(("name", "spec"), [*((name, RegulariserSpec()) for name in sorted(LIBRARY)), *PENALTIES])
def test_a_critic_need_not_flatten_its_logits(name: str, spec: RegulariserSpec) -> None:
    loss, after = GanLoss(LIBRARY[name].formula), []
    for flattens in (True, False):
        generator, discriminator = nets()
        critic = discriminator if flattens else Unflattened(discriminator)
        updaters = adam(generator, 1e-2, 0.5, 0.9), adam(critic, 1e-2, 0.5, 0.9)
        penalties = Regulariser(spec, 1.0, torch.Generator().manual_seed(1))
        losses = [gan_step(generator, critic, loss, updaters, *batch(seed), penalties) for seed in (3, 4)]
        parameters = [parameter for net in (generator, discriminator) for parameter in net.parameters()]
        after.append([*(value for step in losses for value in step), *parameters])
    assert all(torch.equal(one, other) for one, other in zip(*after, strict=True))
