import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ganetic.gan.modulation import GAIN, ModulatedConv2d, StyledLayer
from ganetic.gan.progressive import initialise


def drawn(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def layer(inputs: int, outputs: int, kernel: int = 3, **more: bool) -> ModulatedConv2d:
    module = ModulatedConv2d(5, inputs, outputs, kernel, GAIN, **more).double()
    initialise(module, torch.Generator().manual_seed(3))
    torch.nn.init.normal_(module.bias, generator=torch.Generator().manual_seed(4))
    return module


def grouped(module: ModulatedConv2d, features: Tensor, style: Tensor, demodulated: bool, doubles: bool) -> Tensor:
    """As the paper has it: the weights of every image are scaled, and images are groups of one convolution."""
    count, inputs, height, width = features.shape
    scales = style @ module.style.weight.T / math.sqrt(5) + module.style.bias
    weights = module.conv.weight / math.sqrt(module.conv.weight[0].numel())
    own = weights[None] * scales[:, None, :, None, None]
    if demodulated:
        own = own / (own.square().sum((2, 3, 4), keepdim=True) + 1e-8).sqrt()
    kernel, channels = own.shape[-1], own.shape[1]
    together = features.reshape(1, count * inputs, height, width)
    if doubles:
        spread = own.transpose(1, 2).reshape(count * inputs, channels, kernel, kernel)
        made = F.conv_transpose2d(together, spread, stride=2, groups=count)
        taps = torch.tensor([1.0, 3, 3, 1], dtype=torch.float64) / 4
        smoothing = (taps[:, None] * taps).expand(count * channels, 1, 4, 4)
        made = F.conv2d(made, smoothing, padding=1, groups=count * channels)
    else:
        made = F.conv2d(together, own.flatten(0, 1), padding=kernel // 2, groups=count)
    return GAIN * (made.view(count, channels, *made.shape[2:]) + module.bias[:, None, None])


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("demodulated", [True, False])
@pytest.mark.parametrize("doubles", [True, False])
def test_is_the_grouped_convolution_with_scaled_weights(kernel: int, demodulated: bool, doubles: bool) -> None:
    if kernel == 1 and doubles:
        pytest.skip("no net has such a layer")
    module = layer(3, 4, kernel, demodulated=demodulated, doubles=doubles)
    features, style = drawn(2, 3, 6, 6).requires_grad_(True), drawn(2, 5, seed=2).requires_grad_(True)
    made, expected = module(features, style), grouped(module, features, style, demodulated, doubles)
    torch.testing.assert_close(made, expected)
    inputs = [features, style, *module.parameters()]
    towards = drawn(*made.shape, seed=6)
    for one, other in zip(
        torch.autograd.grad((made * towards).sum(), inputs),
        torch.autograd.grad((expected * towards).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_gradients_of_both_orders_are_right() -> None:
    module = layer(2, 2, doubles=True)
    inputs = (drawn(2, 2, 3, 3).requires_grad_(True), drawn(2, 5, seed=2).requires_grad_(True))
    assert torch.autograd.gradcheck(module, inputs)
    assert torch.autograd.gradgradcheck(module, inputs)


def test_demodulated_features_have_deviation_1_whatever_the_style() -> None:
    module = ModulatedConv2d(5, 32, 64, 3).double()
    initialise(module, torch.Generator().manual_seed(3))
    features, style = drawn(16, 32, 12, 12), 3 * drawn(16, 5, seed=2)
    inside = module(features, style)[:, :, 1:-1, 1:-1]  # at the edges a part of the kernel sees zeros
    assert inside.var((0, 2, 3)).mean().item() == pytest.approx(1, abs=0.03)
    assert inside.var((1, 2, 3)).tolist() == pytest.approx([1.0] * 16, abs=0.15)
    raw = ModulatedConv2d(5, 32, 64, 3, demodulated=False).double()
    raw.load_state_dict(module.state_dict())
    assert raw(features, style)[:, :, 1:-1, 1:-1].var((1, 2, 3)).max() > 3


def test_after_the_rectifier_features_have_a_mean_square_of_1() -> None:
    module = StyledLayer(5, 32, 64).double()
    initialise(module, torch.Generator().manual_seed(3))
    made = module(drawn(16, 32, 12, 12), drawn(16, 5, seed=2), drawn(16, 1, 12, 12, seed=5))[:, :, 1:-1, 1:-1]
    assert made.square().mean().item() == pytest.approx((1 + 0.2**2), rel=0.03)


def test_noise_is_added_before_the_rectifier_by_its_strength() -> None:
    module = StyledLayer(5, 3, 4).double()
    initialise(module, torch.Generator().manual_seed(3))
    features, style, noise = drawn(2, 3, 6, 6), drawn(2, 5, seed=2), drawn(2, 1, 6, 6, seed=5)
    without = module.conv(features, style) / GAIN
    torch.nn.init.constant_(module.noise_strength, 0.7)
    torch.testing.assert_close(module(features, style, noise), GAIN * F.leaky_relu(without + 0.7 * noise, 0.2))
