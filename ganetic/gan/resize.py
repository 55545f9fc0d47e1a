"""Enlargement by interpolation and a 3×3 convolution, where a DCGAN has a transposed convolution.

A transposed convolution of stride 2 covers its image unevenly, which leaves a grid; this does not
(https://distill.pub/2016/deconv-checkerboard/).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ResizeConv2d(nn.Conv2d):
    """Bilinear enlargement ×2, then ``Conv2d(inputs, outputs, 3, padding=1)``.

    Args:
        inputs: channels that come.
        outputs: channels that go.
        bias: whether there is one.
    """

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__(inputs, outputs, 3, padding=1, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        """Map ``(N, inputs, H, W)`` to ``(N, outputs, 2H, 2W)``."""
        if self.out_channels == 1 and not input.is_cuda:
            return _to_one_channel(input, self.weight, self.bias)
        return super().forward(_enlarged(input))


def _to_one_channel(features: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The same for one output, but for the last bits, in half of the time on a CPU.

    What mixes channels commutes with what enlarges each: the 9 products of the kernel are enlarged in the place of all
    channels, and then added up, each shifted by its place in the kernel.
    """
    height, width = features.shape[2:]
    # `fold` spreads where a convolution gathers: the kernel is turned round.
    products = F.conv2d(features, weight.flip(2, 3).flatten(2).permute(2, 1, 0)[..., None])
    images = F.fold(_enlarged(products).flatten(2), (2 * height, 2 * width), kernel_size=3, padding=1)
    return images if bias is None else images + bias.view(-1, 1, 1)


def _enlarged(features: Tensor) -> Tensor:
    if features.is_cuda:
        return doubled(doubled(features, 2), 3)
    enlarged: Tensor = F.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=False)
    return enlarged


def doubled(features: Tensor, dimension: int) -> Tensor:
    """Double one side by linear interpolation, with the same gradient every time.

    On a GPU torch's own adds gradients up in any order, and a training would not repeat bit for bit; on a CPU it does,
    and is faster than this.

    Args:
        features: of any shape.
        dimension: the side.
    """
    count = features.shape[dimension]
    first, last = features.narrow(dimension, 0, 1), features.narrow(dimension, count - 1, 1)
    before = torch.cat([first, features.narrow(dimension, 0, count - 1)], dimension)
    after = torch.cat([features.narrow(dimension, 1, count - 1), last], dimension)
    own = 0.75 * features
    return torch.stack([own + 0.25 * before, own + 0.25 * after], dimension + 1).flatten(dimension, dimension + 1)
