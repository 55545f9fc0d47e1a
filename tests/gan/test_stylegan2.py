import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganetic.gan.latent_noise import normal, seeds_of
from ganetic.gan.model import Nets, build
from ganetic.gan.models.stylegan2 import MEAN_OF, Block, Discriminator, Generator, StyleGan2
from ganetic.gan.modulation import StyledLayer
from ganetic.gan.progressive import ScaledConv2d, ScaledLinear
from ganetic.gan.step import adam, gan_step
from ganetic.loss.compile import GanLoss
from ganetic.loss.library import LIBRARY
from tests.reference import stylegan2 as reference


def drawn(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def nets(size: int = 32, channels: int = 1, **settings: Any) -> Nets:
    return build(StyleGan2(**{"width": 2, "latent": 5, **settings}), size, channels, seed=3)


def generator(**settings: Any) -> Generator:
    found = nets(**settings).generator
    assert isinstance(found, Generator)
    return found


def noisy(net: nn.Module) -> nn.Module:
    """All that begins at 0 is something else."""
    for name, parameter in net.named_parameters():
        if name.endswith(("bias", "noise_strength")):
            nn.init.normal_(parameter, std=0.3, generator=torch.Generator().manual_seed(7))
    return net


@pytest.mark.parametrize("size", [32, 64, 128, 256])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("depth", ["full", "small"])
def test_shapes(size: int, channels: int, depth: str) -> None:
    made, critic = nets(size, channels, depth=depth)
    images = made(drawn(3, 5))
    assert images.shape == (3, channels, size, size)
    assert images.abs().max() <= 1
    assert 0.2 < images.std() < 0.9
    assert critic(images).shape == (3,)


def test_channels_are_the_paper_s() -> None:
    net = StyleGan2(width=16384 // 128, latent=8).nets(128, 1)
    widths = [layer.conv.conv.out_channels for layer in net.generator.seconds]  # type: ignore[union-attr]
    assert widths == [512, 512, 512, 512, 256, 128]
    assert [block.first.in_channels for block in net.discriminator.blocks] == [128, 256, 512, 512, 512]  # type: ignore[union-attr]


@pytest.mark.parametrize("depth", ["full", "small"])
def test_a_step_is_that_of_the_reference(depth: str) -> None:
    found = nets(channels=3, depth=depth, style_mixing=0, width=1, max_channels=3)
    players = [noisy(net).double() for net in found]
    before: list[dict[str, Tensor]] = [copy.deepcopy(dict(net.named_parameters())) for net in players]
    latents, real = drawn(8, 5).double(), torch.tanh(drawn(8, 3, 32, 32, seed=2)).double()
    assert isinstance(found.generator, Generator)
    noise = [part.double() for part in found.generator.noise(latents)]
    expected = reference.step(before[0], before[1], real, latents, noise, depth == "full", rate=1e-2)
    updaters = (adam(players[0], 1e-2, 0, 0.99), adam(players[1], 1e-2, 0, 0.99))
    gan_step(players[0], players[1], GanLoss(LIBRARY["bce"].formula), updaters, real, latents)
    for net, after, gradients in zip(players, expected[:2], expected[2:], strict=True):
        own = dict(net.named_parameters())
        assert own.keys() == after.keys()
        for name, parameter in own.items():
            assert parameter.grad is not None and bool(parameter.grad.any()), name
            torch.testing.assert_close(parameter.grad, gradients[name], rtol=1e-6, atol=1e-9, msg=name)
            sure = gradients[name].abs() > 1e-6  # there Adam's step is ±rate
            torch.testing.assert_close(parameter.detach()[sure], after[name][sure], rtol=1e-6, atol=1e-8, msg=name)


def test_every_style_decides_about_the_image() -> None:
    net = generator()
    latents = drawn(2, 5)
    styles = net.styles(latents).detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(net.rendered(styles, latents).square().sum(), styles)
    assert gradient.shape == (2, 8, 5)
    assert bool(gradient.any(2).all())


def test_an_image_is_a_function_of_its_latent_vector_alone() -> None:
    net = noisy(generator())
    latents = drawn(9, 5)
    for _ in range(2):
        torch.testing.assert_close(net(latents)[2:5], net(latents[2:5]))
        net.eval()


def test_noise_is_of_the_latent_vector_and_changes_the_image() -> None:
    net = generator().eval()
    latents, others = drawn(3, 5), drawn(3, 5, seed=2)
    assert [part.shape for part in net.noise(latents)] == [(3, 1, side, side) for side in (4, 8, 8, 16, 16, 32, 32)]
    styles = net.styles(latents)
    assert torch.equal(net.rendered(styles, latents), net.rendered(styles, others))  # its strength begins at 0
    noisy(net)
    styles = net.styles(latents)
    assert not torch.allclose(net.rendered(styles, latents), net.rendered(styles, others), atol=1e-2)


def test_most_images_of_a_training_have_two_styles() -> None:
    net = generator(style_mixing=0.9)
    latents = drawn(2000, 5)
    own, other = net.mapping(latents), net.mapping(normal(seeds_of(latents, 1), 5))
    styles = net.styles(latents)
    is_own, is_other = ((styles == style[:, None]).all(2) for style in (own, other))
    assert bool((is_own != is_other).all())
    assert bool(is_own[:, 0].all())  # the first layer is always the vector's own
    assert not bool((is_own[:, 1:] & is_other[:, :-1]).any())  # and there is one change at most
    assert is_other.any(1).float().mean().item() == pytest.approx(0.9, abs=0.03)
    counts = is_own.sum(1).bincount(minlength=9)[1:8] / 2000
    assert counts.tolist() == pytest.approx([0.9 / 7] * 7, abs=0.03)
    assert torch.equal(net.eval().styles(latents), own[:, None].expand(-1, 8, -1))


def test_truncation_moves_styles_to_their_mean() -> None:
    net = generator().eval()
    latents = drawn(50, 5)
    free, images = net.styles(latents), net(latents)
    mean = net.mapping(drawn(MEAN_OF, 5, seed=9)).mean(0)
    net.truncate(1)
    torch.testing.assert_close(net(latents), images)
    net.truncate(0.5)
    torch.testing.assert_close(net.styles(latents)[:, 3], (free[:, 3] + mean) / 2, atol=2e-2, rtol=0)
    net.truncate(0)
    assert net.styles(latents).std(0).max() < 1e-6
    assert net(latents).std(0).max() < 1e-5


def test_small_images_have_no_residuals_and_one_style() -> None:
    assert StyleGan2().style_mixing == 0.9
    assert StyleGan2(depth="small").style_mixing == 0
    assert StyleGan2(depth="small", style_mixing=0.3).style_mixing == 0.3
    for depth, expected in (("full", 3), ("small", 0)):
        critic = nets(depth=depth).discriminator
        assert sum(name.endswith("skip.weight") for name, _ in critic.named_parameters()) == expected


def test_the_mapping_network_learns_at_a_hundredth() -> None:
    """Adam's first step moves each stored weight by the rate; a layer's output moves by a hundredth as much."""
    moved = []
    for rate in (1.0, 0.01):
        net = generator(mapping_layers=1)
        _, layer, *_ = net.mapping.children()
        assert isinstance(layer, ScaledLinear)
        layer.scale, layer.bias_scale = rate * layer.scale / 0.01, rate * layer.bias_scale / 0.01
        with torch.no_grad():
            layer.weight.mul_(0.01 / rate)
        before, latents = net.mapping(drawn(50, 5)).detach(), drawn(50, 5)
        updater = adam(net.mapping, 1e-3, 0, 0.99)
        net.mapping(latents).square().sum().backward()
        updater.step()
        moved.append((net.mapping(latents) - before).norm().item())
    assert moved[1] == pytest.approx(0.01 * moved[0], rel=0.05)


def test_groups_of_neighbours_are_seen_by_the_critic() -> None:
    critic = nets(width=4).discriminator
    images = torch.tanh(drawn(8, 1, 32, 32))
    torch.testing.assert_close(critic(images), torch.cat([critic(images[:4]), critic(images[4:])]))
    assert not torch.allclose(
        critic(images), critic(images[[0, 4, 1, 5, 2, 6, 3, 7]])[[0, 2, 4, 6, 1, 3, 5, 7]], atol=1e-6
    )
    without = nets(width=4, minibatch_stddev=False).discriminator
    torch.testing.assert_close(without(images)[:1], without(images[:1]))
    assert not torch.allclose(critic(images)[:1], critic(images[:1]), atol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 6, 7, 9, 14])
def test_any_batch_has_groups(count: int) -> None:
    critic = nets().discriminator
    assert isinstance(critic, Discriminator)
    logits = critic(torch.tanh(drawn(count, 1, 32, 32)))
    assert logits.shape == (count,)
    assert bool(logits.isfinite().all())


def test_layout_changes_nothing() -> None:
    plain, other = nets(width=4), nets(width=4)
    for net in other:
        net.to(memory_format=torch.channels_last)
    images = plain.generator(drawn(3, 5))
    torch.testing.assert_close(images, other.generator(drawn(3, 5)))
    torch.testing.assert_close(
        plain.discriminator(images), other.discriminator(images.to(memory_format=torch.channels_last))
    )


def test_half_precision_stays_half() -> None:
    made, critic = nets(width=4)
    seen: list[torch.dtype] = []
    for module in (*made.modules(), *critic.modules()):
        if isinstance(module, StyledLayer | ScaledConv2d | Block):
            module.register_forward_hook(lambda _module, _inputs, output: seen.append(output.dtype))
    with torch.autocast("cpu", torch.bfloat16):
        logits = critic(made(drawn(4, 5)))
    assert bool(logits.isfinite().all())
    assert seen and set(seen) == {torch.bfloat16}
