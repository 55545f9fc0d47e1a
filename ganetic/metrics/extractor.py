"""What every net that measures images looks like from outside: where its features come from, and how they are taken."""

from typing import Protocol

import torch
from torch import Tensor


class FeatureExtractor(Protocol):
    """A net on a device, ready to look at images. It draws no random numbers and leaves no gradients."""

    @property
    def name(self) -> str:
        """The features' name in protocols, such as ``cnn64`` or ``efflite0-b4b10@64``."""
        ...

    @property
    def dimensions(self) -> int:
        """The number of features F."""
        ...

    def __call__(self, images: Tensor) -> Tensor:
        """Return float32 features ``(N, F)``, on the net's device, of uint8 images ``(N, H, W, C)`` on any."""
        ...


class FeatureSource(Protocol):
    """Plain data from which any process builds the same extractor: it travels to workers, the net does not."""

    @property
    def protocol(self) -> str:
        """The extractor's name."""
        ...

    @property
    def sha256(self) -> str:
        """64 hex digits that change when the features of some image may change."""
        ...

    def build(self, device: str | torch.device) -> FeatureExtractor:
        """Build the extractor on a device.

        Raises:
            UserError: its weights are not there, or are not those that were asked for.
        """
        ...
