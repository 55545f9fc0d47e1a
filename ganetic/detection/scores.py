"""Scores on one scale: how many deviations an image lies above the mean of normal validation images."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganetic.errors import UserError

Scores = dict[str, NDArray[np.float64]]
"""A number ``(N,)`` for each image by the name of the score; the higher, the more anomalous."""

RESIDUAL, FEATURES, DISCRIMINATOR = "residual", "features", "discriminator"
PARTS = (RESIDUAL, FEATURES, DISCRIMINATOR)
"""Scores that are added up."""
SUM = "sum"
"""The primary score."""


class Scale(NamedTuple):
    """Where the score of normal validation images lies."""

    mean: float
    """Their mean."""
    sd: float
    """Their standard deviation, of the population."""


def scales_of(raw: Scores) -> dict[str, Scale]:
    """Return mean and standard deviation of each score.

    Args:
        raw: of normal validation images.

    Raises:
        UserError: a score is not finite, or the same for all of them.
    """
    return {name: _scale_of(name, values) for name, values in raw.items()}


def _scale_of(name: str, values: NDArray[np.float64]) -> Scale:
    if not np.isfinite(values).all():
        raise UserError(f"the score {name} of validation images is not finite; choose another checkpoint")
    if values.min() == values.max():
        raise UserError(
            f"the score {name} is {values[0]:g} for all validation images; expected images that differ, and a GAN that "
            "tells them apart; choose another checkpoint"
        )
    return Scale(float(values.mean()), float(values.std()))


def standardised(raw: Scores, scales: Mapping[str, Scale]) -> Scores:
    """Return each score in deviations from the mean, and their sum."""
    parts = {name: (raw[name] - scales[name].mean) / scales[name].sd for name in PARTS}
    return {**parts, SUM: np.sum([parts[name] for name in PARTS], 0)}
