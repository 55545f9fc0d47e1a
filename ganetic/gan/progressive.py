"""The building blocks of progressive GANs: Karras et al., https://arxiv.org/abs/1710.10196, section 4 and 3.

Equalised learning rate, pixel norm, minibatch standard deviation.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.2
"""Slope of the leaky rectifiers where they leak."""
GAIN = math.sqrt(2 / (1 + SLOPE**2))
"""He's gain of a layer that a leaky rectifier follows (https://arxiv.org/abs/1502.01852)."""
EPSILON = 1e-8
"""What is added under the roots."""


class ScaledConv2d(nn.Conv2d):
    """A convolution with He's initialisation, at run time (equalised) or when it is drawn.

    Equalised, weights are stored with deviation 1 and scaled in every forward pass, so that Adam moves the weights of
    all layers at one relative speed. The convolution computes the same either way until the first update.

    Args:
        inputs: channels that come.
        outputs: channels that go.
        kernel: side of the kernel.
        padding: pixels of padding.
        gain: `GAIN`, or 1 where no rectifier follows.
        bias: whether there is one.
        equalised: whether weights are scaled at run time.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        padding: int = 0,
        gain: float = GAIN,
        bias: bool = True,
        equalised: bool = True,
    ) -> None:
        super().__init__(inputs, outputs, kernel, padding=padding, bias=bias)
        deviation = gain / math.sqrt(inputs * kernel**2)
        self.drawn_deviation, self.scale = (1.0, deviation) if equalised else (deviation, 1.0)

    def forward(self, input: Tensor) -> Tensor:
        """Map ``(N, inputs, H, W)`` to ``(N, outputs, H', W')``."""
        weight = self.weight if self.scale == 1 else self.weight * self.scale
        return F.conv2d(input, weight, self.bias, padding=self.padding)


class ScaledLinear(nn.Linear):
    """A linear layer with an equalised learning rate, which may be a fraction of that of other layers.

    Weights are stored with deviation 1 / ``rate``, and scaled in every forward pass. Adam moves all parameters by steps
    of one length: what the layer computes then changes ``rate`` times as fast as at rate 1.

    Args:
        inputs: units that come.
        outputs: units that go.
        rate: of learning, as a share of that of other layers.
        gain: of weights and biases; √2 makes up for a leaky rectifier that follows.
        bias_start: what is added at first, before the gain.
    """

    def __init__(
        self, inputs: int, outputs: int, rate: float = 1.0, gain: float = 1.0, bias_start: float = 0.0
    ) -> None:
        super().__init__(inputs, outputs)
        self.drawn_deviation, self.drawn_bias = 1 / rate, bias_start / rate
        self.scale, self.bias_scale = gain * rate / math.sqrt(inputs), gain * rate

    def forward(self, input: Tensor) -> Tensor:
        """Map ``(N, inputs)`` to ``(N, outputs)``."""
        return F.linear(input, self.weight * self.scale, self.bias * self.bias_scale)


class PixelNorm(nn.Module):
    """Each pixel's features divided by their rms (section 4.2)."""

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(N, C, …)`` to the same shape, where the mean square over C is 1."""
        return features * torch.rsqrt(features.square().mean(1, keepdim=True) + EPSILON)


class MinibatchStddev(nn.Module):
    """One more feature, the same everywhere: how much the batch varies (section 3).

    The standard deviation over a group of every feature at every pixel, averaged over both. By default the whole batch
    is one group, as in the code of MSG-GAN. Groups are of neighbours, so that workers that share a batch have the
    groups of one, where their shares are multiples of the group.

    Args:
        group: images of a group; where a batch is no multiple of it, some groups are larger, and never smaller.
    """

    def __init__(self, group: int | None = None) -> None:
        super().__init__()
        self._group = group

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(N, C, H, W)`` to ``(N, C + 1, H, W)``."""
        count = 1 if self._group is None else max(1, len(features) // self._group)
        deviations = [_deviation(group) for group in features.tensor_split(count)]
        return torch.cat([features, deviations[0] if count == 1 else torch.cat(deviations)], 1)


def _deviation(group: Tensor) -> Tensor:
    """How much the images of a group vary, ``(N, 1, H, W)``, the same everywhere."""
    variance = group.var(0, correction=0)
    return (variance + EPSILON).sqrt().mean().expand(len(group), 1, *group.shape[2:])


@torch.no_grad()
def initialise(net: nn.Module, stream: torch.Generator) -> None:
    """Draw every `ScaledConv2d` and `ScaledLinear` of a net from a CPU generator; biases are 0, unless one says so."""
    for module in net.modules():
        if isinstance(module, ScaledConv2d | ScaledLinear):
            module.weight.copy_(module.drawn_deviation * torch.randn(module.weight.shape, generator=stream))
            if module.bias is not None:
                module.bias.fill_(module.drawn_bias if isinstance(module, ScaledLinear) else 0.0)
