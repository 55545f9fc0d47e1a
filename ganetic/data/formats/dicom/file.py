"""A DICOM file as pydicom reads it, and what it declares of its pixels.

Sections are those of DICOM PS3.3 (https://dicom.nema.org/medical/dicom/current/output/chtml/part03/PS3.3.html).
"""

import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.filereader import read_dataset, read_preamble
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from ganetic.data.reading import MAX_BYTES, MAX_PICTURES, NoPictureError, reading, too_large
from ganetic.errors import UserError

MAX_SAMPLES = 2**26  # of one frame: JPEG 2000 takes eight bytes for each while it decodes
GREY = ("MONOCHROME1", "MONOCHROME2")
PALETTE = "PALETTE COLOR"
COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_AS_STORED = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    RLELossless,
)
_INFLATE_AT_ONCE = 2**26


@dataclass(frozen=True)
class Layout:
    """What a file declares of its pixels (C.7.6.3).

    Attributes:
        keyword: the element that holds them, ``"PixelData"`` or its float or double sibling.
        stored: how many bits of each sample are used.
        photometric: one of `GREY`, `PALETTE` or `COLOURS`.
    """

    keyword: str
    rows: int
    columns: int
    samples: int
    frames: int
    allocated: int
    stored: int
    photometric: str

    @property
    def frame_bytes(self) -> int:
        """How many bytes a decoded frame takes."""
        return self.rows * self.columns * self.samples * max(self.allocated // 8, 1)


def parse(file: Path) -> Dataset:
    """Read all elements of a file, with its transfer syntax, told or guessed, in ``file_meta``.

    pydicom's own ``dcmread`` inflates without a limit; so its parts are called here.

    Raises:
        UserError: it is no file, is too large, or cannot be read as DICOM. The line quotes no element.
    """
    with reading(file, "DICOM file", "pydicom", quote=False):
        if not file.is_file():
            raise UserError(f"{file}: no such file")
        if file.stat().st_size > MAX_BYTES:
            raise too_large(file, f"{file.stat().st_size} bytes")
        with file.open("rb") as opened:
            return _parse(file, opened)


def _parse(file: Path, stream: BinaryIO) -> Dataset:
    preamble = read_preamble(stream, force=True)
    meta = FileMetaDataset(read_dataset(stream, False, True, stop_when=lambda tag, _vr, _length: tag >> 16 != 2))
    syntax = UID(meta.get("TransferSyntaxUID") or _guess(stream))
    if syntax == DeflatedExplicitVRLittleEndian:
        stream = BytesIO(_inflate(file, stream.read()))
    dataset = read_dataset(stream, syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian)
    meta.TransferSyntaxUID = syntax
    dataset.file_meta = meta
    if preamble is None and not any(keyword in dataset for keyword in ("SOPClassUID", "Rows")):
        raise UserError(f"{file}: not a DICOM file; expected one, as it is named like one")
    return dataset


def _guess(stream: BinaryIO) -> UID:
    """The transfer syntax of a file that does not tell it.

    The number of the first group is below 256, so its first byte is 0 where the larger byte comes first. Whether the
    elements name their types, read_dataset finds out.
    """
    first = stream.read(1)
    stream.seek(-len(first), 1)
    return ExplicitVRBigEndian if first == b"\0" else ExplicitVRLittleEndian


def _inflate(file: Path, deflated: bytes) -> bytearray:
    """Inflate a deflated dataset (PS3.5, A.5)."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    out = bytearray()
    while not inflater.eof:
        piece = inflater.decompress(deflated, _INFLATE_AT_ONCE)
        if not piece and not inflater.eof:
            raise EOFError("the deflated elements are cut off")
        deflated = inflater.unconsumed_tail
        out += piece
        if len(out) > MAX_BYTES:
            raise too_large(file, "deflated elements")
    return out


def read_group(file: Path, dataset: Dataset) -> str | None:
    """Return the patient's identifier, or else the study's or the series's; None where there is none of them."""
    with reading(file, "DICOM file", "pydicom", quote=False):
        names = (dataset.get(key) for key in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID"))
        return next((text for name in names if (text := str(name or "").strip())), None)


def read_layout(file: Path, dataset: Dataset) -> Layout:
    """Read what a file declares of its pixels.

    Raises:
        NoPictureError: it is sound and holds no pixels.
        UserError: its pixels are missing, too many, or of a kind that is not read.
    """
    with reading(file, "DICOM file", "pydicom", quote=False):
        keywords = [keyword for keyword in _PIXELS if keyword in dataset]
        if not keywords:
            raise _no_pixels(file, dataset)
        photometric = str(dataset.get("PhotometricInterpretation", "")).strip()
        numbers = {
            keyword: int(dataset.get(keyword) or 0)
            for keyword in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "HighBit")
        }
        rows, columns, samples, allocated, stored, high = numbers.values()
        frames = int(dataset.get("NumberOfFrames") or 1)
        syntax = dataset.file_meta.TransferSyntaxUID
    for keyword in ("Rows", "Columns", "BitsAllocated"):
        if numbers[keyword] < 1:
            raise UserError(f"{file}: has pixels and no {keyword}; it is damaged: copy it again")
    if photometric not in (*GREY, PALETTE, *COLOURS):
        expected = ", ".join((*GREY, PALETTE, *COLOURS))
        raise UserError(f"{file}: its PhotometricInterpretation is not one that is read; expected one of {expected}")
    if samples != (3 if photometric in COLOURS else 1):
        raise UserError(f"{file}: has {samples} samples a pixel, which {photometric} pixels cannot have; it is damaged")
    if "HighBit" in dataset and high != stored - 1 and syntax in _AS_STORED:
        raise UserError(
            f"{file}: its {stored} bits end at bit {high}; expected {stored - 1}; convert it, as by dcmconv"
        )
    if rows * columns * samples > MAX_SAMPLES:
        raise too_large(file, f"frames of {columns}×{rows} pixels, more than {MAX_SAMPLES} samples")
    found = Layout(keywords[0], rows, columns, samples, frames, allocated, stored or allocated, photometric)
    if frames > MAX_PICTURES or frames * found.frame_bytes > MAX_BYTES:
        raise too_large(file, f"{frames} frames of {columns}×{rows} pixels")
    return found


def _no_pixels(file: Path, dataset: Dataset) -> UserError:
    kind = UID(dataset.file_meta.get("MediaStorageSOPClassUID") or dataset.get("SOPClassUID") or "")
    # Only names of the standard's own list are repeated: what else stands there may be anything.
    name = kind.name if kind.name != kind else "of no known kind"
    if "Rows" in dataset or "Image Storage" in name:
        return UserError(f"{file}: declares a picture, and its pixels are missing; it is cut off: copy it again")
    return NoPictureError(f"{file}: holds no picture ({name})")
