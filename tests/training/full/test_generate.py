from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganetic.errors import UserError
from ganetic.training.checkpoint import checkpoints_in
from ganetic.training.generate import find_checkpoint, generate_images, write_images
from ganetic.training.outcome import Training
from ganetic.training.train import train
from tests.training.full.conftest import LOSS, tiny


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Training:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANETIC_CACHE", str(tmp_path_factory.getbasetemp() / "full-cache"))
        return train(tiny("dcgan", steps=20), LOSS, tmp_path_factory.mktemp("finished") / "run")


def test_a_training_stands_for_its_best_checkpoint(finished: Training) -> None:
    assert find_checkpoint(finished.directory).directory == finished.best
    first = checkpoints_in(finished.directory)[0]
    assert find_checkpoint(first).step == 0


def test_a_seed_draws_the_same_images_and_the_first_of_more(finished: Training) -> None:
    checkpoint = find_checkpoint(finished.directory)
    ten = generate_images(checkpoint, 10, seed=3)
    assert ten.shape == (10, 32, 32, 1)
    assert ten.dtype == np.uint8
    assert np.array_equal(ten, generate_images(checkpoint, 10, seed=3))
    assert np.array_equal(ten, generate_images(checkpoint, 60, seed=3)[:10])
    assert not np.array_equal(ten, generate_images(checkpoint, 10, seed=4))


def test_a_png_is_a_grid_and_a_directory_single_images(finished: Training, tmp_path: Path) -> None:
    images = generate_images(find_checkpoint(finished.directory), 9)
    assert write_images(images, tmp_path / "grid.png") == [tmp_path / "grid.png"]
    assert np.asarray(Image.open(tmp_path / "grid.png")).shape == (3 * 34 + 2, 3 * 34 + 2, 3)
    files = write_images(images, tmp_path / "new" / "many")
    assert [file.name for file in files][:2] == ["00000.png", "00001.png"]
    assert np.array_equal(np.asarray(Image.open(files[4])), images[4, :, :, 0])


def test_a_directory_with_files_is_refused_and_a_grid_replaced(finished: Training, tmp_path: Path) -> None:
    images = generate_images(find_checkpoint(finished.directory), 4)
    (tmp_path / "many").mkdir()
    (tmp_path / "many" / ".DS_Store").touch()
    files = write_images(images, tmp_path / "many")
    before = [file.read_bytes() for file in files]
    with pytest.raises(UserError, match="many: holds files already"):
        write_images(images[:2], tmp_path / "many")
    assert [file.read_bytes() for file in files] == before
    with pytest.raises(UserError, match=r"\.DS_Store: is a file"):
        write_images(images, tmp_path / "many" / ".DS_Store")
    for count in (4, 2):
        (grid,) = write_images(images[:count], tmp_path / "grid.png")
    assert np.asarray(Image.open(grid)).shape == (70, 36, 3)


def test_of_images_that_cannot_all_be_written_none_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, image: object) -> None:
        if path.name == "00002.png":
            raise UserError(f"{path}: cannot be written: No space left on device")
        path.touch()

    monkeypatch.setattr("ganetic.training.generate.write_png", full)
    (tmp_path / "many").mkdir()
    with pytest.raises(UserError, match="No space left"):
        write_images(np.zeros((4, 8, 8, 1), np.uint8), tmp_path / "many")
    assert not list((tmp_path / "many").iterdir())


def test_what_is_no_checkpoint_is_refused(finished: Training, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing", finished.directory / "samples"):
        with pytest.raises(UserError, match="neither a training nor one of its checkpoints"):
            find_checkpoint(path)
    with pytest.raises(UserError, match=r'ends in "\.jpg"'):
        write_images(np.zeros((1, 8, 8, 1), np.uint8), tmp_path / "x.jpg")
