import pytest
import torch
from torch import nn

from ganetic.gan.dcgan import SIZES, Discriminator, Generator, initialise


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_shapes(size: int, channels: int, batch_norm: bool) -> None:
    images = Generator(5, size, channels, 2, batch_norm)(torch.randn(3, 5))
    assert images.shape == (3, channels, size, size)
    assert images.abs().max() <= 1
    assert Discriminator(size, channels, 2, batch_norm)(images).shape == (3,)
    assert Discriminator(size, channels, 2, batch_norm)(images[:1]).shape == (1,)


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
    norm = nets[0].norm1
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.weight.mean().item() == pytest.approx(1, abs=0.02)
    assert not nets[0].up2.bias.any()  # type: ignore[operator]
