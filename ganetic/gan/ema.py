"""The generator that is measured and kept: an exponential moving average of the trained one."""

from copy import deepcopy

import torch
from torch import Tensor, nn


class EMA:
    """A moving average of a net's weights, as in Karras et al., https://arxiv.org/abs/1710.10196.

    The decay rises as (1 + step) / (10 + step) up to its final value, so that the random initial weights are soon
    forgotten.

    Args:
        net: what is averaged; the average begins as a copy of it.
        decay: per step, in [0, 1).
        buffers: whether buffers, such as the running averages of batch norm, are averaged, too; else they are copied.
    """

    def __init__(self, net: nn.Module, decay: float, buffers: bool = False) -> None:
        self.net = deepcopy(net).requires_grad_(False).eval()
        self._decay, self._buffers = decay, buffers

    @torch.no_grad()
    def update(self, net: nn.Module, step: int) -> None:
        """Take in the weights after a step, counted from 1."""
        decay = min(self._decay, (1 + step) / (10 + step))
        own: list[Tensor] = list(self.net.parameters())
        torch._foreach_lerp_(own, [parameter.detach() for parameter in net.parameters()], 1 - decay)
        for buffer, trained in zip(self.net.buffers(), net.buffers(), strict=True):
            if self._buffers and buffer.is_floating_point():
                buffer.lerp_(trained, 1 - decay)
            else:
                buffer.copy_(trained)
