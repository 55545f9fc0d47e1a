"""GAN loss paper-random-s0-8, exported by ganetic.

Input: logits, the discriminator's raw output of shape (B,); apply no sigmoid to it.
Orientation: fake_above_real. The discriminator puts fake images above real ones: negate its output to score realness.
Formula: loss = log(3.997/(y - p³) - (-0.3217))
with p = sigmoid(d) of the logit d, y = 1 for real and 0 for fake images; G uses y = 1.
Protected: division, square root and logarithm have an epsilon of 1e-8 that the formula does not show.
Found as: log(sub(div(3.997, sub(cube(y), cube(p))), -0.3217))
Found with: adam, learning rate 0.002, betas (0.5, 0.999), batch 16, with batch norm.
Result: fd@mnist5k-cnn64/2k 41.68 ± 3.225 (final, 5 seeds, 800 steps of dcgan28-w32 on mnist5k:b4d22f19591f, real
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
Provenance: run paper-random, space paper, seed 0, individual 8, ganetic 0.1.0, torch 2.14.1+cu130
"""

import torch
from torch import Tensor

EPSILON = 1e-08


def cube(a: Tensor) -> Tensor:
    """a³."""
    return a * a * a


def div(a: Tensor, b: Tensor) -> Tensor:
    """The quotient a / (b + ε), exact for every b outside (-3ε/2, -ε/2); inside, the denominator is ±ε/2."""
    shifted = b + EPSILON
    if shifted.is_cpu and bool((shifted.detach().abs() >= EPSILON / 2).all()):
        return a / shifted  # there is nothing to protect, and the rest is two thirds of the time
    return a / torch.where(shifted >= 0, shifted.clamp(min=EPSILON / 2), shifted.clamp(max=-EPSILON / 2))


def log(a: Tensor) -> Tensor:
    """The logarithm of |a| + ε."""
    return torch.log(torch.abs(a) + EPSILON)


def sub(a: Tensor, b: Tensor) -> Tensor:
    """The difference a - b."""
    return a - b


def d_real(d: Tensor) -> Tensor:
    """D's loss on real logits."""
    p = torch.sigmoid(d)
    c = d.new_tensor
    return log(sub(div(c(3.997), sub(c(1.0), cube(p))), c(-0.3217)))


def d_fake(d: Tensor) -> Tensor:
    """D's loss on fake logits."""
    p = torch.sigmoid(d)
    c = d.new_tensor
    return log(sub(div(c(3.997), sub(c(0.0), cube(p))), c(-0.3217)))


def g_fake(d: Tensor) -> Tensor:
    """G's loss on fake logits."""
    return d_real(d)


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
