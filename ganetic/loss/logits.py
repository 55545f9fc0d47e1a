"""Which logits a loss takes, and what it makes of them."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

DTYPES = (torch.float32, torch.float64)
"""In which losses are computed."""


def flat(logits: Tensor, name: str) -> Tensor:
    """Return all logits of a batch in one row, of which a loss takes the mean.

    Args:
        logits: of a floating-point dtype and of shape ``(B,)``, ``(B, 1)``, ``(B, 1, 1, 1)`` or, of patches,
            ``(B, 1, H, W)``.
        name: what to call them in an error.

    Returns:
        Shape ``(N,)``. float32 and float64 stay as they are; half and bfloat16 become float32.

    Raises:
        ValueError: they are no tensor, have another dtype or another shape, or are none.
    """
    accepted = "(B,), (B, 1), (B, 1, 1, 1) or, of patches, (B, 1, H, W)"
    if not isinstance(logits, Tensor) or not logits.is_floating_point():
        tensor = f"a tensor of {logits.dtype} and shape {tuple(logits.shape)}" if isinstance(logits, Tensor) else ""
        got = tensor or f"of type {type(logits).__name__}"
        raise ValueError(
            f"{name} is {got}; expected a tensor of a floating-point dtype and of shape {accepted}; give the "
            "discriminator's raw output, one tensor at a time"
        )
    shape = logits.shape
    if len(shape) != 1 and not (len(shape) in (2, 4) and shape[1] == 1):
        raise ValueError(
            f"{name} has shape {tuple(shape)}; expected {accepted}; choose the channel that is the logit, or call "
            ".flatten() where every entry is one"
        )
    if logits.numel() == 0:
        raise ValueError(
            f"{name} has shape {tuple(shape)}, an empty batch; expected {accepted} of one image or more; leave it out"
        )
    row = logits.flatten()
    return row if row.dtype in DTYPES else row.float()


def without_autocast(device: str) -> AbstractContextManager[object]:
    """Turn autocast off for a type of device; ``meta``, which computes nothing, has none."""
    return nullcontext() if device == "meta" else torch.autocast(device, enabled=False)
