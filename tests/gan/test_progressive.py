import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ganetic.gan.progressive import GAIN, MinibatchStddev, PixelNorm, ScaledConv2d, initialise


def drawn(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def stream() -> torch.Generator:
    return torch.Generator().manual_seed(7)


@pytest.mark.parametrize(("kernel", "inputs"), [(1, 64), (3, 16), (4, 8)])
def test_an_equalised_layer_keeps_the_variance_through_a_leaky_rectifier(kernel: int, inputs: int) -> None:
    layer = ScaledConv2d(inputs, 64, kernel)
    initialise(layer, stream())
    assert layer.weight.std().item() == pytest.approx(1, rel=0.05)
    with torch.no_grad():
        result = layer(drawn(64, inputs, 8, 8))
        rectified = F.leaky_relu(result, 0.2)
    assert result.std().item() == pytest.approx(GAIN, rel=0.1)
    assert rectified.square().mean().item() == pytest.approx(1, rel=0.15)


def test_equalised_and_plain_layers_compute_the_same_until_they_learn() -> None:
    equalised, plain = ScaledConv2d(3, 5, 3, 1), ScaledConv2d(3, 5, 3, 1, equalised=False)
    for layer in (equalised, plain):
        initialise(layer, stream())
    images = drawn(2, 3, 6, 6)
    torch.testing.assert_close(equalised(images), plain(images))
    deviation = math.sqrt(2 / 1.04 / 27)
    torch.testing.assert_close(plain.weight, equalised.weight * deviation)
    for layer in (equalised, plain):
        layer(images).square().sum().backward()
    assert equalised.weight.grad is not None
    assert plain.weight.grad is not None
    torch.testing.assert_close(equalised.weight.grad, plain.weight.grad * deviation, rtol=1e-4, atol=1e-4)


def test_initialisation_is_of_the_stream_only() -> None:
    layers = []
    for disturbance in (1, 2):
        torch.manual_seed(disturbance)
        layer = ScaledConv2d(3, 5, 3)
        initialise(layer, stream())
        layers.append(layer)
    for first, second in zip(layers[0].parameters(), layers[1].parameters(), strict=True):
        assert torch.equal(first, second)
    assert layers[0].bias is not None
    assert not layers[0].bias.any()


def test_pixel_norm_is_the_rms_of_each_pixel() -> None:
    features = drawn(2, 5, 3, 4).double()
    expected = torch.empty_like(features)
    for image in range(2):
        for row in range(3):
            for column in range(4):
                pixel = features[image, :, row, column]
                expected[image, :, row, column] = pixel / math.sqrt(sum(float(x) ** 2 for x in pixel) / 5 + 1e-8)
    torch.testing.assert_close(PixelNorm()(features), expected)
    assert PixelNorm()(torch.zeros(1, 3, 1, 1)).abs().max() == 0
    torch.testing.assert_close(PixelNorm()(drawn(4, 9)).square().mean(1), torch.ones(4))


def test_minibatch_stddev_is_the_mean_deviation_over_the_batch() -> None:
    features = drawn(6, 5, 3, 4).double()
    result = MinibatchStddev()(features)
    assert result.shape == (6, 6, 3, 4)
    assert torch.equal(result[:, :5], features)
    expected = features.numpy().std(axis=0).mean()
    torch.testing.assert_close(result[:, 5], torch.full((6, 3, 4), expected, dtype=torch.float64))


def test_minibatch_stddev_sees_a_collapsed_batch_and_can_be_differentiated_there() -> None:
    same = drawn(1, 2, 3, 3).expand(4, 2, 3, 3).clone().requires_grad_(True)
    result = MinibatchStddev()(same)
    assert result[:, 2].max().item() == pytest.approx(1e-4)
    (gradient,) = torch.autograd.grad(result.square().sum(), same, create_graph=True)
    gradient.square().sum().backward()  # type: ignore[no-untyped-call]
    assert same.grad is not None
    assert bool(same.grad.isfinite().all())
    assert MinibatchStddev()(drawn(1, 2, 3, 3)).isfinite().all()
