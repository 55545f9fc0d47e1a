"""Grey values of more than 8 bits become 8 bits by a window."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from ganetic.data import ImageSet, hold_out, load_images
from ganetic.data.load import all_or_split
from ganetic.data.pictures import Picture
from ganetic.data.raw import Depth, raw_images
from ganetic.data.source import Source
from ganetic.errors import UserError
from tests.data.pictures import noise, write_pictures

DEEP = noise(40, 8, 8, most=4000)


def shown(values: NDArray[np.generic], low: float, high: float) -> NDArray[np.uint8]:
    """What a window means, in one line of float64."""
    return np.rint(255 * np.clip((values.astype(np.float64) - low) / (high - low), 0, 1)).astype(np.uint8)


def test_a_named_window_is_in_units_of_the_file(tmp_path: Path) -> None:
    write_pictures(tmp_path, DEEP)
    images = load_images(f"folder:{tmp_path}?window=500,3000")
    assert np.array_equal(images.images[..., 0], shown(DEEP, 500, 3000))
    assert images.source == f"folder:{tmp_path}?window=500,3000"
    assert images.notes[-1].endswith("become 8 bits by the window 500 to 3000")


def test_by_default_training_images_alone_decide_the_window_of_16_bit_files(tmp_path: Path) -> None:
    def training(known: object) -> NDArray[np.int64]:
        return np.arange(10)

    planted = DEEP.copy()
    planted[10:] += 20_000
    write_pictures(tmp_path, planted)
    low, high = np.percentile(planted[:10], (0.5, 99.5))
    images = load_images(f"folder:{tmp_path}", training=training)
    assert np.array_equal(images.images[..., 0], shown(planted, low, high))
    assert "percentiles 0.5 and 99.5 of the 10 training images" in images.notes[-1]
    again = load_images(images.source)  # all images would decide now, but what was decided is part of the name
    assert again.fingerprint == images.fingerprint
    assert load_images(f"folder:{tmp_path}?window=set").fingerprint != images.fingerprint


def test_each_image_may_have_a_window_of_its_own(tmp_path: Path) -> None:
    planted = DEEP.copy()
    planted[3] = 7
    write_pictures(tmp_path, planted)
    images = load_images(f"folder:{tmp_path}?window=image")
    for number in (0, 1, 39):
        assert np.array_equal(
            images.images[number, ..., 0], shown(planted[number], *np.percentile(planted[number], (0.5, 99.5)))
        )
    assert not images.images[3].any()
    assert images.source.endswith("?window=image")


@pytest.mark.parametrize("kind", ["tif float", "tif int32", "png 16", "big-endian tif"])
def test_every_deep_kind_of_file(kind: str, tmp_path: Path) -> None:
    others: dict[str, NDArray[np.generic]] = {
        "tif float": DEEP.astype(np.float32) / 7,
        "tif int32": DEEP.astype(np.int32) - 900,
    }
    values = others.get(kind, DEEP)
    for number, image in enumerate(values):
        if kind == "big-endian tif":
            Image.frombytes("I;16B", (8, 8), image.astype(">u2").tobytes()).save(tmp_path / f"{number:03d}.tif")
        else:
            Image.fromarray(image).save(tmp_path / f"{number:03d}{'.png' if 'png' in kind else '.tif'}")
    low, high = float(np.min(values)) - 1, float(np.max(values)) + 0.5
    images = load_images(f"folder:{tmp_path}?window={low},{high}")
    assert np.array_equal(images.images[..., 0], shown(values, low, high))


def test_numbers_that_are_no_integers_need_a_window(tmp_path: Path) -> None:
    for number, image in enumerate(DEEP.astype(np.float32)):
        Image.fromarray(image).save(tmp_path / f"{number:03d}.tif")
    with pytest.raises(
        UserError, match=r"images are float32; expected uint8 in 0 … 255, or a window.*--window LOW HIGH"
    ):
        load_images(f"folder:{tmp_path}")
    Image.fromarray(np.full((8, 8), np.nan, np.float32)).save(tmp_path / "nan.tif")
    with pytest.raises(UserError, match=r"nan\.tif: holds values that are not finite"):
        load_images(f"folder:{tmp_path}?window=image")


def test_eight_bits_beside_more_need_a_word_of_the_user(tmp_path: Path) -> None:
    write_pictures(tmp_path / "a", DEEP)
    write_pictures(tmp_path / "b", noise(5, 8, 8))
    with pytest.raises(UserError, match="5 of 45 images have 8 bits, the others more"):
        load_images(f"folder:{tmp_path}")
    images = load_images(f"folder:{tmp_path}?window=0,4000")
    assert np.array_equal(images.images[40:, ..., 0], noise(5, 8, 8))
    assert "5 images of 8 bits are taken as they are" in images.notes[-1]


def test_a_window_for_8_bit_images_is_not_applied_and_that_is_said(tmp_path: Path) -> None:
    write_pictures(tmp_path, noise(16, 8, 8))
    images = load_images(f"folder:{tmp_path}?window=0,4095")
    assert np.array_equal(images.images[..., 0], noise(16, 8, 8))
    assert "no window is applied" in images.notes[-1]


def test_images_of_one_value_have_no_window(tmp_path: Path) -> None:
    write_pictures(tmp_path, np.full((16, 8, 8), 900, np.uint16))
    with pytest.raises(UserError, match="both 900, so that no window spreads them; name one"):
        load_images(f"folder:{tmp_path}")


def test_arrays_of_16_bit_are_windowed_too(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=DEEP)
    images = load_images(f"npz:{tmp_path / 'x.npz'}?window=0,3999")
    assert np.array_equal(images.images[..., 0], shown(DEEP, 0, 3999))
    np.savez(tmp_path / "colour.npz", images=noise(16, 8, 8, 3, most=4000))
    with pytest.raises(UserError, match="colour images are uint16; expected uint8"):
        load_images(f"npz:{tmp_path / 'colour.npz'}?window=0,3999")


def ready(pictures: list[Picture], window: str = "") -> ImageSet:
    stacked = np.stack([picture.pixels for picture in pictures])
    raw = raw_images("set", "set", stacked, depth=Depth.of(pictures))
    source = Source.parse(f"folder:set{window}")
    return raw.ready(source.window, all_or_split, lambda applied: replace(source, window=applied).name)


def test_files_may_bring_a_window_and_low_values_that_are_white() -> None:
    pictures = [Picture(image, (number, 3000.0 + number), number % 2 == 1) for number, image in enumerate(DEEP)]
    images = ready(pictures)
    for number, image in enumerate(DEEP):
        grey = shown(image, number, 3000 + number)
        assert np.array_equal(images.images[number, ..., 0], 255 - grey if number % 2 else grey)
    assert "that each file itself asks for" in images.notes[-1]
    assert "window" not in images.source
    named = ready(pictures, "?window=0,4000")
    assert np.array_equal(named.images[1, ..., 0], 255 - shown(DEEP[1], 0, 4000))
    with pytest.raises(UserError, match="39 of 40 images bring a window of their own"):
        ready([Picture(DEEP[0]), *pictures[1:]])


@settings(max_examples=50, deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(0, 2**32 - 1))
def test_windows_survive_their_name(low: float, width: float, seed: int) -> None:
    window = (low, low + width)
    name = Source("folder", f"/tmp/a b?{seed}", window).name
    assert Source.parse(name).window == window
    assert Source.parse(name).place == f"/tmp/a b?{seed}"
    assert Source.parse(name).name == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("folder:x?window=5", "LOW HIGH"),
        ("folder:x?window=9,5", "two rising numbers"),
        ("folder:x?window=nan,5", "two rising numbers"),
        ("folder:x?window=sett", "set .*or image"),
        ("folder:x?windo=1,2", 'unknown option "windo".*did you mean "window"'),
        ("folder:x?plane=axal", 'unknown plane "axal".*did you mean "axial"'),
        ("mnist5k?window=1,2", "a window or plane behind npz:FILE and folder:DIR only"),
        ("mnist5k?size=0", "expected 1 to 1024 pixels a side"),
        ("mnist5k?size=x", "expected 1 to 1024 pixels a side"),
        ("npz:~nosuchuser/x.npz", "write the whole path"),
    ],
)
def test_names_that_cannot_be_understood(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_images(name)


def test_a_size_stands_behind_any_name(tmp_path: Path) -> None:
    assert load_images("digits?size=8").fingerprint == load_images("digits", size=8).fingerprint
    assert load_images("digits?size=8").source == "digits?size=8"
    assert load_images("digits?size=8", size=16).images.shape[1] == 16
    write_pictures(tmp_path, DEEP)
    images = load_images(f"folder:{tmp_path}?size=4&window=0,4000")
    assert images.images.shape == (40, 4, 4, 1)
    assert Source.parse(images.source) == Source("folder", str(tmp_path), (0, 4000), "axial", 4)


def test_a_trained_window_is_that_of_the_images_which_train(tmp_path: Path) -> None:
    write_pictures(tmp_path / "a", DEEP[:20])
    write_pictures(tmp_path / "b", DEEP[20:])
    images = load_images(f"folder:{tmp_path}", training=lambda known: hold_out(known)[0])
    training, held_out = hold_out(images)
    low, high = np.percentile(DEEP[training], (0.5, 99.5))
    assert len(held_out) == 8
    assert np.array_equal(images.images[..., 0], shown(DEEP, low, high))
