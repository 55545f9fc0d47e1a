"""When are two losses the same? When Adam cannot tell them apart.

Adam hardly sees the scale of a gradient, so two losses are the same when each player's gradients agree up to one
positive factor, and up to d → -d. The fingerprint is taken on an irregular grid out to ±20.
"""

import hashlib

import numpy as np

from ganetic.loss.formula import SLOTS, Formula, Slot
from ganetic.loss.numeric import Grid, Response, responses
from ganetic.loss.ops import Array
from ganetic.loss.screen import Orientation, judge, rms

RESOLUTION = 200
"""Steps a unit of asinh(gradient / rms): half a percent of the typical gradient, and of large ones."""


def fingerprint(formula: Formula) -> str:
    """16 hexadecimal digits; equal for losses that train alike under Adam."""
    points, slots = responses(formula)
    return of_responses(points, slots, judge(points, slots).orientation)


def of_responses(points: Grid, slots: dict[Slot, Response], orientation: Orientation | None) -> str:
    """`fingerprint` from responses and an orientation that are known already."""
    if orientation is not None:
        return _digest(points, oriented_gradients(points, slots, orientation))
    return min(_digest(points, oriented_gradients(points, slots, either)) for either in Orientation)


def oriented_gradients(points: Grid, slots: dict[Slot, Response], orientation: Orientation | None) -> Array:
    """`normalised_gradients` as they are when D's higher output means real; None is taken to mean that it does."""
    gradients = normalised_gradients(points, slots)
    return -points.flip(gradients) if orientation is Orientation.FAKE_ABOVE_REAL else gradients


def normalised_gradients(points: Grid, slots: dict[Slot, Response]) -> Array:
    """Both players' partial derivatives, each player's over its rms on |d|, |m| ≤ 2; shape (8, N).

    Rows: d_real, d_fake, g_fake, g_real by d, and the same by m. Rows of a slot that is missing are 0, and so are those
    of g_fake by m and of g_real by d: G cannot change the logits of real images.
    """
    gradients = np.zeros((2, 4, points.d.size))
    for row, slot in enumerate(SLOTS):
        if slot in slots:
            if slot != "g_real":
                gradients[0, row] = slots[slot].by_d
            if slot != "g_fake":
                gradients[1, row] = slots[slot].by_m
    with np.errstate(all="ignore"):
        for rows in (slice(0, 2), slice(2, 4)):
            gradients[:, rows] /= rms(gradients[:, rows, points.near]) or 1.0
    return gradients.reshape(8, -1)


def _digest(points: Grid, gradients: Array) -> str:
    with np.errstate(all="ignore"):
        rounded = np.rint(RESOLUTION * np.arcsinh(gradients)) + 0.0  # + 0.0: no negative zero
    content = rounded.astype(np.float32).tobytes() + bytes(points.relativistic)
    return hashlib.blake2b(content, digest_size=8).hexdigest()
