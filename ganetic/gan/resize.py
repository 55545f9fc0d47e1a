"""Enlargement by interpolation and a 3×3 convolution, where a DCGAN has a transposed convolution.

A transposed convolution of stride 2 covers its image unevenly, which leaves a grid; this does not
(https://distill.pub/2016/deconv-checkerboard/).
"""

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
    enlarged: Tensor = F.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=False)
    return enlarged
