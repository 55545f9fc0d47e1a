"""The convolutions between a grey image and features, as matrix products where these are faster.

On a CPU a convolution library fills its vectors with channels, of which a grey image has one. The layers here have the
parameters of torch's, and give what these give but for the last bits.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_WINDOW = {"kernel_size": 4, "padding": 1, "stride": 2}


class ToFeatures(nn.Conv2d):
    """``Conv2d(1, width, 4, 2, 1)``, with a fast gradient of the image where the layer is frozen.

    Args:
        width: channels of the features.
    """

    def __init__(self, width: int) -> None:
        super().__init__(1, width, 4, 2, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(N, 1, H, W)`` to ``(N, width, H/2, W/2)``."""
        weight = self.weight  # read once: a parametrisation, such as spectral norm, computes it at every reading
        if images.is_cuda or not images.requires_grad or weight.requires_grad:
            return F.conv2d(images, weight, self.bias, 2, 1)
        features: Tensor = _Frozen.apply(images, weight, self.bias)
        return features


class ToImage(nn.ConvTranspose2d):
    """``ConvTranspose2d(width, 1, 4, 2, 1)``.

    Args:
        width: channels of the features.
    """

    def __init__(self, width: int) -> None:
        super().__init__(width, 1, 4, 2, 1)

    def forward(self, features: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Map ``(N, width, H, W)`` to images ``(N, 1, 2H, 2W)``."""
        if features.is_cuda or output_size is not None:
            return super().forward(features, output_size)
        assert self.bias is not None
        return _spread(features, self.weight) + self.bias.view(-1, 1, 1)


class _Frozen(torch.autograd.Function):
    """The convolution, for an image alone to learn from."""

    @staticmethod
    def forward(context: Any, images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        context.save_for_backward(weight)
        return F.conv2d(images, weight, bias, 2, 1)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (weight,) = context.saved_tensors
        return _spread(gradients[0], weight), None, None


def _spread(features: Tensor, weight: Tensor) -> Tensor:
    """Add up the features' 4×4 patches of images, with weights ``(width, 1, 4, 4)``: ``(N, 1, 2H, 2W)``."""
    height, width = features.shape[2:]
    patches = torch.matmul(weight.flatten(1).T, features.flatten(2))
    return F.fold(patches, (2 * height, 2 * width), **_WINDOW)
