import pytest
import torch

from ganetic.gan import dcgan
from ganetic.gan.dcgan import initialise
from ganetic.gan.deep_dcgan import SIZES, Discriminator, Generator


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("channels", "batch_norm"), [(1, True), (3, False)])
def test_shapes(size: int, channels: int, batch_norm: bool) -> None:
    images = Generator(5, size, channels, 2, batch_norm)(torch.randn(3, 5))
    assert images.shape == (3, channels, size, size)
    assert images.abs().max() <= 1
    assert Discriminator(size, channels, 2, batch_norm)(images).shape == (3,)


def test_one_layer_a_halving_down_to_four_to_seven_pixels() -> None:
    for size in SIZES:
        net = Discriminator(size, 1, 2)
        halvings = 1 + len(net.downs)
        assert 4 <= size / 2**halvings <= 7
        assert size % 2**halvings == 0
        assert net.logit.in_features == (size >> halvings) ** 2 * (2 << len(net.downs))
    assert Discriminator(128, 1, 128).logit.in_features == 4**2 * 512


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_at_28_pixels_it_is_the_proxy_s_net(channels: int, batch_norm: bool) -> None:
    latents = torch.randn(4, 5, generator=torch.Generator().manual_seed(1))
    deep, small = Generator(5, 28, channels, 4, batch_norm), dcgan.Generator(5, 28, channels, 4, batch_norm)
    deep_critic = Discriminator(28, channels, 4, batch_norm)
    small_critic = dcgan.Discriminator(28, channels, 4, batch_norm)
    with torch.no_grad():
        for net, other in ((deep, small), (deep_critic, small_critic)):
            initialise(net, torch.Generator().manual_seed(2))
            by_shape = {parameter.shape: parameter for parameter in net.parameters() if parameter.dim() > 1}
            initialise(other, torch.Generator().manual_seed(3))
            for parameter in other.parameters():
                parameter.copy_(by_shape[parameter.shape] if parameter.dim() > 1 else torch.full_like(parameter, 0.5))
            for parameter in net.parameters():
                if parameter.dim() == 1:
                    parameter.fill_(0.5)
        assert torch.equal(deep(latents), small(latents))
        assert torch.equal(deep_critic(deep(latents)), small_critic(small(latents)))
