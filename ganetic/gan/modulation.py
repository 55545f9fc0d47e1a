"""Convolutions whose weights follow a style: Karras et al., https://arxiv.org/abs/1912.04958, section 2.2.

A style scales the weights by input channel (modulation). Demodulation then divides them by output channel, so that of
features of deviation 1 come features of deviation 1. The paper does that to the weights, and convolves each image with
its own, as groups of one convolution. Here the features are scaled in their place, before and after one convolution
with weights that all images share: the same sums, and the faster form on a CPU (`python -m analysis.bench_stylegan2`).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganetic.gan.progressive import EPSILON, SLOPE, ScaledConv2d, ScaledLinear
from ganetic.gan.upfirdn import smoothed

GAIN = math.sqrt(2)
"""Of a leaky rectifier in these nets, which keeps features at deviation 1. It is found before the rectifier, with which
it commutes, at the weights and biases."""


class ModulatedConv2d(nn.Module):
    """A convolution, modulated by an affine map of a style vector and demodulated, and a bias.

    Args:
        latent: length of a style vector.
        inputs: channels that come.
        outputs: channels that go.
        kernel: side of the kernel.
        gain: of all that comes out.
        demodulated: whether it is brought back to deviation 1.
        doubles: whether the sides are doubled, by zeros between the pixels and a filter behind the convolution.
    """

    def __init__(
        self,
        latent: int,
        inputs: int,
        outputs: int,
        kernel: int,
        gain: float = 1.0,
        demodulated: bool = True,
        doubles: bool = False,
    ) -> None:
        super().__init__()
        self.style = ScaledLinear(latent, inputs, bias_start=1)
        self.conv = ScaledConv2d(inputs, outputs, kernel, kernel // 2, gain=1, bias=False)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self._gain, self._demodulated, self._doubles = gain, demodulated, doubles

    def forward(self, features: Tensor, style: Tensor) -> Tensor:
        """Map ``(N, inputs, H, W)`` and styles ``(N, latent)`` to ``(N, outputs, H, W)``, or twice the sides."""
        scales = self.style(style)
        weight = self.conv.weight * self.conv.scale
        convolved = self._convolved(features * _on_pixels(scales).to(features.dtype), weight)
        factors = self._factors(scales, weight) * (4 * self._gain if self._doubles else self._gain)
        bias, factors = (_on_pixels(one).to(convolved.dtype) for one in (self._gain * self.bias[None], factors))
        return torch.addcmul(bias, convolved, factors)

    def _factors(self, scales: Tensor, weight: Tensor) -> Tensor:
        """What each output channel is multiplied by, ``(N, outputs)`` or ``(1, 1)``."""
        if not self._demodulated:
            return scales.new_ones(1, 1)
        squares = scales.square() @ weight.square().sum((2, 3)).T
        return torch.rsqrt(squares + EPSILON)

    def _convolved(self, features: Tensor, weight: Tensor) -> Tensor:
        if not self._doubles:
            return F.conv2d(features, weight, padding=self.conv.padding)
        # Zeros between the pixels, the filter and the convolution, in the order that costs least.
        return smoothed(F.conv_transpose2d(features, weight.transpose(0, 1), stride=2), 1)


class StyledLayer(nn.Module):
    """A modulated convolution, noise and a leaky rectifier.

    Args:
        latent: length of a style vector.
        inputs: channels that come.
        outputs: channels that go.
        doubles: whether the sides are doubled.
    """

    def __init__(self, latent: int, inputs: int, outputs: int, doubles: bool = False) -> None:
        super().__init__()
        self.conv = ModulatedConv2d(latent, inputs, outputs, 3, GAIN, doubles=doubles)
        self.noise_strength = nn.Parameter(torch.zeros(1))

    def forward(self, features: Tensor, style: Tensor, noise: Tensor) -> Tensor:
        """Map ``(N, inputs, H, W)``, styles ``(N, latent)``, noise ``(N, 1, H', W')`` to ``(N, outputs, H', W')``."""
        styled = self.conv(features, style)
        return F.leaky_relu(styled + (GAIN * self.noise_strength * noise).to(styled.dtype), SLOPE)


def _on_pixels(values: Tensor) -> Tensor:
    return values[:, :, None, None]
