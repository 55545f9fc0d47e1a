import pytest
import torch
from torch import nn

from ganetic.gan.models.mlp import Discriminator, Generator, initialise


@pytest.mark.parametrize("size", [1, 7, 30])
@pytest.mark.parametrize("channels", [1, 3])
def test_shapes(size: int, channels: int) -> None:
    images = Generator(5, size, channels, 2)(torch.randn(3, 5))
    assert images.shape == (3, channels, size, size)
    assert images.abs().max() <= 1
    critic = Discriminator(size, channels, 2)
    assert critic(images).shape == (3,)
    assert torch.equal(critic(images), critic(images.contiguous(memory_format=torch.channels_last)))


def test_layers_are_of_the_tutorial_s_shape_and_he_s_variance() -> None:
    generator, critic = Generator(100, 28, 1, 128), Discriminator(28, 1, 128)
    for net in (generator, critic):
        initialise(net, torch.Generator().manual_seed(1))
    linear = [[m for m in net.modules() if isinstance(m, nn.Linear)] for net in (generator, critic)]
    assert [[layer.out_features for layer in layers] for layers in linear] == [[128, 256, 512, 784], [512, 256, 1]]
    for layer in linear[0]:
        assert layer.weight.std().item() == pytest.approx((2 / 1.04 / layer.in_features) ** 0.5, rel=0.03)
        assert not layer.bias.any()
