"""GAN loss logit-random-s0-66, exported by ganetic.

Input: logits, the discriminator's raw output; apply no sigmoid to it. Their shape is (B,), (B, 1), (B, 1, 1, 1) or, of
    patches, (B, 1, H, W); the loss is the mean over all of them.
Orientation: real_above_fake. The discriminator puts real images above fake ones.
Formula: d_real = -4.796 - min(3.652, d)
Formula: d_fake = relu(d)
Formula: g_fake = -d
over the logit d; m is the mean of all logits of the opposite batch.
Protected: division, square root and logarithm have an epsilon of 1e-8 that the formula does not show.
Found as: d_real=sub(-4.796, min(3.652, d)); d_fake=relu(d); g_fake=neg(mul(3.775, min(d, d)))
Found with: adam, learning rate 0.002, betas (0.5, 0.999), batch 16, with batch norm.
Result: fd@mnist5k-cnn64/2k 44.81 ± 8.908 (final, 5 seeds, 800 steps of dcgan28-w32 on mnist5k:b4d22f19591f, real
    against real 1.204)
Reference bce: fd@mnist5k-cnn64/2k 42.91 ± 5.217 (final, 5 seeds, 800 steps of dcgan28-w32 on mnist5k:b4d22f19591f, real
    against real 1.204)
Reference hinge: fd@mnist5k-cnn64/2k 45.27 ± 6.454 (final, 5 seeds, 800 steps of dcgan28-w32 on mnist5k:b4d22f19591f,
    real against real 1.204)
Reference relativistic-hinge: fd@mnist5k-cnn64/2k 47.79 ± 6.06 (final, 5 seeds, 800 steps of dcgan28-w32 on
    mnist5k:b4d22f19591f, real against real 1.204)
Reference lsgan: fd@mnist5k-cnn64/2k 54.74 ± 7.812 (final, 5 seeds, 800 steps of dcgan28-w32 on mnist5k:b4d22f19591f,
    real against real 1.204)
Reference ganetic: fd@mnist5k-cnn64/2k 76.05 ± 8.294 (final, 5 seeds, 800 steps of dcgan28-w32 on mnist5k:b4d22f19591f,
    real against real 1.204)
Provenance: run logit-random, space logit, seed 0, individual 66, ganetic 0.1.0, torch 2.14.1+cu130
"""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

DTYPES = (torch.float32, torch.float64)


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


def minimum(a: Tensor, b: Tensor) -> Tensor:
    """The smaller of two."""
    return torch.minimum(a, b)


def neg(a: Tensor) -> Tensor:
    """-a."""
    return -a


def relu(a: Tensor) -> Tensor:
    """max(a, 0)."""
    return torch.relu(a)


def sub(a: Tensor, b: Tensor) -> Tensor:
    """The difference a - b."""
    return a - b


def d_real(d: Tensor) -> Tensor:
    """D's loss on real logits."""
    c = d.new_tensor
    return sub(c(-4.796), minimum(c(3.652), d))


def d_fake(d: Tensor) -> Tensor:
    """D's loss on fake logits."""
    return relu(d)


def g_fake(d: Tensor) -> Tensor:
    """G's loss on fake logits."""
    return neg(d)


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Mean of d_real over the real logits plus mean of d_fake over the fake ones; a scalar."""
    real, fake = flat(real_logits, "real_logits"), flat(fake_logits, "fake_logits")
    with without_autocast(real.device.type):
        return d_real(real).mean() + d_fake(fake).mean()


def generator_loss(fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
    """Mean of g_fake over the fake logits; a scalar. The real logits are not needed."""
    fake = flat(fake_logits, "fake_logits")
    if real_logits is not None:
        flat(real_logits, "real_logits")
    with without_autocast(fake.device.type):
        return g_fake(fake).mean()
