"""How cells of tables are written."""

import math


def decimal(value: float, digits: int = 1) -> str:
    """Write a number with so many digits behind the point, or a dash where there is none."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"


def decimal2(value: float) -> str:
    """Write a number with two digits behind the point, or a dash where there is none."""
    return decimal(value, 2)


def decimal3(value: float) -> str:
    """Write a number with three digits behind the point, or a dash where there is none."""
    return decimal(value, 3)


def share(part: int, of: int) -> str:
    """Write a part of a whole as ``1/3``."""
    return f"{part}/{of}"
