"""f-AnoGAN's loss izi_f in float64 numpy, of fully connected nets and our encoder, from the formulas alone."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Weights = Mapping[str, Array]

SLOPE = 0.2


def leaky(x: Array) -> Array:
    return np.where(x >= 0, x, SLOPE * x)


def linear(weights: Weights, name: str, x: Array) -> Array:
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def strided_convolution(weights: Weights, name: str, x: Array) -> Array:
    """4×4, stride 2, padding 1, one output pixel at a time."""
    kernel, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    side = x.shape[2] // 2
    out = np.empty((len(x), len(kernel), side, side))
    for row in range(side):
        for column in range(side):
            patch = padded[:, :, 2 * row : 2 * row + 4, 2 * column : 2 * column + 4]
            out[:, :, row, column] = np.einsum("ncij,ocij->no", patch, kernel) + bias
    return out


def normed(weights: Weights, name: str, x: Array) -> Array:
    """All features of an image together get mean 0 and deviation 1, then a scale and a shift for each channel."""
    mean, variance = x.mean((1, 2, 3), keepdims=True), x.var((1, 2, 3), keepdims=True)
    scale, shift = (weights[f"{name}.{part}"][None, :, None, None] for part in ("weight", "bias"))
    out: Array = (x - mean) / np.sqrt(variance + 1e-5) * scale + shift
    return out


def encoded(weights: Weights, x: Array) -> Array:
    level = 0
    while f"downs.{level}.weight" in weights:
        x = leaky(normed(weights, f"norms.{level}", strided_convolution(weights, f"downs.{level}", x)))
        level += 1
    return linear(weights, "code", x.reshape(len(x), -1))


def generated(weights: Weights, codes: Array, shape: tuple[int, ...]) -> Array:
    x = codes
    for layer in (0, 2, 4):
        x = leaky(linear(weights, f"layers.{layer}", x))
    return np.tanh(linear(weights, "layers.6", x)).reshape(-1, *shape)


def features(weights: Weights, x: Array) -> Array:
    """What the discriminator's logit is made from."""
    flat = x.reshape(len(x), -1)
    return leaky(linear(weights, "layers.2", leaky(linear(weights, "layers.0", flat))))


def izi_f(encoder: Weights, generator: Weights, discriminator: Weights, x: Array, kappa: float) -> float:
    made = generated(generator, encoded(encoder, x), x.shape[1:])
    f, g = features(discriminator, x), features(discriminator, made)
    pixels, count = np.prod(x.shape[1:]), f.shape[1]
    return float(np.mean([np.sum((a - b) ** 2) / pixels for a, b in zip(x, made, strict=True)])) + kappa * float(
        np.mean([np.sum((a - b) ** 2) / count for a, b in zip(f, g, strict=True)])
    )
