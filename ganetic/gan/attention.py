"""Self-attention between the pixels of a feature map, as in SAGAN: Zhang et al., https://arxiv.org/abs/1805.08318."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganetic.gan.progressive import ScaledConv2d


class SelfAttention(nn.Module):
    """What each pixel gathers from all others, added to its features with a weight γ that starts at 0.

    As in the paper's code, queries and keys have an eighth of the channels and values a half, and keys and values are
    max-pooled 2×2, which costs a quarter. Unlike there, the products are divided by √(length of a query), since
    without spectral norm the softmax would saturate. While γ is 0, it alone has a gradient.

    No convolution has a bias: that of the keys would do nothing, a softmax does not see it.

    Args:
        channels: of the features.
        equalised: whether weights are scaled at run time.
    """

    def __init__(self, channels: int, equalised: bool = True) -> None:
        super().__init__()
        short, half = max(1, channels // 8), max(1, channels // 2)
        self.query = ScaledConv2d(channels, short, 1, gain=1, bias=False, equalised=equalised)
        self.key = ScaledConv2d(channels, short, 1, gain=1, bias=False, equalised=equalised)
        self.value = ScaledConv2d(channels, half, 1, gain=1, bias=False, equalised=equalised)
        self.output = ScaledConv2d(half, channels, 1, gain=1, bias=False, equalised=equalised)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(N, C, H, W)`` with even sides to the same shape."""
        count, _, height, width = features.shape
        query = _tokens(self.query(features))
        key, value = (_tokens(F.max_pool2d(layer(features), 2)) for layer in (self.key, self.value))
        gathered = _attend(query, key, value)
        gathered = gathered.transpose(2, 3).reshape(count, -1, height, width)
        result: Tensor = features + self.gamma * self.output(gathered)
        return result


def _attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """softmax(Q Kᵀ / √d) V, of queries and keys that may be shorter than values."""
    # torch's fast kernels want one length: zeros at the end change no product. Three times as fast on a CPU.
    longer = max(0, value.shape[-1] - query.shape[-1])
    query, key = (F.pad(tokens, (0, longer)) for tokens in (query, key))
    return F.scaled_dot_product_attention(query, key, value, scale=(query.shape[-1] - longer) ** -0.5)


def _tokens(features: Tensor) -> Tensor:
    """``(N, C, H, W)`` to one head's sequence ``(N, 1, H·W, C)``."""
    # Contiguous, as the fast kernels want it; features that are laid out channels last are so already.
    return features.flatten(2).transpose(1, 2).unsqueeze(1).contiguous()
