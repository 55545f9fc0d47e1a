import pytest
import torch
from torch import Tensor, nn

from ganetic.gan.attention import SelfAttention
from ganetic.gan.models.msg import MAX_CHANNELS, Discriminator, Generator, MsgSagan, channels_at, scales
from ganetic.gan.progressive import MinibatchStddev, PixelNorm, ScaledConv2d, initialise


def drawn(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def drawn_net(net: nn.Module) -> nn.Module:
    initialise(net, torch.Generator().manual_seed(5))
    return net


@pytest.mark.parametrize("size", [32, 64])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("width", [1, 3])
def test_shapes(size: int, channels: int, width: int) -> None:
    generator = drawn_net(Generator(5, size, channels, width, attention=16))
    images = generator(drawn(3, 5))
    assert [image.shape for image in images] == [(3, channels, side, side) for side in scales(size)]
    assert all(image.abs().max() <= 1 for image in images)
    critic = drawn_net(Discriminator(size, channels, width, attention=16))
    assert critic(images).shape == (3,)
    assert critic(tuple(image[:1] for image in images)).shape == (1,)


def test_channels_double_towards_the_coarse_end_up_to_the_maximum() -> None:
    assert [channels_at(side, 128, 16) for side in scales(128)] == [256, 256, 128, 64, 32, 16]
    generator = Generator(5, 64, 1, 2)
    assert [layer.out_channels for layer in generator.seconds if isinstance(layer, ScaledConv2d)] == [32, 16, 8, 4, 2]
    assert channels_at(4, 256, 200) == MAX_CHANNELS


def test_scales_end_at_the_size() -> None:
    assert [scales(size) for size in (4, 32, 256)] == [(4,), (4, 8, 16, 32), (4, 8, 16, 32, 64, 128, 256)]


def count(net: nn.Module, kind: type[nn.Module]) -> int:
    return sum(isinstance(module, kind) for module in net.modules())


def test_switches_take_their_parts_out() -> None:
    assert [count(Generator(5, 32, 1, 2, pixel_norm=on), PixelNorm) for on in (True, False)] == [1, 0]
    assert [count(Generator(5, 32, 1, 2, batch_norm=on), nn.BatchNorm2d) for on in (True, False)] == [8, 0]
    assert [count(Discriminator(32, 1, 2, minibatch_stddev=on), MinibatchStddev) for on in (True, False)] == [1, 0]
    for on in (True, False):
        layers = [m for m in Discriminator(32, 1, 2, equalised=on).modules() if isinstance(m, ScaledConv2d)]
        assert any(layer.scale != 1 for layer in layers) == on
    for at in (4, 16, 32):
        for net in (Generator(5, 32, 1, 2, attention=at), Discriminator(32, 1, 2, attention=at)):
            (found,) = [module for module in net.modules() if isinstance(module, SelfAttention)]
            assert found.query.in_channels == channels_at(at, 32, 2)


def test_without_equalisation_the_nets_start_as_the_same_function() -> None:
    latents = drawn(3, 5)
    images = [drawn_net(Generator(5, 32, 1, 2, equalised=on))(latents) for on in (True, False)]
    for first, second in zip(*images, strict=True):
        torch.testing.assert_close(first, second)
    logits = [drawn_net(Discriminator(32, 1, 2, equalised=on))(images[0]) for on in (True, False)]
    torch.testing.assert_close(*logits)


@pytest.mark.parametrize("level", range(4))
def test_every_scale_reaches_the_logit_and_the_latents(level: int) -> None:
    generator, critic = drawn_net(Generator(5, 32, 1, 2)), drawn_net(Discriminator(32, 1, 2))
    latents = drawn(3, 5).requires_grad_(True)
    images = generator(latents)
    (gradient,) = torch.autograd.grad(critic(images).sum(), images[level], retain_graph=True)
    assert bool(gradient.any())
    alone = tuple(image if i == level else image.detach() for i, image in enumerate(images))
    (reached,) = torch.autograd.grad(critic(alone).sum(), latents)
    assert bool(reached.any())


def test_minibatch_stddev_lets_a_logit_see_the_batch() -> None:
    images = tuple(drawn(4, 1, side, side, seed=side) for side in scales(32))
    for on in (True, False):
        critic = drawn_net(Discriminator(32, 1, 2, minibatch_stddev=on))
        alone = critic(tuple(image[:1] for image in images))
        assert torch.allclose(critic(images)[:1], alone, atol=1e-5) != on


def test_layout_changes_nothing() -> None:
    plain, other = (drawn_net(Generator(5, 32, 1, 4, attention=16)) for _ in range(2))
    other.to(memory_format=torch.channels_last)
    for first, second in zip(plain(drawn(3, 5)), other(drawn(3, 5)), strict=True):
        torch.testing.assert_close(first, second)


def test_with_batch_norm_an_image_depends_on_its_own_latent_alone_once_trained() -> None:
    generator = Generator(5, 32, 1, 2, pixel_norm=False, batch_norm=True)
    latents = drawn(6, 5)
    alone, among = generator(latents[:3])[-1], generator(latents)[-1][:3]
    assert not torch.allclose(alone, among, atol=1e-3)
    generator.eval()
    assert torch.allclose(generator(latents[:3])[-1], generator(latents)[-1][:3], atol=1e-6)


def test_features_are_enlarged_smoothly_where_that_is_asked_for() -> None:
    plain, smooth = (drawn_net(Generator(5, 32, 1, 2, smooth=smooth)) for smooth in (False, True))
    latents, steep = drawn(6, 5), []
    for net in (plain, smooth):
        finest = net(latents)[-1].detach()
        # What repeats pixels has its jumps between pairs of columns: more across even borders than across odd ones.
        jumps = (finest[..., 1:] - finest[..., :-1]).square().mean((0, 1, 2))
        steep.append(float(jumps[1::2].mean() / jumps[::2].mean()))
    assert plain.state_dict().keys() == smooth.state_dict().keys()
    assert steep[1] < steep[0], "the lattice of doubled pixels is weaker"
    assert torch.equal(plain(latents)[0], smooth(latents)[0]), "the coarsest image is made of nothing enlarged"


def test_a_configuration_says_upsampling_where_it_is_not_the_old_one() -> None:
    assert "upsampling" not in MsgSagan().model_dump()
    assert MsgSagan(upsampling="smooth").model_dump()["upsampling"] == "smooth"
