"""GAN loss logit-random-s0-66, exported by ganetic.

Input: logits, the discriminator's raw output of shape (B,); apply no sigmoid to it.
Orientation: real_above_fake. The discriminator puts real images above fake ones.
Formula: d_real = -4.796 - min(3.652, d)
Formula: d_fake = relu(d)
Formula: g_fake = -d
over the logit d; m is the mean logit of the opposite batch.
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

import torch
from torch import Tensor


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


def _lift(logits: Tensor) -> Tensor:
    return logits if logits.dtype in (torch.float32, torch.float64) else logits.float()


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Mean of d_real over the real batch plus mean of d_fake over the fake batch; logits of shape (B,)."""
    with torch.autocast(real_logits.device.type, enabled=False):
        real, fake = _lift(real_logits), _lift(fake_logits)
        return d_real(real).mean() + d_fake(fake).mean()


def generator_loss(fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
    """Mean of g_fake over the fake batch; logits of shape (B,). The real logits are not needed."""
    with torch.autocast(fake_logits.device.type, enabled=False):
        return g_fake(_lift(fake_logits)).mean()
