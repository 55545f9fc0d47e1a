"""The frames of a DICOM file become pictures."""

import itertools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganetic.data.formats.dicom.file import COLOURS, PALETTE, parse, read_group, read_layout
from ganetic.data.formats.dicom.frames import decode
from ganetic.data.formats.dicom.look import read_look, read_palette
from ganetic.data.formats.dicom.values import Look, fill_padding, look_up, padding, to_bytes
from ganetic.data.pictures import Picture
from ganetic.data.units import Pixels, in_units, rescale
from ganetic.errors import UserError


def read(file: Path) -> list[Picture]:
    """Read a file as `ganetic.data.formats.dicom.read_dicom` describes."""
    dataset = parse(file)
    layout = read_layout(file, dataset)
    group = read_group(file, dataset)
    frames = decode(file, dataset, layout)
    if layout.photometric in COLOURS:
        return [Picture(_bytes(file, frame, layout.stored), group=group) for frame in frames]
    if layout.photometric == PALETTE:
        colours, first = read_palette(file, dataset)
        return [Picture(look_up(frame, colours, first), group=group) for frame in frames]
    looks = (read_look(file, dataset, layout.keyword, index) for index in itertools.count())
    inverted = layout.photometric == "MONOCHROME1"
    return [
        _grey(file, frame, layout.stored, look, inverted, group) for frame, look in zip(frames, looks, strict=False)
    ]


def _bytes(file: Path, stored: Pixels, bits: int) -> NDArray[np.uint8]:
    if stored.dtype.kind != "u":
        raise UserError(f"{file}: its colours are {stored.dtype}; expected unsigned integers: convert it")
    return to_bytes(stored, bits)


def _grey(file: Path, stored: Pixels, bits: int, look: Look, inverted: bool, group: str | None) -> Picture:
    """The picture of a grey frame."""
    inverted ^= look.falling
    padded = padding(stored, look.padding, look.padding_limit)
    values = look_up(stored, *look.table) if look.table else rescale(stored, look.slope, look.intercept)
    values = fill_padding(values, padded, inverted)
    if values.dtype.kind == "u" and bits <= 8 and look.table is None and look.window is None:
        pixels = to_bytes(values, bits)
        return Picture(255 - pixels if inverted else pixels, group=group)
    if not np.isfinite(values).all():
        raise UserError(
            f"{file}: has values that are not finite; replace them, as by numpy.nan_to_num, and write it anew"
        )
    return Picture(in_units(values), look.window, inverted, group)
