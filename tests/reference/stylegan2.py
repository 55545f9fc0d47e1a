"""StyleGAN2 and one step of both players, written a second time from the papers, in float64.

Nets are functions of their stored parameters, by name. Each image is convolved with its own weights, which were scaled
by its style; zeros are put between pixels; the filter is a sum over its 16 taps; Adam is written out.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

Parameters = dict[str, Tensor]
TAPS = [1 / 8, 3 / 8, 3 / 8, 1 / 8]


def leaky(x: Tensor) -> Tensor:
    return math.sqrt(2) * torch.where(x > 0, x, 0.2 * x)


def filtered(x: Tensor, padding: int) -> Tensor:
    x = F.pad(x, (padding,) * 4)
    side = x.shape[-1] - 3
    total = torch.zeros_like(x[..., :side, :side])
    for row in range(4):
        for column in range(4):
            total = total + TAPS[row] * TAPS[column] * x[..., row : row + side, column : column + side]
    return total


def with_zeros(x: Tensor) -> Tensor:
    """``(…, H, W)`` to ``(…, 2H, 2W)``: a zero right of and below every pixel."""
    wide = torch.zeros(*x.shape[:-2], 2 * x.shape[-2], 2 * x.shape[-1], dtype=x.dtype)
    wide[..., ::2, ::2] = x
    return wide


def dense(p: Parameters, name: str, x: Tensor, rate: float = 1) -> Tensor:
    weight = p[f"{name}.weight"]
    return x @ weight.T * (rate / math.sqrt(weight.shape[1])) + rate * p[f"{name}.bias"]


def convolution(weight: Tensor, x: Tensor, padding: int) -> Tensor:
    return F.conv2d(x, weight / math.sqrt(weight[0].numel()), padding=padding)


def modulated(p: Parameters, name: str, x: Tensor, style: Tensor, doubled: bool, demodulated: bool) -> Tensor:
    scales = dense(p, f"{name}.style", style)
    made = []
    for image, scale in zip(x, scales, strict=True):
        weight = p[f"{name}.conv.weight"] * scale[:, None, None]
        weight = weight / math.sqrt(weight[0].numel())
        if demodulated:
            weight = weight / torch.sqrt(weight.square().sum((1, 2, 3), keepdim=True) + 1e-8)
        if doubled:
            # Around 2H − 1 pixels that count (zeros between H) a kernel of 3 reaches as far as 2H + 1.
            stuffed = F.pad(with_zeros(image[None])[..., :-1, :-1], (2, 2, 2, 2))
            made.append(4 * filtered(F.conv2d(stuffed, weight.flip(2, 3)), 1))
        else:
            made.append(F.conv2d(image[None], weight, padding=weight.shape[-1] // 2))
    return torch.cat(made)


def styled(p: Parameters, name: str, x: Tensor, style: Tensor, noise: Tensor, doubled: bool = False) -> Tensor:
    x = modulated(p, f"{name}.conv", x, style, doubled, demodulated=True)
    return leaky(x + p[f"{name}.noise_strength"] * noise + p[f"{name}.conv.bias"][:, None, None])


def generator(p: Parameters, latents: Tensor, noise: list[Tensor]) -> Tensor:
    style = latents / torch.sqrt(latents.square().mean(1, keepdim=True) + 1e-8)
    for name in sorted({name.rpartition(".")[0] for name in p if name.startswith("mapping.")}):
        style = leaky(dense(p, name, style, rate=0.01))
    x, image = p["constant"].repeat(len(latents), 1, 1, 1), torch.zeros(())
    for level in range((len(noise) + 1) // 2):
        if level:
            x = styled(p, f"firsts.{level - 1}", x, style, noise[2 * level - 1], doubled=True)
            # Zeros before, between and behind: the filter's middle is between two pixels.
            image = 4 * filtered(F.pad(with_zeros(image), (1, 0, 1, 0)), 1)
        x = styled(p, f"seconds.{level}", x, style, noise[2 * level])
        pixels = modulated(p, f"to_image.{level}", x, style, doubled=False, demodulated=False)
        image = image + pixels + p[f"to_image.{level}.bias"][:, None, None]
    return torch.tanh(image)


def rectified(p: Parameters, name: str, x: Tensor, padding: int = 0, halved: bool = False) -> Tensor:
    if halved:
        x, padding = filtered(x, 2), 0
    x = convolution(p[f"{name}.weight"], x, padding)
    return leaky((x[..., ::2, ::2] if halved else x) + p[f"{name}.bias"][:, None, None])


def discriminator(p: Parameters, images: Tensor, residual: bool) -> Tensor:
    x = rectified(p, "from_image", images)
    for block in range(images.shape[-1].bit_length() - 3):
        skip = x
        x = rectified(p, f"blocks.{block}.first", x, padding=1)
        x = rectified(p, f"blocks.{block}.second", x, halved=True)
        if residual:
            skip = filtered(skip, 1)[..., ::2, ::2]
            x = (x + convolution(p[f"blocks.{block}.skip.weight"], skip, 0)) / math.sqrt(2)
    x = torch.cat([torch.cat([group, deviation(group)], 1) for group in torch.split(x, 4)])
    x = rectified(p, "gather", rectified(p, "last", x, padding=1))
    return (convolution(p["logit.weight"], x, 0) + p["logit.bias"]).flatten()


def deviation(group: Tensor) -> Tensor:
    centred = group - group.mean(0)
    value = torch.sqrt(centred.square().mean(0) + 1e-8).mean()
    return value * torch.ones(len(group), 1, *group.shape[2:], dtype=group.dtype)


def updated(p: Parameters, loss: Tensor, rate: float, beta2: float) -> tuple[Parameters, Parameters]:
    """Parameters after Adam's first step with β1 = 0, and the gradients that it was made with."""
    gradients = dict(zip(p, torch.autograd.grad(loss, list(p.values())), strict=True))
    after = {}
    for name, gradient in gradients.items():
        square = (1 - beta2) * gradient.square() / (1 - beta2)
        after[name] = (p[name] - rate * gradient / (square.sqrt() + 1e-8)).detach()
    return after, gradients


def step(
    g: Parameters, d: Parameters, real: Tensor, latents: Tensor, noise: list[Tensor], residual: bool, rate: float
) -> tuple[Parameters, Parameters, Parameters, Parameters]:
    """One step with the non-saturating loss: G's and D's parameters after it, and their gradients in it."""
    fake = generator(g, latents, noise)
    d_loss = F.softplus(-discriminator(d, real, residual)).mean()
    d_loss = d_loss + F.softplus(discriminator(d, fake.detach(), residual)).mean()
    d_after, d_gradients = updated(d, d_loss, rate, 0.99)
    g_loss = F.softplus(-discriminator(d_after, fake, residual)).mean()
    g_after, g_gradients = updated(g, g_loss, rate, 0.99)
    return g_after, d_after, g_gradients, d_gradients
