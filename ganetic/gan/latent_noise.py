"""Random numbers that follow from a latent vector alone.

What a generator draws for an image beside its latent vector is the same wherever the image is made: in whichever batch,
process or training that goes on. No stream has to be kept or shared for it.

The vector's numbers are hashed to a seed, and a seed begins a sequence of SplitMix64: Steele et al., Fast Splittable
Pseudorandom Number Generators, 2014, https://doi.org/10.1145/2660193.2660195. Numbers of 64 bits are torch's int64,
which wrap around.
"""

import math

import torch
from torch import Tensor

_GOLDEN = 0x9E3779B97F4A7C15 - 2**64
_FIRST, _SECOND = 0xBF58476D1CE4E5B9 - 2**64, 0x94D049BB133111EB - 2**64
_FRACTION_BITS = 24
"""As many as a float32 holds."""


def seeds_of(latents: Tensor, use: int) -> Tensor:
    """Return a seed for each latent vector, int64 ``(N,)``; no gradient passes.

    Args:
        latents: ``(N, latent)``, whose values count to 24 binary places.
        use: what is drawn; sequences of different uses are independent.
    """
    # By arithmetic, and not by the bits in memory, so that ONNX has a form for it. A float32 above 1/2 loses nothing.
    whole = (latents.detach().double() * 2**_FRACTION_BITS).round().long()
    places = torch.arange(1, whole.shape[1] + 1, device=whole.device) * _GOLDEN
    return _mixed(_sum(_mixed(whole + places)) + use)


def words(seeds: Tensor, count: int) -> Tensor:
    """Return the first numbers of each seed's SplitMix64, int64 ``(N, count)``."""
    counters = torch.arange(1, count + 1, device=seeds.device) * _GOLDEN
    return _mixed(seeds[:, None] + counters)


def uniform(seeds: Tensor, count: int) -> Tensor:
    """Return float32 ``(N, count)`` in [0, 1)."""
    return _fraction(words(seeds, count), 64 - _FRACTION_BITS)


def normal(seeds: Tensor, count: int) -> Tensor:
    """Return float32 ``(N, count)`` of the standard normal distribution, two of each word: Box & Muller, 1958."""
    drawn = words(seeds, (count + 1) // 2)
    high, low = (_fraction(drawn, shift) for shift in (64 - _FRACTION_BITS, 64 - 2 * _FRACTION_BITS))
    radius = torch.sqrt(-2 * torch.log1p(-high))
    angle = 2 * math.pi * low
    return torch.cat([radius * torch.cos(angle), radius * torch.sin(angle)], 1)[:, :count]


def _fraction(drawn: Tensor, shift: int) -> Tensor:
    """The bits from a place on as a float32 in [0, 1)."""
    bits: Tensor = _shifted(drawn, shift) & (2**_FRACTION_BITS - 1)
    return bits.float() * 2.0**-_FRACTION_BITS


def _mixed(state: Tensor) -> Tensor:
    """The finaliser of SplitMix64: every bit of what comes decides about half of the bits that go."""
    state = (state ^ _shifted(state, 30)) * _FIRST
    state = (state ^ _shifted(state, 27)) * _SECOND
    return state ^ _shifted(state, 31)


def _sum(numbers: Tensor) -> Tensor:
    """The sum of each row modulo 2^64; by halves, as onnxruntime's sums do not wrap around."""
    low, high = (numbers & (2**32 - 1)).sum(1), _shifted(numbers, 32).sum(1)
    total: Tensor = low + high * 2**32
    return total


def _shifted(state: Tensor, bits: int) -> Tensor:
    """A shift to the right that fills up with zeros."""
    shifted: Tensor = (state >> bits) & (2 ** (64 - bits) - 1)
    return shifted
