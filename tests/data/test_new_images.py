from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganetic.data import load_images
from ganetic.data.fingerprints import fingerprints
from ganetic.data.new_images import read_new_images
from ganetic.errors import UserError


def written(path: Path, pixels: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def pixels(*shape: int, top: int = 256, seed: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.uint16]]:
    return np.random.default_rng(seed).integers(0, top, shape, dtype=np.uint16)


@pytest.mark.parametrize("sides", [[20] * 16, [20, 24, 30, 17] * 4])
def test_images_become_what_a_folder_of_them_becomes(sides: list[int], tmp_path: Path) -> None:
    for number, side in enumerate(sides):
        written(tmp_path / f"{number:02d}.png", pixels(side, side + 3, 3, seed=number).astype(np.uint8))
    name = f"folder:{tmp_path}?size=12"
    trained = load_images(name)
    new = read_new_images([tmp_path], trained.source, 12, 3)
    np.testing.assert_array_equal(new.images, trained.images)
    np.testing.assert_array_equal(fingerprints(new.images), fingerprints(trained.images))
    assert new.names[3] == str(tmp_path / "03.png")
    single = read_new_images([tmp_path / "07.png"], trained.source, 12, 3)
    np.testing.assert_array_equal(single.images, trained.images[7:8])


@pytest.mark.parametrize("window", ["100,900", "set", "image"])
def test_the_window_of_the_training_is_theirs(window: str, tmp_path: Path) -> None:
    for number in range(16):
        written(tmp_path / f"{number:02d}.png", pixels(16, 16, top=1000, seed=number))
    trained = load_images(f"folder:{tmp_path}?window={window}", size=8)
    assert "window=" in trained.source
    new = read_new_images([tmp_path], trained.source, 8, 1)
    np.testing.assert_array_equal(new.images, trained.images)


def test_grey_pictures_become_colour_beside_colour(tmp_path: Path) -> None:
    grey = written(tmp_path / "grey.png", pixels(8, 8).astype(np.uint8))
    images = read_new_images([grey], "digits", 8, 3).images
    assert images.shape == (1, 8, 8, 3)
    assert (images == images[..., :1]).all()


def test_pages_have_names(tmp_path: Path) -> None:
    pages = [Image.fromarray(pixels(8, 8, seed=seed).astype(np.uint8)) for seed in range(3)]
    pages[0].save(tmp_path / "scan.tif", save_all=True, append_images=pages[1:])
    new = read_new_images([tmp_path / "scan.tif"], "digits", 8, 1)
    assert new.names == tuple(f"{tmp_path / 'scan.tif'}, page {number}" for number in (1, 2, 3))
    np.testing.assert_array_equal(new.images[2, ..., 0], np.asarray(pages[2]))


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    colour = written(tmp_path / "colour.png", pixels(8, 8, 3).astype(np.uint8))
    deep = written(tmp_path / "deep.png", pixels(8, 8, top=1000))
    (tmp_path / "text.txt").write_text("no picture")
    (tmp_path / "broken.png").write_bytes(colour.read_bytes()[:40])
    (tmp_path / "empty").mkdir()
    for path, said in (
        (colour, "colour.png: is a colour picture; those of the training are grey"),
        (deep, "deep.png: has more than 8 bits a pixel and brings no window"),
        (tmp_path / "text.txt", "text.txt: no picture by its name; expected .*png"),
        (tmp_path / "broken.png", "broken.png: not a readable picture"),
        (tmp_path / "empty", "empty: no images; name files of images, or a folder"),
        (tmp_path / "missing", "missing: no such file or folder"),
    ):
        with pytest.raises(UserError, match=said):
            read_new_images([path], "digits", 8, 1)
    with pytest.raises(UserError, match="holds no picture"):
        read_new_images([], "digits", 8, 1)
