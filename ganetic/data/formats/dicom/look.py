"""How a DICOM file wants its grey frames to be shown, and its palette.

Sections are those of DICOM PS3.3 (https://dicom.nema.org/medical/dicom/current/output/chtml/part03/PS3.3.html).
"""

from math import isfinite
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.multival import MultiValue
from pydicom.uid import ExplicitVRBigEndian

from ganetic.data.formats.dicom.values import Look, Table, expand_segments, linear_window, ramp
from ganetic.data.reading import reading
from ganetic.errors import UserError


def read_look(file: Path, dataset: Dataset, keyword: str, index: int) -> Look:
    """Read how the grey frame of that index is to be shown.

    A window is preferred to a VOI lookup table; of several, the first is taken.

    Raises:
        UserError: what is said of it cannot be read, or the slope is 0 or no number.
    """
    prefix = keyword.removesuffix("PixelData")
    with reading(file, "DICOM file", "pydicom", quote=False):
        units = _macro(dataset, index, "PixelValueTransformationSequence")
        voi = _macro(dataset, index, "FrameVOILUTSequence")
        slope, intercept = _number(units, "RescaleSlope"), _number(units, "RescaleIntercept")
        modality = _table(dataset, dataset, "ModalityLUTSequence")
        function = str(voi.get("VOILUTFunction") or "LINEAR").strip().upper()
        window, falling = linear_window(_number(voi, "WindowCenter"), _number(voi, "WindowWidth"), function), False
        if window is None and (table := _table(dataset, voi, "VOILUTSequence")) and (ends := ramp(table)):
            window, falling = ends[:2], ends[2]
        padding = _number(dataset, f"{prefix}PixelPaddingValue")
        limit = _number(dataset, f"{prefix}PixelPaddingRangeLimit")
    slope, intercept = 1.0 if slope is None else slope, intercept or 0.0
    if slope == 0 or not (isfinite(slope) and isfinite(intercept)):
        raise UserError(
            f"{file}: its RescaleSlope is {slope}, its intercept {intercept}; expected a slope that is not 0"
        )
    return Look(slope, intercept, modality, window, falling, padding, limit)


def _macro(dataset: Dataset, index: int, name: str) -> Dataset:
    """What a functional group says of a frame (C.7.6.16): its own, the shared one, or the elements of older files."""
    own = (dataset.get("PerFrameFunctionalGroupsSequence") or [])[index : index + 1]
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [])[:1]
    found = [items[0] for frame in (*own, *shared) if (items := frame.get(name))]
    return found[0] if found else dataset


def _number(item: Dataset, keyword: str) -> float | None:
    """The first number of an element, or None."""
    value = item.get(keyword)
    if isinstance(value, MultiValue):
        value = value[0] if value else None
    return None if value is None or value == "" else float(value)


def _table(dataset: Dataset, item: Dataset, keyword: str) -> Table | None:
    """The first lookup table of a sequence (C.11.1.1), or None."""
    items = item.get(keyword)
    if not items or items[0].get("LUTData") is None:
        return None
    count, first, _bits = (int(number) for number in items[0].LUTDescriptor)
    return _entries(dataset, items[0].LUTData, count or 2**16), first


def _entries(dataset: Dataset, data: bytes | list[int] | int, count: int) -> NDArray[np.uint16]:
    """The ``(count,)`` entries of a lookup table: numbers, 16-bit words, or bytes where there are too few for words."""
    if isinstance(data, bytes):
        word = _word(dataset) if len(data) >= 2 * count else np.dtype(np.uint8)
        return np.frombuffer(data, word, count).astype(np.uint16)
    entries = np.array(data, ndmin=1)
    if len(entries) < count:
        raise ValueError("a lookup table is cut off")
    return entries[:count].astype(np.uint16)


def _word(dataset: Dataset) -> np.dtype[np.uint16]:
    return np.dtype(np.uint16).newbyteorder(">" if dataset.file_meta.TransferSyntaxUID == ExplicitVRBigEndian else "<")


def read_palette(file: Path, dataset: Dataset) -> tuple[NDArray[np.uint8], int]:
    """Read the palette of a file (C.7.6.3.1.5, C.7.9): its colours, uint8 ``(N, 3)``, and the value of the first.

    The upper eight bits of its entries are shown, or the lower ones where no entry has more than eight.
    """
    with reading(file, "DICOM file", "pydicom", quote=False):
        count, first, bits = (int(number) for number in dataset.RedPaletteColorLookupTableDescriptor)
        count = count or 2**16
        colours = []
        for colour in ("Red", "Green", "Blue"):
            if f"{colour}PaletteColorLookupTableData" in dataset:
                colours.append(_entries(dataset, dataset[f"{colour}PaletteColorLookupTableData"].value, count))
            else:
                segments = dataset[f"Segmented{colour}PaletteColorLookupTableData"].value
                words = np.frombuffer(segments, _word(dataset) if bits == 16 else np.uint8)
                colours.append(expand_segments(words, count))
    table = np.stack(colours, axis=1)
    unseen = bits - 8 if 8 < bits <= 16 and table.max() > 255 else 0
    return (table >> unseen).astype(np.uint8), first
