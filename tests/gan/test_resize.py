import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganetic.gan.dcgan import SIZES, Generator, initialise
from ganetic.gan.resize import ResizeConv2d, doubled


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def plain(layer: ResizeConv2d, features: Tensor) -> Tensor:
    """The definition: enlarge every channel, then convolve."""
    large = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)(features)
    return F.conv2d(large, layer.weight, layer.bias, padding=1)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(3, 14, 14), (1, 2, 5)])
def test_it_is_an_enlargement_and_a_convolution(outputs: int, bias: bool, shape: tuple[int, int, int]) -> None:
    layer = ResizeConv2d(5, outputs, bias).double()
    for layout in (torch.contiguous_format, torch.channels_last):
        given = drawn(shape[0], 5, *shape[1:], seed=1).contiguous(memory_format=layout).requires_grad_(True)
        wanted = [given, *layer.parameters()]
        results = [
            [images, *torch.autograd.grad((images**3).sum(), wanted)] for images in (layer(given), plain(layer, given))
        ]
        for ours, theirs in zip(*results, strict=True):
            torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("shape", [(3, 2, 7, 7), (1, 4, 1, 5)])
def test_what_repeats_on_a_gpu_enlarges_alike(shape: tuple[int, ...]) -> None:
    given = drawn(*shape, seed=2)
    large = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)(given)
    torch.testing.assert_close(doubled(doubled(given, 2), 3), large)


def test_can_be_differentiated_twice() -> None:
    """As gradient penalties need it."""
    layer = ResizeConv2d(2, 1).double()
    given = drawn(2, 2, 4, 4, seed=3).requires_grad_(True)
    assert torch.autograd.gradgradcheck(lambda x: layer(x) ** 2, (given,))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_a_generator_that_resizes(size: int, channels: int, batch_norm: bool) -> None:
    generator = Generator(5, size, channels, 2, batch_norm, "resize")
    images = generator(torch.randn(3, 5, generator=torch.Generator().manual_seed(1)))
    assert images.shape == (3, channels, size, size)
    assert images.abs().max() <= 1
    (images**3).sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in generator.parameters())
    assert not any(isinstance(module, nn.ConvTranspose2d) for module in generator.modules())


def test_it_is_initialised_as_other_convolutions() -> None:
    generator = Generator(5, 28, 1, 32, upsampling="resize")
    initialise(generator, torch.Generator().manual_seed(7))
    for layer in generator.modules():
        if isinstance(layer, ResizeConv2d):
            assert layer.weight.std().item() == pytest.approx(0.02, rel=0.1)
            assert layer.bias is None or not layer.bias.any()
