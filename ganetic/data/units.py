"""Stored numbers become values in units of their file."""

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.generic]


def rescale(stored: Pixels, slope: float, intercept: float) -> Pixels:
    """Return stored × slope + intercept, computed in float64 and rounded once to float32.

    The identity leaves the values as they are. What does not fit into float32 becomes infinite.
    """
    if slope == 1 and intercept == 0:
        return stored
    with np.errstate(all="ignore"):
        return (stored.astype(np.float64) * slope + intercept).astype(np.float32)


def in_units(values: Pixels) -> Pixels:
    """Return values as a picture holds them: a copy in the machine's own byte order, uint16 where they are uint8.

    uint8 would be taken as ready to be shown. Floats longer than 64 bits become float64.
    """
    with np.errstate(all="ignore"):
        if values.dtype == np.uint8:
            return values.astype(np.uint16)
        if values.dtype.kind == "f" and values.dtype.itemsize > 8:
            return values.astype(np.float64)
        return np.array(values, values.dtype.newbyteorder("="), order="C")
