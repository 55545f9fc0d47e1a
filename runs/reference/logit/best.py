"""GAN loss logit-s0-113, exported by ganetic.

Input: logits, the discriminator's raw output of shape (B,); apply no sigmoid to it.
Orientation: real_above_fake. The discriminator puts real images above fake ones.
Formula: d_real = relu(0.07929 - d)
Formula: d_fake = relu(0.6886 + d)
Formula: g_fake = -d
over the logit d; m is the mean logit of the opposite batch.
Protected: division, square root and logarithm have an epsilon of 1e-8 that the formula does not show.
Found with: adam, learning rate 0.002, betas (0.5, 0.999), batch 16, with batch norm.
Result: fd@mnist5k-cnn64/2k 42.08 ± 5.428 (final, 5 seeds, 800 steps of dcgan28-w32 on mnist5k:b4d22f19591f, real
    against real 1.204)
Result: fd@mnist5k-cnn64/2k 42.17 ± 4.943 (confirmation, 20 seeds, 800 steps of dcgan28-w32 on mnist5k:b4d22f19591f,
    real against real 1.204)
Reference bce: fd@mnist5k-cnn64/2k 42.91 ± 5.217 (final, 5 seeds, 800 steps of dcgan28-w32 on mnist5k:b4d22f19591f, real
    against real 1.204)
Reference bce: fd@mnist5k-cnn64/2k 42.43 ± 4.72 (confirmation, 20 seeds, 800 steps of dcgan28-w32 on
    mnist5k:b4d22f19591f, real against real 1.204)
Reference lsgan: fd@mnist5k-cnn64/2k 54.74 ± 7.812 (final, 5 seeds, 800 steps of dcgan28-w32 on mnist5k:b4d22f19591f,
    real against real 1.204)
Reference lsgan: fd@mnist5k-cnn64/2k 54.37 ± 5.37 (confirmation, 20 seeds, 800 steps of dcgan28-w32 on
    mnist5k:b4d22f19591f, real against real 1.204)
Reference hinge: fd@mnist5k-cnn64/2k 45.27 ± 6.454 (final, 5 seeds, 800 steps of dcgan28-w32 on mnist5k:b4d22f19591f,
    real against real 1.204)
Reference hinge: fd@mnist5k-cnn64/2k 41.33 ± 4.378 (confirmation, 20 seeds, 800 steps of dcgan28-w32 on
    mnist5k:b4d22f19591f, real against real 1.204)
Reference relativistic-hinge: fd@mnist5k-cnn64/2k 47.79 ± 6.06 (final, 5 seeds, 800 steps of dcgan28-w32 on
    mnist5k:b4d22f19591f, real against real 1.204)
Reference relativistic-hinge: fd@mnist5k-cnn64/2k 47.43 ± 5.65 (confirmation, 20 seeds, 800 steps of dcgan28-w32 on
    mnist5k:b4d22f19591f, real against real 1.204)
Reference ganetic: fd@mnist5k-cnn64/2k 76.05 ± 8.294 (final, 5 seeds, 800 steps of dcgan28-w32 on mnist5k:b4d22f19591f,
    real against real 1.204)
Reference ganetic: fd@mnist5k-cnn64/2k 89.87 ± 33.98 (confirmation, 20 seeds, 800 steps of dcgan28-w32 on
    mnist5k:b4d22f19591f, real against real 1.204)
Provenance: run logit, space logit, seed 0, individual 113, ganetic 0.1.0, torch 2.14.1+cu130
"""

import torch
from torch import Tensor


def add(a: Tensor, b: Tensor) -> Tensor:
    """The sum a + b."""
    return a + b


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
    return relu(sub(c(0.07929), d))


def d_fake(d: Tensor) -> Tensor:
    """D's loss on fake logits."""
    c = d.new_tensor
    return relu(add(c(0.6886), d))


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
