"""A net trained on other images, as an extractor: ours are given the size and the scale of those."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ganetic.metrics.architectures import InputScale

_PIXELS = 200_000  # a forward pass: 48 images of 64 pixels a side. More leave the processor's cache


@dataclass(frozen=True, eq=False)
class PretrainedExtractor:
    """Looks at images through a pretrained net; a `ganetic.metrics.extractor.FeatureExtractor`.

    Attributes:
        name: the features' name in protocols.
        dimensions: the number of features F.
        net: maps float32 ``(N, 3, side, side)`` to ``(N, F)``; in evaluation mode.
        side: pixels a side to which images are resized.
        scale: how the net wants its pixels.
    """

    name: str
    dimensions: int
    net: nn.Module
    side: int
    scale: InputScale

    @torch.no_grad()
    def __call__(self, images: Tensor | NDArray[np.uint8]) -> Tensor:
        """Return float32 features ``(N, F)`` of uint8 images ``(N, H, W, C)``, C of 1 or 3, batch by batch."""
        device, size = next(self.net.parameters()).device, max(1, _PIXELS // self.side**2)
        pixels = images if isinstance(images, Tensor) else torch.tensor(images, device="cpu")
        found = [self.net(as_input(batch.to(device), self.side, self.scale)) for batch in torch.split(pixels, size)]
        return torch.cat(found)


def as_input(images: Tensor, side: int, scale: InputScale) -> Tensor:
    """Turn uint8 images ``(N, H, W, C)`` into a net's input, float32 ``(N, 3, side, side)``, channels last in memory.

    Bilinear, with antialiasing where images shrink; without it, a net would take the aliases for texture. Nothing is
    rounded in between. Images that are not square are stretched. Grey is repeated to three channels.
    """
    pixels = images.permute(0, 3, 1, 2).to(torch.float32)
    if pixels.shape[2:] != (side, side):
        shrinks = side < max(pixels.shape[2:])
        pixels = F.interpolate(pixels, (side, side), mode="bilinear", align_corners=False, antialias=shrinks)
    mean, sd = (pixels.new_tensor(three).view(1, 3, 1, 1) for three in (scale.mean, scale.sd))
    return ((pixels - mean) / sd).contiguous(memory_format=torch.channels_last)
