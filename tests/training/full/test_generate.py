from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganetic.errors import UserError
from ganetic.training.checkpoint import checkpoints_in
from ganetic.training.generate import find_checkpoint, generate_images
from ganetic.training.outcome import Training
from ganetic.training.output import write_images
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


def test_truncation_trades_variety(tmp_path: Path) -> None:
    checkpoint = find_checkpoint(train(tiny("stylegan2", steps=10), LOSS, tmp_path / "run").directory)
    plain = generate_images(checkpoint, 12)
    assert np.array_equal(generate_images(checkpoint, 12, truncation=1), plain)
    spread = [generate_images(checkpoint, 12, truncation=share).std(0).mean() for share in (0.0, 0.3, 1.0)]
    assert spread[0] < 1 < spread[1] < spread[2]
    few, many = (generate_images(checkpoint, count, truncation=0.3) for count in (10, 60))
    assert np.abs(few.astype(int) - many[:10]).max() <= 1  # the order of sums is that of the batch


def test_a_model_without_styles_has_no_truncation(finished: Training) -> None:
    with pytest.raises(UserError, match=r"truncation is 0\.7; dcgan has no styles to truncate; leave it out"):
        generate_images(find_checkpoint(finished.directory), 4, truncation=0.7)


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

    monkeypatch.setattr("ganetic.training.output.write_png", full)
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
