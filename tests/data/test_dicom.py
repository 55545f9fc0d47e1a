import logging
import os
import resource
import struct
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_windowing
from pydicom.pixels.utils import pack_bits, pixel_array
from pydicom.uid import (
    MPEG2MPML,
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from ganetic.data.formats.dicom import is_dicom, read_dicom
from ganetic.data.formats.dicom.values import expand_segments, linear_window
from ganetic.data.pictures import Picture
from ganetic.data.reading import MAX_BYTES, NoPictureError
from ganetic.errors import UserError

WHEEL = Path(pydicom.__file__).parent / "data"
IMAGES = WHEEL / "test_files"
RANDOM = np.random.default_rng(0)
NAME = "Secret^Patient"
Array = NDArray[Any]

# Every file in pydicom's wheel that is known as DICOM and is not read, with what the line says of it.
REFUSED = {
    "is cut off": [
        *(f"charset_files/chr{name}.dcm" for name in ("JapMulti", "JapMultiExplicitIR6", "KoreanMulti")),
        *(f"charset_files/chrSQEncoding{number}.dcm" for number in ("", "1")),
        *(f"test_files/{name}.dcm" for name in ("UN_sequence", "no_meta_group_length", "priv_SQ")),
        *(
            f"test_files/dicomdirtests/TINY_ALPHA/PT000000/ST000000/SE000000/{file.name}"
            for file in (IMAGES / "dicomdirtests/TINY_ALPHA/PT000000/ST000000/SE000000").iterdir()
        ),
    ],
    "Color Palette Storage": [f"palettes/{file.name}" for file in (WHEEL / "palettes").glob("*.dcm")],
    "Media Storage Directory Storage": [
        *(f"test_files/dicomdirtests/{file.name}" for file in (IMAGES / "dicomdirtests").glob("DICOMDIR*")),
        "test_files/dicomdirtests/TINY_ALPHA/DICOMDIR",
    ],
    "RT Ion Plan Storage": ["test_files/ExplVR_BigEndNoMeta.dcm", "test_files/ExplVR_LitEndNoMeta.dcm"],
    "RT Plan Storage": ["test_files/rtplan.dcm", "test_files/rtplan_truncated.dcm"],
    "RT Structure Set Storage": ["test_files/rtstruct.dcm"],
    "Basic Text SR Storage": ["test_files/reportsi.dcm", "test_files/reportsi_with_empty_number_tags.dcm"],
    "Comprehensive SR Storage": ["test_files/test-SR.dcm"],
    "12-lead ECG Waveform Storage": ["test_files/waveform_ecg.dcm"],
    "of no known kind": ["test_files/empty_charset_LEI.dcm"],
    "misplaced marker": ["test_files/JPEG-lossy.dcm"],
    r"a frame is of \(1024, 3722445056, 1\)": ["test_files/JPEG2000-embedded-sequence-delimiter.dcm"],
    "less than expected": ["test_files/MR_truncated.dcm"],
    r"not a readable DICOM file \(ValueError\)": ["test_files/badVR.dcm"],  # its number of frames is "1A"
    "has pixels and no Rows": ["test_files/meta_missing_tsyntax.dcm", "test_files/nested_priv_SQ.dcm"],
    "not a DICOM file": ["test_files/no_meta.dcm"],  # begins with a blank
}
NO_PICTURE = ("Storage", "of no known kind")


def wheel_files() -> list[Path]:
    return sorted(file for file in WHEEL.rglob("*") if is_dicom(file))


def readable_files() -> list[Path]:
    refused = {WHEEL / name for names in REFUSED.values() for name in names}
    return [file for file in wheel_files() if file not in refused]


def shown(picture: Picture) -> Array:
    """What a viewer would show, from 0 for black to 1 for white."""
    assert picture.window is not None
    low, high = picture.window
    grey = np.clip((picture.pixels.astype(np.float64) - low) / (high - low), 0, 1)
    return 1 - grey if picture.inverted else grey


def expected(dataset: Dataset) -> Array:
    """The frames as pydicom processes them: units of the file, and RGB of eight bits; ``(N, H, W)`` or more axes."""
    array = dataset.pixel_array
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        array = apply_color_lut(array, dataset) >> 8
    elif dataset.SamplesPerPixel == 3:
        array = np.rint(array * (255 / (2.0**dataset.BitsStored - 1)))
    elif dataset.BitsAllocated == 1:
        array = array * 255
    else:
        array = apply_modality_lut(array, dataset)
    return array if int(dataset.get("NumberOfFrames") or 1) > 1 else array[np.newaxis]


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_every_image_in_pydicoms_wheel_is_as_pydicom_shows_it() -> None:
    syntaxes: Counter[str] = Counter()
    types: Counter[str] = Counter()
    for file in readable_files():
        pictures = read_dicom(file)
        dataset = dcmread(file)
        frames = expected(dataset)
        assert len(pictures) == len(frames), file
        for picture, frame in zip(pictures, frames, strict=True):
            padded = frame == dataset.get("PixelPaddingValue", np.inf) + dataset.get("RescaleIntercept", 0)
            np.testing.assert_allclose(picture.pixels[~padded], frame[~padded], rtol=1e-7, err_msg=str(file))
            if picture.window:
                theirs = apply_windowing(frame, dataset)
                top = 2.0 ** (dataset.BitsStored - dataset.PixelRepresentation) - 1
                bottom = -(top + 1) if dataset.PixelRepresentation else 0.0
                slope, intercept = dataset.get("RescaleSlope", 1), dataset.get("RescaleIntercept", 0)
                theirs = (theirs - (bottom * slope + intercept)) / ((top - bottom) * slope)
                inverted = dataset.PhotometricInterpretation == "MONOCHROME1"
                np.testing.assert_allclose(shown(picture), 1 - theirs if inverted else theirs, atol=1e-6)
        syntaxes[dataset.file_meta.TransferSyntaxUID.keyword] += 1
        types[pictures[0].pixels.dtype.name] += 1
    assert syntaxes == {
        "DeflatedExplicitVRLittleEndian": 1,
        "ExplicitVRBigEndian": 7,
        "ExplicitVRLittleEndian": 52,
        "ImplicitVRLittleEndian": 4,
        "JPEG2000": 3,
        "JPEG2000Lossless": 4,
        "JPEGBaseline8Bit": 14,
        "JPEGExtended12Bit": 1,
        "JPEGLSLossless": 1,
        "JPEGLSNearLossless": 4,
        "JPEGLosslessSV1": 1,
        "RLELossless": 9,
    }
    assert types == {"float32": 16, "int16": 27, "uint16": 3, "uint32": 6, "uint8": 49}
    assert syntaxes.total() == 101


@pytest.mark.parametrize(
    ("name", "tolerance"), [("MR_small_jp2klossless", 0), ("examples_jpeg2k", 0), ("SC_rgb_jpeg_dcmtk", 3)]
)
def test_another_decoder_gives_the_same_pixels(name: str, tolerance: int) -> None:
    file = IMAGES / f"{name}.dcm"
    other = pixel_array(dcmread(file), decoding_plugin="pillow").astype(int)
    assert np.abs(read_dicom(file)[0].pixels.astype(int) - other).max() <= tolerance


def test_the_other_files_in_pydicoms_wheel_are_refused_with_a_reason() -> None:
    refused = {WHEEL / name: reason for reason, names in REFUSED.items() for name in names}
    assert len(refused) == len(wheel_files()) - 101
    for file, reason in refused.items():
        with pytest.raises(UserError, match=reason) as caught:
            read_dicom(file)
        assert str(caught.value).startswith(f"{file}: ")
        assert "\n" not in str(caught.value)
        assert isinstance(caught.value, NoPictureError) == reason.endswith(NO_PICTURE)


def test_a_dicom_file_is_known_by_its_name_or_its_beginning(tmp_path: Path) -> None:
    for name in ("a.dcm", "b.DICOM", "c.ima"):
        (tmp_path / name).write_bytes(b"anything")
        assert is_dicom(tmp_path / name)
    (tmp_path / "IM0001").write_bytes(bytes(128) + b"DICM")
    assert is_dicom(tmp_path / "IM0001")
    for name, content in [("d", b""), ("e", bytes(200)), ("f.png", b"DICM" + bytes(128)), ("g.txt", b"DICM")]:
        (tmp_path / name).write_bytes(content)
        assert not is_dicom(tmp_path / name)
    (tmp_path / "folder.dcm").mkdir()
    assert not is_dicom(tmp_path / "folder.dcm")
    assert not is_dicom(tmp_path / "missing.dcm")


def build(pixels: Array, syntax: UID = ExplicitVRLittleEndian, **elements: Any) -> Dataset:
    """A dataset of grey frames ``(H, W)`` or ``(N, H, W)``, or of RGB ones ``(H, W, 3)``."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = UID("1.2.3")
    dataset.PatientName = NAME
    colour = pixels.shape[-1] == 3
    shape = pixels.shape[:-1] if colour else pixels.shape
    dataset.SamplesPerPixel = 3 if colour else 1
    dataset.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        dataset.PlanarConfiguration = 0
    if len(shape) == 3:
        dataset.NumberOfFrames = shape[0]
    dataset.Rows, dataset.Columns = shape[-2:]
    dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.dtype.itemsize
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    data = (pixels.byteswap() if syntax == ExplicitVRBigEndian else pixels).tobytes()
    keyword = (
        {4: "FloatPixelData", 8: "DoubleFloatPixelData"}[pixels.dtype.itemsize] if pixels.dtype.kind == "f" else ""
    )
    setattr(dataset, keyword or "PixelData", data + bytes(len(data) % 2))
    if not keyword:
        dataset["PixelData"].VR = "OW" if dataset.BitsAllocated > 8 else "OB"
    for name, value in elements.items():
        setattr(dataset, name, value)
    dataset.HighBit = dataset.BitsStored - 1
    return dataset


def save(dataset: Dataset, file: Path) -> Path:
    dataset.save_as(file, enforce_file_format=True)
    return file


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[Picture]]:
    """Write a dataset of such pixels and elements, and read it."""

    def _read(pixels: Array, syntax: UID = ExplicitVRLittleEndian, **elements: Any) -> list[Picture]:
        return read_dicom(save(build(pixels, syntax, **elements), tmp_path / "x.dcm"))

    return _read


Read = Callable[..., list[Picture]]
RAMP = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
EIGHT = RANDOM.integers(0, 256, (48, 40), dtype=np.uint8)


def test_rescale_slope_and_intercept(read: Read) -> None:
    (picture,) = read(RAMP.astype(np.int16), RescaleSlope="2.5", RescaleIntercept="-1024")
    assert picture.pixels.dtype == np.float32
    assert np.array_equal(picture.pixels, (RAMP * 2.5 - 1024).astype(np.float32))
    (picture,) = read(RAMP, RescaleSlope="1", RescaleIntercept="0")
    assert picture.pixels.dtype == np.uint16
    (picture,) = read(RAMP, RescaleIntercept="-7")
    assert picture.pixels.min() == -7
    (picture,) = read(EIGHT, RescaleSlope="-1", RescaleIntercept="255")
    assert picture.pixels.dtype == np.float32  # not ready to be shown, though it looks like it
    assert np.array_equal(picture.pixels, 255.0 - EIGHT)


@pytest.mark.parametrize(
    ("function", "center", "width", "low", "high"),
    [
        ("LINEAR", 40, 400, -160, 239),
        ("", 2048, 4096, 0, 4095),
        ("LINEAR_EXACT", 40, 400, -160, 240),
        ("SIGMOID", 40, 400, -160, 240),
        ("LINEAR", 0.25, 0.5, 0, 0.5),
    ],
)
def test_a_window_of_a_file(function: str, center: float, width: float, low: float, high: float, read: Read) -> None:
    extra = {"VOILUTFunction": function} if function else {}
    windows = {"WindowCenter": [str(center), "9"], "WindowWidth": [str(width), "9"]}  # the first of several
    (picture,) = read(RAMP, **windows, **extra)
    assert picture.window == (low, high)
    assert picture.pixels.dtype == np.uint16


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("width", [1, 2, 80.5, 1500])
def test_a_window_shows_what_the_standard_says(function: str, width: float) -> None:
    dataset = build(RAMP, WindowCenter=1000, WindowWidth=width, VOILUTFunction=function)
    with np.errstate(over="ignore"):
        theirs = apply_windowing(RAMP, dataset) / 65535
    window = linear_window(1000, width, function)
    ours = shown(Picture(RAMP, window))
    if function == "SIGMOID":  # the tangent: the same value and slope at the centre, and never far from it
        assert ours[RAMP == 1000] == theirs[RAMP == 1000] == 0.5
        assert np.abs(ours - theirs).max() < 0.12
    else:
        np.testing.assert_allclose(ours, theirs, atol=1e-9)


@pytest.mark.parametrize(
    ("center", "width"),
    [
        ("40", "0"),
        ("40", "-5"),
        ("1e400", "5"),
        ("5", "1e400"),
        ("1.7e308", "1.7e308"),
        ("1e17", "2"),
        ("", ""),
        ("40", ""),
    ],
)
def test_a_window_that_means_nothing_is_none(center: str, width: str, read: Read) -> None:
    (picture,) = read(EIGHT, WindowCenter=center, WindowWidth=width)
    assert picture.window is None
    assert np.array_equal(picture.pixels, EIGHT)


def test_eight_bits_are_ready_to_be_shown_unless_a_window_is_named(read: Read) -> None:
    (picture,) = read(EIGHT)
    assert picture.pixels.dtype == np.uint8
    assert np.array_equal(picture.pixels, EIGHT)
    (picture,) = read(EIGHT, WindowCenter="100", WindowWidth="50")
    assert picture.pixels.dtype == np.uint16
    assert picture.window == (75, 124)
    assert np.array_equal(picture.pixels, EIGHT)


def test_monochrome1(read: Read) -> None:
    (picture,) = read(EIGHT, PhotometricInterpretation="MONOCHROME1")
    assert not picture.inverted
    assert np.array_equal(picture.pixels, 255 - EIGHT)
    (picture,) = read(RAMP, PhotometricInterpretation="MONOCHROME1", WindowCenter="9", WindowWidth="5")
    assert picture.inverted
    assert picture.window == (6.5, 10.5)
    assert np.array_equal(picture.pixels, RAMP)


def table(entries: Array, first: int, bits: int) -> list[Dataset]:
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if first < 0 else "US", [len(entries) % 2**16, first, bits])
    item.add_new("LUTData", "OW", entries.tobytes())
    return [item]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_modality_lookup_table(dtype: type, read: Read) -> None:
    entries: Array = RANDOM.integers(0, 200, 1000).astype(dtype)
    (picture,) = read(RAMP, ModalityLUTSequence=table(entries, 100, 8 * entries.itemsize))
    assert picture.pixels.dtype == np.uint16
    assert np.array_equal(picture.pixels, entries[np.clip(RAMP.astype(int) - 100, 0, 999)])


def test_a_voi_lookup_table_becomes_a_window(read: Read) -> None:
    curve = np.concatenate([np.zeros(50), np.linspace(0, 1, 101) ** 2, np.ones(49)])
    entries = np.rint(4095 * curve).astype(np.uint16)
    flat = int(np.count_nonzero(entries == 0)) - 1
    (picture,) = read(RAMP.astype(np.int16), VOILUTSequence=table(entries, -20, 12))
    assert picture.window == (-20 + flat, -20 + 150)
    assert not picture.inverted
    (picture,) = read(RAMP.astype(np.int16), VOILUTSequence=table(entries[::-1].copy(), 0, 12))
    assert picture.inverted
    assert picture.window == (49, 199 - flat)
    (picture,) = read(RAMP, VOILUTSequence=table(entries, 0, 12), WindowCenter="40", WindowWidth="400")
    assert picture.window == (-160, 239)
    (picture,) = read(RAMP, VOILUTSequence=table(entries[:9], 0, 12))
    assert picture.window is None


def test_enhanced_files_name_windows_for_each_frame(read: Read) -> None:
    def frame(center: float, slope: float | None) -> Dataset:
        item, voi, units = Dataset(), Dataset(), Dataset()
        voi.WindowCenter, voi.WindowWidth, voi.VOILUTFunction = center, 10, "LINEAR_EXACT"
        item.FrameVOILUTSequence = [voi]
        if slope is not None:
            units.RescaleSlope, units.RescaleIntercept, units.RescaleType = slope, -5, "HU"
            item.PixelValueTransformationSequence = [units]
        return item

    pixels = np.stack([RAMP, RAMP, RAMP])
    pictures = read(
        pixels,
        SharedFunctionalGroupsSequence=[frame(0, 3)],
        PerFrameFunctionalGroupsSequence=[frame(10, 2), frame(20, None), Dataset()],
    )
    assert [picture.window for picture in pictures] == [(5, 15), (15, 25), (-5, 5)]
    for picture, slope in zip(pictures, (2, 3, 3), strict=True):
        assert np.array_equal(picture.pixels, RAMP * np.float32(slope) - 5)


@pytest.mark.parametrize(("padding", "limit"), [(-2000, None), (63536, None), (-2000, -1990), (-1990, -2000)], ids=str)
def test_padding_is_background(padding: int, limit: int | None, tmp_path: Path) -> None:
    pixels = RANDOM.integers(0, 2000, (40, 40)).astype(np.int16)
    outside = np.hypot(*np.mgrid[-20:20, -20:20]) > 18
    pixels[outside] = -2000 if limit is None else RANDOM.integers(-2000, -1989, outside.sum())
    dataset = build(pixels, RescaleSlope="1", RescaleIntercept="-1024")
    for keyword, value in {"PixelPaddingValue": padding, "PixelPaddingRangeLimit": limit}.items():
        if value is not None:
            dataset.add_new(keyword, "SS" if value < 0 else "US", value)
    (picture,) = read_dicom(save(dataset, tmp_path / "x.dcm"))
    assert np.array_equal(picture.pixels[~outside], pixels[~outside] - np.float32(1024))
    assert (picture.pixels[outside] == picture.pixels[~outside].min()).all()


def test_padding_of_inverted_and_of_empty_frames(read: Read) -> None:
    pixels = np.full((2, 4, 4), 9, np.uint16)
    pixels[0, 1:] = [[100], [200], [300]]
    inverted, empty = read(pixels, PixelPaddingValue=9, PhotometricInterpretation="MONOCHROME1")
    assert inverted.pixels[0].tolist() == [300] * 4  # shown black, as the rest of the background
    assert inverted.pixels.min() == 100
    assert (empty.pixels == 9).all()


@pytest.mark.parametrize("bits", [8, 10, 12, 16, 32])
@pytest.mark.parametrize("kind", ["u", "i"])
def test_bits_stored_and_signs(bits: int, kind: str, read: Read) -> None:
    dtype = np.dtype(f"{kind}{2 if bits < 16 else bits // 8}")
    low = -(2 ** (bits - 1)) if kind == "i" else 0
    values = RANDOM.integers(low, low + 2**bits, (16, 16)).astype(dtype)
    filled = values ^ dtype.type(1 << bits if bits < 16 else 0)  # a bit that is not stored, as old overlays are
    (picture,) = read(filled, BitsStored=bits)
    assert np.array_equal(picture.pixels, values)
    assert picture.pixels.dtype == (np.uint8 if (bits, kind) == (8, "u") else dtype)


def test_few_bits_are_spread(read: Read) -> None:
    (picture,) = read(EIGHT & 15, BitsStored=4)
    assert picture.pixels.dtype == np.uint8
    assert np.array_equal(picture.pixels, (EIGHT & 15) * 17)


def test_single_bits_of_frames_that_end_within_a_byte(read: Read) -> None:
    pixels = RANDOM.integers(0, 2, (9, 83, 1)).astype(np.uint8)
    pictures = read(pixels, BitsAllocated=1, BitsStored=1, PixelData=pack_bits(pixels))
    assert len(pictures) == 9
    assert np.array_equal(np.stack([picture.pixels for picture in pictures]), pixels * 255)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float_pixels(dtype: type, read: Read) -> None:
    pixels: Array = RANDOM.normal(size=(2, 8, 8)).astype(dtype)
    pictures = read(pixels)
    assert np.array_equal(np.stack([picture.pixels for picture in pictures]), pixels)
    assert pictures[0].pixels.dtype == dtype
    pixels[1, 2, 3] = np.nan
    with pytest.raises(UserError, match="not finite; replace them"):
        read(pixels)


def test_padding_of_float_pixels(read: Read) -> None:
    pixels = np.array([[-1e30, 5, 7, -1e30]], np.float32)
    (picture,) = read(pixels, FloatPixelPaddingValue=-1e30)
    assert picture.pixels.tolist() == [[5, 5, 7, 5]]
    pixels[pixels < 0] = np.nan
    (picture,) = read(pixels, FloatPixelPaddingValue=np.nan)
    assert picture.pixels.tolist() == [[5, 5, 7, 5]]


def test_values_beyond_float32_are_refused(read: Read) -> None:
    with pytest.raises(UserError, match="not finite"):
        read(RAMP, RescaleSlope="1e300", RescaleIntercept="0")


COLOUR = RANDOM.integers(0, 256, (10, 12, 3), dtype=np.uint8)


@pytest.mark.parametrize("planar", [0, 1])
def test_rgb(planar: int, read: Read) -> None:
    data = (COLOUR.transpose(2, 0, 1) if planar else COLOUR).tobytes()
    (picture,) = read(COLOUR, PlanarConfiguration=planar, PixelData=data)
    assert picture.pixels.dtype == np.uint8
    assert np.array_equal(picture.pixels, COLOUR)
    frames = np.stack([COLOUR, COLOUR[::-1]])
    assert np.array_equal(np.stack([picture.pixels for picture in read(frames)]), frames)


def test_deep_colours_are_scaled(read: Read) -> None:
    (picture,) = read(COLOUR.astype(np.uint16) * 257)
    assert np.array_equal(picture.pixels, COLOUR)
    (picture,) = read(COLOUR.astype(np.uint16) * 16, BitsStored=12)
    assert np.abs(picture.pixels.astype(int) - COLOUR * (16 * 255 / 4095)).max() <= 0.5
    with pytest.raises(UserError, match="colours are int16"):
        read(COLOUR.astype(np.int16))


def to_rgb(luma: Array, blue: Array, red: Array) -> Array:
    """PS3.3 C.7.6.3.1.2, by hand."""
    blue, red = blue - 128.0, red - 128.0
    rgb = [luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue]
    return np.clip(np.stack(rgb, axis=-1), 0, 255)


def test_ybr(read: Read) -> None:
    (picture,) = read(COLOUR, PhotometricInterpretation="YBR_FULL")
    assert np.abs(picture.pixels - to_rgb(*np.moveaxis(COLOUR.astype(float), -1, 0))).max() < 1
    luma, blue, red = COLOUR[..., 0], COLOUR[:, ::2, 1], COLOUR[:, ::2, 2]
    data = np.stack([luma[:, ::2], luma[:, 1::2], blue, red], axis=-1).tobytes()
    (picture,) = read(COLOUR, PhotometricInterpretation="YBR_FULL_422", PixelData=data)
    wide = to_rgb(luma.astype(float), blue.repeat(2, axis=1), red.repeat(2, axis=1))
    assert np.abs(picture.pixels - wide).max() < 1


def palette(entries: Array, bits: int, first: int = 0, segmented: str = "") -> dict[str, Any]:
    """Elements of a palette; ``(N, 3)``, or a list of segments for each colour."""
    elements: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for index, colour in enumerate(("Red", "Green", "Blue")):
        elements[f"{colour}PaletteColorLookupTableDescriptor"] = [len(entries) % 2**16, first, bits]
        elements[f"{segmented}{colour}PaletteColorLookupTableData"] = entries[:, index].tobytes()
    return elements


def test_palettes(read: Read) -> None:
    entries = RANDOM.integers(0, 256, (256, 3), dtype=np.uint8)
    words = entries.astype(np.uint16)
    tables: list[tuple[Array, int]] = [(entries, 8), (words * 256 + 77, 16), (words, 16), (words * 16, 12)]
    for kept, bits in tables:
        (picture,) = read(EIGHT, **palette(kept, bits))
        assert picture.pixels.dtype == np.uint8
        assert np.array_equal(picture.pixels, entries[EIGHT])
    many = RANDOM.integers(0, 256, (1000, 3), dtype=np.uint8)  # more entries than their own eight bits can count
    (picture,) = read(RAMP, **palette(many, 8, first=200))
    assert np.array_equal(picture.pixels, many[np.clip(RAMP.astype(int) - 200, 0, 999)])


def test_a_segmented_palette(read: Read) -> None:
    # two entries as they are, six on a line from 20 to 50, one more, that line again from its fourth word, and one more
    segments = np.array([0, 2, 10, 20, 1, 6, 50, 0, 1, 20, 2, 1, 8, 0, 1, 1, 7], np.uint16)
    entries = [10, 20, 25, 30, 35, 40, 45, 50, 20, 25, 30, 35, 40, 45, 50, 7]
    assert expand_segments(segments, 16).tolist() == entries
    narrow = np.array([0, 2, 10, 20, 1, 6, 50, 0, 1, 20, 2, 1, 4, 0, 0, 0, 1, 1, 7], np.uint8)
    assert expand_segments(narrow, 16).tolist() == entries
    elements = palette(np.zeros((16, 3), np.uint16), 16, segmented="Segmented")
    for colour in ("Red", "Green", "Blue"):
        elements[f"Segmented{colour}PaletteColorLookupTableData"] = segments.tobytes()
    (picture,) = read(EIGHT % 16, **elements)
    assert np.array_equal(picture.pixels[..., 1], np.array(entries)[EIGHT % 16])


@pytest.mark.parametrize(
    "segments",
    [
        [2, 1, 0, 0],  # points to itself
        [0, 1, 5, 2, 60000, 0, 0],  # too many
        [0, 0] * 20000 + [2, 20000, 0, 0] * 500,  # nothing, again and again
        [0, 1, 5, 1, 65535, 9, 2, 65535, 6, 0],  # four billion entries
        [0, 1, 5, 2, 60000, 6, 0],  # what it copies copies
        [1, 9, 50],  # a line from nowhere
        [9, 9, 9],
        [0, 9, 1],
        [0, 1],
        [],
    ],
)
def test_segments_that_are_refused(segments: list[int], read: Read) -> None:
    elements = palette(np.zeros((17, 3), np.uint16), 16, segmented="Segmented")
    elements["SegmentedRedPaletteColorLookupTableData"] = np.array(segments, np.uint16).tobytes()
    start = time.monotonic()
    with pytest.raises(UserError, match=r"not a readable DICOM file \((ValueError|IndexError|TypeError)\)"):
        read(EIGHT, **elements)
    assert time.monotonic() - start < 1


@pytest.mark.parametrize(
    "syntax",
    [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian],
    ids=lambda syntax: UID(syntax).keyword,
)
def test_native_transfer_syntaxes(syntax: UID, read: Read) -> None:
    pixels = np.stack([RAMP, RAMP[::-1]]).astype(np.int16) - 900
    pictures = read(pixels, syntax, RescaleSlope="1", RescaleIntercept="-24", WindowCenter="0", WindowWidth="9")
    assert np.array_equal(np.stack([picture.pixels for picture in pictures]), pixels - np.float32(24))
    (picture,) = read(COLOUR, syntax)
    assert np.array_equal(picture.pixels, COLOUR)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless], ids=["RLE", "JPEG2000"])
@pytest.mark.parametrize("dtype", ["u1", "u2", "i2"])
def test_compressed_transfer_syntaxes(syntax: UID, dtype: str, tmp_path: Path) -> None:
    pixels = RANDOM.integers(-2000 if dtype == "i2" else 0, 250, (3, 40, 48)).astype(dtype)
    dataset = build(pixels)
    dataset.compress(syntax)
    pictures = read_dicom(save(dataset, tmp_path / "x"))
    assert np.array_equal(np.stack([picture.pixels for picture in pictures]), pixels)


def test_frames_beyond_the_declared_number_are_read_and_missing_ones_are_told(tmp_path: Path) -> None:
    pixels = RANDOM.integers(0, 250, (3, 40, 48)).astype(np.uint8)
    for compressed in (False, True):
        for declared, found in ((2, 3), (3, 3), (5, None)):
            dataset = build(pixels)
            if compressed:
                dataset.compress(JPEG2000Lossless)
            dataset.NumberOfFrames = declared
            file = save(dataset, tmp_path / "x.dcm")
            if found:
                assert len(read_dicom(file)) == found
            else:
                with pytest.raises(UserError, match=r"3 of the 5 frames|less than expected"):
                    read_dicom(file)


def test_groups(read: Read) -> None:
    elements = {"PatientID": " 17 ", "StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.3"}
    frames = np.stack([EIGHT, EIGHT])
    assert [picture.group for picture in read(frames, **elements)] == ["17", "17"]
    assert read(EIGHT, **elements | {"PatientID": ""})[0].group == "1.2"
    assert read(EIGHT, SeriesInstanceUID="1.3")[0].group == "1.3"
    assert read(EIGHT)[0].group is None


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_a_file_without_preamble_and_transfer_syntax(syntax: UID, tmp_path: Path) -> None:
    file = tmp_path / "x.dcm"
    dataset = build(RAMP, syntax)
    del dataset.file_meta
    dataset.save_as(file, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=syntax != ExplicitVRBigEndian)
    assert file.read_bytes()[128:132] != b"DICM"
    assert np.array_equal(read_dicom(file)[0].pixels, RAMP)


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        ({"Rows": 65535, "Columns": 65535}, "too large"),
        ({"Rows": 30000, "Columns": 30000}, "more than 67108864 samples"),
        ({"NumberOfFrames": 1_000_000}, "too large"),
        ({"NumberOfFrames": 2**31 - 1}, "too large"),
        ({"Rows": 0}, "no Rows"),
        ({"Rows": 9}, "less than expected"),
        ({"BitsAllocated": 24}, "192 bytes"),
        ({"BitsStored": 12}, "Bits Stored"),
        (
            {"PhotometricInterpretation": "HSV"},
            "PhotometricInterpretation is not one that is read; expected one of MONO",
        ),
        ({"PhotometricInterpretation": "RGB"}, "1 samples a pixel, which RGB pixels cannot have"),
        ({"RescaleSlope": "0"}, "RescaleSlope is 0"),
        ({"RescaleSlope": "1", "RescaleIntercept": "1e999"}, "its intercept inf"),
        ({"NumberOfFrames": -1}, "Number of Frames"),
        ({"PixelRepresentation": 7}, "Pixel Representation"),
    ],
    ids=str,
)
def test_declarations_that_are_refused(elements: dict[str, Any], message: str, read: Read) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read(EIGHT[:8, :8], **elements)
    assert "\n" not in str(caught.value)
    assert "Secret" not in str(caught.value)
    assert not isinstance(caught.value, NoPictureError)


def test_bits_in_an_unusual_place_are_refused(tmp_path: Path) -> None:
    dataset = build(RAMP, BitsStored=12)
    dataset.HighBit = 15
    with pytest.raises(UserError, match="its 12 bits end at bit 15; expected 11"):
        read_dicom(save(dataset, tmp_path / "x.dcm"))


def test_a_file_without_pixels(tmp_path: Path) -> None:
    dataset = build(EIGHT)
    del dataset.PixelData
    with pytest.raises(UserError, match="its pixels are missing") as caught:
        read_dicom(save(dataset, tmp_path / "x.dcm"))
    assert not isinstance(caught.value, NoPictureError)


def test_videos_are_not_read(tmp_path: Path) -> None:
    dataset = build(EIGHT)
    dataset.file_meta.TransferSyntaxUID = MPEG2MPML
    dataset.PixelData = encapsulate([b"video"])
    with pytest.raises(UserError, match=r"compressed \(MPEG2 .*decompress it"):
        read_dicom(save(dataset, tmp_path / "x.dcm"))


def peak() -> int:
    """The most memory that this process ever had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_frames_larger_than_their_file_says_take_no_memory(tmp_path: Path) -> None:
    dataset = build(EIGHT)
    dataset.compress(JPEG2000Lossless)
    frame = bytearray(next(generate_frames(dataset.PixelData, number_of_frames=1)))
    struct.pack_into(">II", frame, 8, 30000, 30000)
    dataset.PixelData = encapsulate([bytes(frame)])
    before = peak()
    with pytest.raises(UserError, match=r"a frame is of \(30000, 30000, 1\)"):
        read_dicom(save(dataset, tmp_path / "x.dcm"))
    assert peak() - before < 2**28


def test_a_jp2_box_without_a_length_does_not_hang(tmp_path: Path) -> None:
    dataset = build(EIGHT)
    dataset.compress(JPEG2000Lossless)
    dataset.PixelData = encapsulate([b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(100)])
    with pytest.raises(UserError, match="a frame is no JPEG"):
        read_dicom(save(dataset, tmp_path / "x.dcm"))


def test_a_deflated_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganetic.data.formats.dicom.file.MAX_BYTES", 2**24)
    file = save(build(EIGHT, DeflatedExplicitVRLittleEndian), tmp_path / "x.dcm")
    whole = file.read_bytes()
    start = 128 + 4 + 12 + struct.unpack_from("<I", whole, 140)[0]
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    file.write_bytes(whole[:start] + deflater.compress(bytes(2**25)) + deflater.flush())
    assert file.stat().st_size < 2**16
    with pytest.raises(UserError, match=r"too large \(deflated elements\)"):
        read_dicom(file)
    file.write_bytes(whole[:-30])
    with pytest.raises(UserError, match="not a readable DICOM file"):
        read_dicom(file)


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.dcm")
    for name in ("pipe.dcm", "missing.dcm", ""):
        with pytest.raises(UserError, match="no such file"):
            read_dicom(tmp_path / name)
    for content in (b"", b"junk", bytes(300), b"\xff" * 300, bytes(128) + b"DICM"):
        (tmp_path / "junk.dcm").write_bytes(content)
        with pytest.raises(UserError, match=r"junk\.dcm: "):
            read_dicom(tmp_path / "junk.dcm")
    with (tmp_path / "large.dcm").open("wb") as file:
        file.truncate(MAX_BYTES + 1)  # sparse: it takes no space
    with pytest.raises(UserError, match="too large"):
        read_dicom(tmp_path / "large.dcm")


@pytest.mark.parametrize("missing", ["pydicom", "pylibjpeg"])
def test_without_the_extra(missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = IMAGES / "MR_small_jp2klossless.dcm"
    if missing == "pydicom":
        monkeypatch.setitem(sys.modules, "pydicom", None)
        for name in [name for name in sys.modules if name.startswith("ganetic.data.formats.dicom.")]:
            monkeypatch.delitem(sys.modules, name)
        assert is_dicom(file)
    else:
        from pydicom.pixels.decoders.base import JPEG2000LosslessDecoder

        monkeypatch.delitem(JPEG2000LosslessDecoder._available, "pylibjpeg")
    with pytest.raises(UserError, match=r"pip install 'ganetic\[dicom\]'"):
        read_dicom(file)


def test_nothing_reaches_the_console(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    for name in ("JPEG-lossy", "MR_truncated", "badVR", "rtplan_truncated", "MR_small_padded", "SC_rgb_jpeg"):
        try:
            read_dicom(IMAGES / f"{name}.dcm")
        except UserError:
            continue
    assert capfd.readouterr() == ("", "")
    assert not caplog.records
    assert logging.getLogger("pydicom").level < logging.CRITICAL


def test_damaged_rle_frames(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    dataset = dcmread(IMAGES / "MR_small_RLE.dcm")
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    for damaged in (frame[:2000], bytes(64)):
        dataset.PixelData = encapsulate([damaged])
        with pytest.raises(UserError, match="not a readable DICOM file"):
            read_dicom(save(dataset, tmp_path / "x.dcm"))
    dataset.PixelData = encapsulate([frame[:64] + bytes([129, 77] * 2000)])  # too long; pylibjpeg-rle panics
    assert len(read_dicom(save(dataset, tmp_path / "x.dcm"))) == 1
    assert capfd.readouterr() == ("", "")


def mutate(content: bytes, random: np.random.Generator) -> bytes:
    """Flip, cut, insert and overwrite bytes, mostly among the elements before the pixels."""
    damaged = bytearray(content)
    for _ in range(random.integers(1, 6)):
        at = int(random.integers(0, min(len(damaged), 2500) if random.random() < 0.6 else len(damaged)))
        kind = random.integers(0, 5)
        if kind == 0:
            damaged[at] ^= 1 << int(random.integers(0, 8))
        elif kind == 1:
            del damaged[at : at + int(random.integers(1, 30))]
        elif kind == 2:
            damaged[at:at] = random.bytes(int(random.integers(1, 8)))
        elif kind == 3:
            damaged[at : at + 4] = bytes(random.choice([0, 127, 128, 255], 4).tolist())
        elif random.random() < 0.3:
            del damaged[at + 10 :]
    return bytes(damaged)


def test_damaged_files_are_read_or_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    named = build(EIGHT, ImplicitVRLittleEndian, PatientID="Secret17", WindowCenter="40", WindowWidth="80")
    sources = [file for file in readable_files() if file.stat().st_size < 50_000]
    sources += [save(named, tmp_path / "named.dcm")] * (len(sources) // 3)
    random = np.random.default_rng(1)
    before, read, refused = peak(), 0, 0
    for number in range(60):
        file = tmp_path / f"{number}.dcm"
        file.write_bytes(mutate(sources[random.integers(len(sources))].read_bytes(), random))
        start = time.monotonic()
        try:
            assert read_dicom(file)
            read += 1
        except UserError as error:
            assert str(error).startswith(f"{file}: ")
            assert "\n" not in str(error)
            assert "Secret" not in str(error)
            refused += 1
        assert time.monotonic() - start < 2
    assert peak() - before < MAX_BYTES
    assert min(read, refused) > 10
    assert capfd.readouterr() == ("", "")
