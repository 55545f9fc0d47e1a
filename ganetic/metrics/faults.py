"""Faults of generated images, planted in real ones at known strengths."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ganetic.gan.dcgan import Generator, initialise
from ganetic.metrics.features import to_uint8
from ganetic.reproducible import random_stream, reproducible

Images = NDArray[np.uint8]
Indices = NDArray[np.int64]

FAULTS: Mapping[str, tuple[float, ...]] = {
    "blur": (0.5, 0.7, 1.0),
    "noise": (6.0, 12.0, 24.0),
    "checkerboard": (6.0, 12.0, 24.0),
    "modes": (0.5, 0.75, 1.0),
    "copies": (0.25, 0.5, 0.75),
    "untrained": (0.05, 0.1, 0.25),
}
"""Rising strengths of each fault. Blur: sd in pixels; noise and checkerboard: sd in grey levels of 255; modes: the
missing share of the images of some classes; copies: the share of images that are copies of a few; untrained: the share
of images that come from an untrained generator. analysis/self_test.md says why these."""

PIXEL_FAULTS = ("blur", "noise", "checkerboard")
"""Those that change every image; the others change which images there are."""

_LATENT, _WIDTH, _CHUNK = 64, 16, 50


def faulty(images: Images, fault: str, strength: float) -> Images:
    """Plant one of `PIXEL_FAULTS` in uint8 images ``(N, H, W, C)``; strength 0 changes nothing."""
    if fault == "blur":
        return blurred(images, strength)
    return noisy(images, strength) if fault == "noise" else checkered(images, strength)


def blurred(images: Images, sd: float) -> Images:
    """Blur uint8 images ``(N, H, W, C)`` by a Gaussian of so many pixels."""
    return _rounded(gaussian_filter(images.astype(np.float32), (0, sd, sd, 0)))


def noisy(images: Images, sd: float, seed: int = 0) -> Images:
    """Add Gaussian noise of so many grey levels to uint8 images ``(N, H, W, C)``."""
    return _rounded(images + np.random.default_rng(seed).normal(0, sd, images.shape))


def checkered(images: Images, sd: float) -> Images:
    """Add a pattern of period 4 and so many grey levels to uint8 images ``(N, H, W, C)``.

    Two stride-2 layers whose kernels overlap unevenly leave such a one.
    """
    tile = np.random.default_rng(0).normal(size=(4, 4))
    tile = (tile - tile.mean()) / tile.std()
    side = images.shape[1]
    pattern = np.tile(tile, (side // 4 + 1, side // 4 + 1))[:side, :side]
    return _rounded(images + sd * pattern[:, :, np.newaxis])


def without_modes(members: Indices, dropped: NDArray[np.bool_], strength: float) -> Indices:
    """Leave a share of the dropped images out, and keep the number of images.

    Args:
        members: indices in random order.
        dropped: ``(N,)``, whether the image of an index is one of those to drop.
        strength: the share of them that is missing; 0 for as many as belong.

    Returns:
        As many indices for every strength: those that are left where all dropped ones are missing.
    """
    gone, rest = members[dropped[members]], members[~dropped[members]]
    kept = round((1 - strength) * len(gone) * len(rest) / len(members))
    return np.concatenate([gone[:kept], rest[: len(rest) - kept]])


def with_others(members: Indices, others: Indices, strength: float) -> Indices:
    """Put others in the place of a share of the members, again and again where they are few."""
    count = round(strength * len(members))
    return np.concatenate([members[: len(members) - count], np.resize(others, count)])


@torch.no_grad()
def untrained_images(count: int, shape: tuple[int, ...]) -> Images:
    """Return uint8 images ``(count, *shape)`` of a generator that was never trained; the shape is ``(H, W, C)``."""
    with reproducible():
        generator = Generator(_LATENT, shape[0], shape[2], _WIDTH)
        initialise(generator, random_stream(0, "generator"))
        latents = torch.randn(count, _LATENT, generator=random_stream(0, "evaluation"))
        parts = [to_uint8(generator.eval()(batch)) for batch in torch.split(latents, _CHUNK)]
        return torch.cat(parts).numpy()


def _rounded(pixels: NDArray[np.floating]) -> Images:
    rounded: Images = pixels.round().clip(0, 255).astype(np.uint8)
    return rounded
