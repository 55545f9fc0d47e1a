from pathlib import Path

import numpy as np
import pytest

import ganetic
from ganetic.data import load_images
from ganetic.data.fingerprints import fingerprints
from ganetic.detection.gan import images_seen, load_gan
from ganetic.errors import UserError
from ganetic.training.config import TrainConfig
from ganetic.training.data import training_data_of
from ganetic.training.generate import find_checkpoint
from ganetic.training.trained_on import TRAINED_ON, read_trained_on

TINY = TrainConfig.model_validate(
    {
        "model": {"name": "mlp", "width": 2, "latent": 4},
        "data": {"name": "digits", "classes": ["1", "2"], "per_class": 40},
        "steps": 10,
        "checkpoint_every": 10,
        "eval_images": 16,
    }
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ganetic.train("bce", TINY, run=tmp_path_factory.mktemp("trained") / "run").directory


def test_a_run_keeps_which_images_trained_it(run: Path) -> None:
    data = training_data_of(TINY)
    kept = read_trained_on(run)
    assert kept is not None
    np.testing.assert_array_equal(kept, np.unique(fingerprints(data.training_images)))
    assert not np.isin(fingerprints(data.held_out_images), kept).any()
    whole = np.isin(fingerprints(load_images("digits").images), kept)
    assert int(whole.sum()) == len(data.training) == 80
    np.testing.assert_array_equal(load_gan(find_checkpoint(run)).seen, kept)


def test_of_an_older_run_they_are_found_by_its_images(run: Path, tmp_path: Path) -> None:
    kept = read_trained_on(run)
    (run / TRAINED_ON).rename(tmp_path / "aside")
    try:
        np.testing.assert_array_equal(images_seen(find_checkpoint(run)), kept)
    finally:
        (tmp_path / "aside").rename(run / TRAINED_ON)


def test_where_the_images_are_gone_that_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    stream = np.random.default_rng(0)
    np.savez(tmp_path / "own.npz", images=stream.integers(0, 256, (40, 16, 16), dtype=np.uint8))
    config = TINY.model_copy(
        update={
            "data": TINY.data.model_copy(
                update={"name": f"npz:{tmp_path / 'own.npz'}", "classes": (), "per_class": None}
            )
        }
    )
    run = ganetic.train("bce", config, run=tmp_path / "run").directory
    (run / TRAINED_ON).unlink()
    for change, said in (
        (lambda path: np.savez(path, images=np.zeros((40, 16, 16), np.uint8)), "they are others now"),
        (Path.unlink, "no such file"),
    ):
        change(tmp_path / "own.npz")
        caplog.clear()
        assert images_seen(find_checkpoint(run)).shape == (0,)
        assert "it is not known which images of own:" in caplog.text and said in caplog.text


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"no array"])
def test_a_damaged_file_is_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / TRAINED_ON).write_bytes(content)
    with pytest.raises(UserError, match=f"{TRAINED_ON}: cannot be read .*; restore it from a copy, or delete it"):
        read_trained_on(tmp_path)


def test_another_array_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / TRAINED_ON, np.zeros((2, 2)))
    with pytest.raises(UserError, match="holds no fingerprints of images"):
        read_trained_on(tmp_path)
