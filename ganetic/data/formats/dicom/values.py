"""Stored values of DICOM pixels become units, windows and 8 bits. Here is no file and no pydicom, only numbers.

Sections are those of DICOM PS3.3 (https://dicom.nema.org/medical/dicom/current/output/chtml/part03/PS3.3.html).
"""

from dataclasses import dataclass
from math import isfinite
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ganetic.data.units import Pixels

MIN_WIDTH = 1e-3  # of a window: one of width 1 is a step, and nobody can divide by 0

Table = tuple[NDArray[np.uint16], int]  # what a lookup table gives, and the stored value that its first entry is for
Entry = TypeVar("Entry", bound=np.generic)


@dataclass(frozen=True)
class Look:
    """How a grey frame is to be shown.

    Attributes:
        slope: of the stored values; what comes out is in units of the file.
        intercept: in units of the file.
        table: the modality lookup table, instead of slope and intercept.
        window: (low, high) in units of the file, or None.
        falling: whether the file's VOI lookup table shows low values white.
        padding: the stored value of pixels that are none, or None.
        padding_limit: the other end of a range of such values, or None.
    """

    slope: float
    intercept: float
    table: Table | None
    window: tuple[float, float] | None
    falling: bool
    padding: float | None
    padding_limit: float | None


def linear_window(center: float | None, width: float | None, function: str) -> tuple[float, float] | None:
    """Return the values (low, high) that a window shows black and white, or None where it means nothing.

    LINEAR is C.11.2.1.2.1: from c − 0.5 − (w − 1) / 2 to c − 0.5 + (w − 1) / 2. LINEAR_EXACT is C.11.2.1.3.2: from
    c − w / 2 to c + w / 2. Of SIGMOID (C.11.2.1.3.1) it is the tangent at the centre, which has the same ends.

    Deviations: a LINEAR window narrower than 1, which the standard forbids and files of small units have, is taken as
    LINEAR_EXACT. An unknown function is taken as LINEAR.
    """
    if center is None or width is None or not width > 0:
        return None
    low = center - width / 2  # which is c − 0.5 − (w − 1) / 2, too
    high = low + (width if function in ("LINEAR_EXACT", "SIGMOID") or width < 1 else max(width - 1, MIN_WIDTH))
    return (low, high) if isfinite(low) and isfinite(high) and low < high else None


def ramp(table: Table) -> tuple[float, float, bool] | None:
    """Return (low, high, whether it falls) of a VOI lookup table (C.11.2.1.1), or None where its ends are equal.

    Low is the last value up to which the table gives its first entry, high the first one from which on it gives its
    last: what it shows all black, and all white. Deviation: between them a window is straight, and the table may bend.
    """
    entries, first = table
    if entries[0] == entries[-1]:
        return None
    low = np.flatnonzero(entries != entries[0])[0] - 1
    high = np.flatnonzero(entries != entries[-1])[-1] + 1
    return float(first + low), float(first + high), bool(entries[-1] < entries[0])


def look_up(stored: Pixels, entries: NDArray[Entry], first: int) -> NDArray[Entry]:
    """Map stored integers by a lookup table (C.11.1.1.1); values outside of it get its first or last entry."""
    return entries[np.clip(stored.astype(np.int64) - first, 0, len(entries) - 1)]


def padding(stored: Pixels, value: float | None, limit: float | None) -> NDArray[np.bool_]:
    """Return which pixels are padding: those from Pixel Padding Value to its Range Limit (C.7.5.1.1.2).

    Files of signed pixels with an unsigned padding value are common; its bits are what is meant.
    """
    if value is None:
        return np.zeros(stored.shape, np.bool_)
    ends = np.array([value, value if limit is None else limit])
    if stored.dtype.kind == "f" and np.isnan(ends).any():
        return np.isnan(stored.astype(np.float64))
    with np.errstate(all="ignore"):  # a value that does not fit is damage, whatever it matches
        if stored.dtype.kind in "iu":
            ends = ends.astype(np.int64)
        low, high = np.sort(ends.astype(stored.dtype))
    padded: NDArray[np.bool_] = (stored >= low) & (stored <= high)
    return padded


def fill_padding(values: Pixels, padded: NDArray[np.bool_], inverted: bool) -> Pixels:
    """Give padding the value of the frame's darkest pixel that is none, so that it is background and moves no window.

    A frame of nothing but padding stays as it is.
    """
    if not padded.any() or padded.all():
        return values
    real = values[~padded]
    return np.where(padded, real.max() if inverted else real.min(), values)


def to_bytes(stored: Pixels, bits: int) -> NDArray[np.uint8]:
    """Spread unsigned values of so many bits over 0 to 255."""
    if bits == 8:
        return stored.astype(np.uint8)
    top = 2**bits - 1
    spread = np.minimum(stored.astype(np.float64), top) * (255 / top)
    return np.asarray(np.rint(spread), np.uint8)


def expand_segments(words: NDArray[np.generic], entries: int) -> NDArray[np.uint16]:
    """Expand a segmented palette (C.7.9.2) of bytes or 16-bit words to its ``(entries,)`` values.

    Raises:
        ValueError: the segments do not give so many entries, or are not of the three kinds there are.
        IndexError: a segment is cut off.
    """
    data = [int(word) for word in words]
    size = words.dtype.itemsize
    out: list[int] = []

    def segment(at: int, nested: bool) -> int:
        """Append what the segment gives; return where the next one begins."""
        kind, length = data[at], data[at + 1]
        if kind == 0 and length:  # a segment that gives nothing could be pointed at for ever
            out.extend(data[at + 2 : at + 2 + length])
            return at + 2 + length
        if kind == 1 and out and length:
            out.extend(np.rint(np.linspace(out[-1], data[at + 2], length + 1)[1:]).astype(int).tolist())
            return at + 3
        if kind == 2 and not nested:  # C.7.9.2.3 forbids nesting, which could go on for ever
            pointer = sum(data[at + 2 + n] << (8 * size * n) for n in range(4 // size)) // size
            for _ in range(length):
                pointer = segment(pointer, nested=True)
                if len(out) > entries:
                    break
            return at + 2 + 4 // size
        raise ValueError("unknown segment")

    at = 0
    while at + 1 < len(data) and len(out) < entries:
        at = segment(at, nested=False)
    if len(out) != entries:
        raise ValueError(f"a segmented palette gives {len(out)} entries, expected {entries}")
    return np.array(out, np.uint16)
