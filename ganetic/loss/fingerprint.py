"""When are two losses the same? When Adam cannot tell them apart.

Adam hardly sees the scale of a gradient, so two losses are the same when each player's gradients agree up to one
positive factor, and up to d → -d. The fingerprint is taken on an irregular grid out to ±20.
"""

import hashlib

import numpy as np

from ganetic.loss.formula import Formula, Slot
from ganetic.loss.numeric import Grid, Response, responses
from ganetic.loss.ops import Array
from ganetic.loss.screen import Orientation, discriminator_gradients, judge, rms

RESOLUTION = 200
"""Steps a unit of asinh(gradient / rms): half a percent of the typical gradient, and of large ones."""


def fingerprint(formula: Formula) -> str:
    """16 hexadecimal digits; equal for losses that train alike under Adam."""
    points, slots = responses(formula)
    return of_responses(points, slots, judge(points, slots).orientation)


def of_responses(points: Grid, slots: dict[Slot, Response], orientation: Orientation | None) -> str:
    """`fingerprint` from responses and an orientation that are known already."""
    gradients = normalised_gradients(points, slots)
    if orientation is Orientation.FAKE_ABOVE_REAL:
        return _digest(points, -points.flip(gradients))
    if orientation is Orientation.REAL_ABOVE_FAKE:
        return _digest(points, gradients)
    return min(_digest(points, gradients), _digest(points, -points.flip(gradients)))


def normalised_gradients(points: Grid, slots: dict[Slot, Response]) -> Array:
    """Both players' partial derivatives, each player's over its rms on |d|, |m| ≤ 2; shape (8, N)."""
    zeros = np.zeros_like(points.d)
    generator = [part for slot in ("g_fake", "g_real") for part in _partials(slots, slot, zeros)]
    players = [discriminator_gradients(slots), np.stack(generator)]
    with np.errstate(all="ignore"):
        return np.concatenate([player / (rms(player[:, points.near]) or 1.0) for player in players])


def _partials(slots: dict[Slot, Response], slot: str, zeros: Array) -> tuple[Array, Array]:
    for name, response in slots.items():
        if name == slot:
            return response.by_d, response.by_m
    return zeros, zeros


def _digest(points: Grid, gradients: Array) -> str:
    with np.errstate(all="ignore"):
        rounded = np.rint(RESOLUTION * np.arcsinh(gradients)) + 0.0  # + 0.0: no negative zero
    content = rounded.astype(np.float32).tobytes() + bytes(bool(points.m.any()))
    return hashlib.blake2b(content, digest_size=8).hexdigest()
