"""The window: which grey values of more than 8 bits become black and white."""

import math
from typing import Literal

from ganetic.errors import UserError

Window = tuple[float, float] | Literal["set", "image"]
"""(low, high) in units of the file, percentiles of the training images, or percentiles of each picture."""


def parse_window(text: str, where: str) -> Window:
    """Read a window: two numbers with a comma or a space between, ``set`` or ``image``.

    Raises:
        UserError: it is none.
    """
    if text == "set":
        return "set"
    if text == "image":
        return "image"
    try:
        low, high = (float(part) for part in text.replace(",", " ").split())
    except ValueError:
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UserError(
            f'{where}: window "{text[:40]}" cannot be understood; expected two rising numbers LOW HIGH in units of the '
            "files, set (percentiles 0.5 and 99.5 of the training images) or image (those of each picture)"
        )
    return low, high
