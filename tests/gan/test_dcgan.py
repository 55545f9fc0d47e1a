import hashlib

import pytest
import torch
from torch import nn

from ganetic.gan.dcgan import DEEP_SIZES, SIZES, Discriminator, Generator, initialise
from ganetic.gan.upsampling import Upsampling

Net = Generator | Discriminator
GOLDEN = (
    (2, 1, True, "transposed", ["b0b56f4a32bb", "294a63c2834e"]),
    (2, 3, False, "transposed", ["f3420ee86f70", "f6dee2ab5428"]),
    (2, 3, True, "transposed", ["3a7d6d4a302f", "dc529928022a"]),
    (2, 1, True, "resize", ["0d17e56d585b", "294a63c2834e"]),
    (2, 3, False, "resize", ["fcd97aa38e92", "f6dee2ab5428"]),
    (None, 1, True, "transposed", ["1e35d6f11ed3", "294a63c2834e"]),
    (None, 3, False, "transposed", ["f3420ee86f70", "f6dee2ab5428"]),
    (None, 3, True, "transposed", ["ccb333003f99", "dc529928022a"]),
)
"""Layers, channels, batch norm, upsampling, and digests of G's and D's first weights."""


@pytest.mark.parametrize("layers", [2, None])
@pytest.mark.parametrize(("channels", "batch_norm"), [(1, True), (3, False)])
def test_shapes(layers: int | None, channels: int, batch_norm: bool) -> None:
    for size in SIZES if layers else DEEP_SIZES:
        images = Generator(5, size, channels, 2, batch_norm, layers=layers)(torch.randn(3, 5))
        assert images.shape == (3, channels, size, size)
        assert images.abs().max() <= 1
        critic = Discriminator(size, channels, 2, batch_norm, layers)
        assert critic(images).shape == (3,)
        assert critic(images[:1]).shape == (1,)


def test_one_layer_a_halving_down_to_four_to_seven_pixels() -> None:
    for size in DEEP_SIZES:
        net = Discriminator(size, 1, 2, layers=None)
        halvings = 1 + len(net.downs)
        assert 4 <= size / 2**halvings <= 7
        assert size % 2**halvings == 0
        assert net.logit.in_features == (size >> halvings) ** 2 * (2 << len(net.downs))
    assert Discriminator(128, 1, 128, layers=None).logit.in_features == 4**2 * 512


def test_a_fixed_number_of_layers_stops_at_a_quarter_of_any_side() -> None:
    for size in SIZES:
        assert Discriminator(size, 1, 2).logit.in_features == (size // 4) ** 2 * 4
        assert Generator(5, size, 1, 2).project.out_features == (size // 4) ** 2 * 4


def norms(net: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in net.modules())


def test_the_switch_takes_batch_norm_out() -> None:
    assert [norms(Generator(5, 28, 1, 2, on)) for on in (True, False)] == [2, 0]
    assert [norms(Discriminator(28, 1, 2, on)) for on in (True, False)] == [1, 0]


def test_the_projection_is_the_transposed_convolution_of_a_dcgan() -> None:
    generator = Generator(5, 28, 1, 2)
    convolution = nn.ConvTranspose2d(5, 4, 7, bias=False)
    weight = generator.project.weight.detach().view(7, 7, 4, 5).permute(3, 2, 0, 1)
    with torch.no_grad():
        convolution.weight.copy_(weight)
    latents = torch.randn(3, 5)
    ours = generator.project(latents).view(3, 7, 7, 4).permute(0, 3, 1, 2)
    torch.testing.assert_close(ours, convolution(latents[:, :, None, None]))


def test_initialisation_is_dcgan_s_and_of_the_stream_only() -> None:
    nets = []
    for disturbance in (1, 2):
        torch.manual_seed(disturbance)
        net = Generator(64, 28, 1, 16)
        initialise(net, torch.Generator().manual_seed(7))
        nets.append(net)
    for first, second in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        assert torch.equal(first, second)
    assert nets[0].project.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert nets[0].project.weight.mean().item() == pytest.approx(0, abs=1e-3)
    norm = nets[0].norms[0]
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.weight.mean().item() == pytest.approx(1, abs=0.02)
    assert not nets[0].image.bias.any()  # type: ignore[operator]


def nets(layers: int | None, channels: int, batch_norm: bool, upsampling: Upsampling) -> list[Net]:
    return [
        Generator(3, 28, channels, 2, batch_norm, upsampling, layers),
        Discriminator(28, channels, 2, batch_norm, layers),
    ]


def digest(net: Net) -> str:
    """Of the weights by rising size and value, whatever they are called."""
    initialise(net, torch.Generator().manual_seed(7))
    tensors = sorted((one.detach().flatten() for one in net.parameters()), key=lambda one: (len(one), one.tolist()))
    return hashlib.sha256(torch.cat(tensors).numpy().tobytes()).hexdigest()[:12]


@pytest.mark.parametrize(("layers", "channels", "batch_norm", "upsampling", "expected"), GOLDEN)
def test_first_weights_are_those_of_the_first_results(
    layers: int | None, channels: int, batch_norm: bool, upsampling: Upsampling, expected: list[str]
) -> None:
    """Digests recorded where two layers and any number of them were different classes; drawing is the same anywhere."""
    assert [digest(net) for net in nets(layers, channels, batch_norm, upsampling)] == expected
