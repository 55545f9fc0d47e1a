"""The frames of a DICOM file, decoded one after the other."""

import struct
from collections.abc import Iterator
from pathlib import Path

from pydicom import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels.decoders.base import Decoder, get_decoder
from pydicom.uid import UID, RLELossless

from ganetic.data.formats.dicom.file import COLOURS, Layout
from ganetic.data.reading import MAX_BYTES, MAX_PICTURES, reading, too_large
from ganetic.data.units import Pixels
from ganetic.errors import UserError

_FRAME_HEADERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}  # SOF markers, the last one of JPEG-LS
_JP2 = b"\0\0\0\x0cjP  "


def decode(file: Path, dataset: Dataset, layout: Layout) -> Iterator[Pixels]:
    """Decode one frame after the other: ``(H, W)`` grey or palette values as stored, or ``(H, W, 3)`` RGB.

    The decoder is the same one on every machine, whatever else is installed, so that the pixels are the same, too.

    Raises:
        UserError: frames are damaged, missing, or compressed in a way that is not read, or a decoder is missing.
    """
    syntax = dataset.file_meta.TransferSyntaxUID
    decoder, plugin = _decoder(file, syntax)
    decoded: Iterator[tuple[Pixels, dict[str, str | int]]]
    with reading(file, "DICOM file", "pydicom"):
        if syntax.is_encapsulated and syntax != RLELossless:
            _check_codestreams(file, dataset, layout)
        decoded = decoder.iter_array(dataset, decoding_plugin=plugin)
        if layout.allocated == 1:  # iter_array misses the last bits of frames that end within a byte
            whole, properties = decoder.as_array(dataset, decoding_plugin=plugin)
            decoded = ((frame, properties) for frame in whole.reshape(-1, layout.rows, layout.columns))
    count = 0
    while True:
        with reading(file, "DICOM file", "pydicom"):
            item = next(decoded, None)
        if item is None:
            break
        frame, properties = item
        count += 1
        if count > MAX_PICTURES or count * layout.frame_bytes > MAX_BYTES:
            raise too_large(file, f"{count} frames and more")
        if layout.photometric in COLOURS and properties["photometric_interpretation"] != "RGB":
            raise UserError(f"{file}: its colours cannot be made RGB; convert it, as by dcmconv")
        yield frame
    if count < layout.frames:
        raise UserError(f"{file}: has {count} of the {layout.frames} frames it declares; it is cut off: copy it again")


def _decoder(file: Path, syntax: UID) -> tuple[Decoder, str]:
    """The decoder of a transfer syntax, and which of its plugins is to be used."""
    with reading(file, "DICOM file", "pydicom"):
        try:
            decoder = get_decoder(syntax)
        except NotImplementedError:
            name = syntax.name if syntax.name != syntax else "in an unknown way"
            raise UserError(
                f"{file}: its pixels are compressed ({name}), which is not read; decompress it, as by gdcmconv --raw"
            ) from None
    if not syntax.is_encapsulated:
        return decoder, ""
    # pylibjpeg-rle panics on damaged frames, in a way that no except Exception catches, and prints to the console.
    plugin = "pydicom" if syntax == RLELossless else "pylibjpeg"
    if plugin not in decoder.available_plugins:
        raise UserError(
            f"{file}: its pixels are compressed ({syntax.name}), which needs all of ganetic[dicom]: "
            "pip install 'ganetic[dicom]'"
        )
    return decoder, plugin


def _check_codestreams(file: Path, dataset: Dataset, layout: Layout) -> None:
    """Refuse frames whose own headers say another size than the file: decoders take the memory that those ask for."""
    offsets = None
    if "ExtendedOffsetTable" in dataset and "ExtendedOffsetTableLengths" in dataset:
        offsets = (dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths)
    expected = (layout.rows, layout.columns, layout.samples)
    encoded = generate_frames(dataset.PixelData, number_of_frames=layout.frames, extended_offsets=offsets)
    for frame in encoded:
        found = codestream_shape(frame)
        if found != expected:
            what = f"of {found} rows, columns and samples" if found else "no JPEG"
            raise UserError(f"{file}: a frame is {what}; expected {expected}: it is damaged, copy it again")


def codestream_shape(frame: bytes) -> tuple[int, int, int] | None:
    """Return (rows, columns, components) that a JPEG, JPEG-LS or JPEG 2000 frame declares, or None.

    They are in the frame header of JPEG (ITU-T T.81, B.2.2) and JPEG-LS (T.87, C.2.2), and in the SIZ marker of JPEG
    2000 (T.800, A.5.1), which some files wrap in the boxes of a JP2 file (T.800, I.4), against PS3.5, A.4.4.
    """
    at = 0
    try:
        if frame.startswith(_JP2):
            while frame[at + 4 : at + 8] != b"jp2c":
                length = int.from_bytes(frame[at : at + 4], "big")
                if length < 8 or at > len(frame):  # pydicom goes round for ever where a box has no length
                    return None
                at += length
            at += 8
        if frame.startswith(b"\xff\x4f\xff\x51", at):
            right, bottom, left, top, components = struct.unpack_from(">4I16xH", frame, at + 8)
            return bottom - top, right - left, components
        if not frame.startswith(b"\xff\xd8"):
            return None
        at = 2
        while frame[at + 1] not in _FRAME_HEADERS:
            at += 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
        return struct.unpack_from(">HHB", frame, at + 5)
    except (struct.error, IndexError):
        return None
