"""Chest X-rays as DICOM files and as 16-bit PNGs go the README's way, and are the images of the archive."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from ganetic.cli import run_command
from ganetic.data import load_images
from tests.data.chest import Chest, chest  # noqa: F401 - a fixture

WINDOW = ["--window", "0", "65535"]


@pytest.mark.parametrize(("kind", "options"), [("dicom", ""), ("png16", "?window=0,65535")])
@pytest.mark.parametrize("size", [None, 64])
def test_they_are_the_images_of_the_archive_within_a_grey_level(
    kind: str,
    options: str,
    size: int | None,
    chest: Chest,  # noqa: F811
    tmp_path: Path,
) -> None:
    expected = load_images(chest.write_npz(tmp_path / "set.npz"), size=size)
    name = chest.write_dicom(tmp_path / "set") if kind == "dicom" else chest.write_png16(tmp_path / "set")
    images = load_images(name + options, size=size)
    assert images.images.shape == expected.images.shape
    assert np.abs(images.images.astype(int) - expected.images).max() <= 1
    assert images.class_names == expected.class_names
    assert images.labels is not None and expected.labels is not None
    assert np.array_equal(images.labels, expected.labels)
    if kind == "dicom":
        assert images.groups is not None and expected.groups is not None
        pairs = set(zip(images.groups.tolist(), expected.groups.tolist(), strict=True))
        assert len(pairs) == images.groups.max() + 1 == expected.groups.max() + 1
    assert size is not None or np.array_equal(images.images, expected.images)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["dicom", "png16"])
def test_they_train_resume_evaluate_and_generate(
    kind: str,
    chest: Chest,  # noqa: F811
    in_folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GANETIC_CACHE", str(in_folder / "cache"))
    (in_folder / "own.toml").write_text(
        'steps = 20\ncheckpoint_every = 10\nbatch = 8\n[model]\nname = "dcgan"\nwidth = 4\n[data]\nsize = 32\n'
    )
    Path("x rays").mkdir()
    name = chest.write_dicom(Path("x rays")) if kind == "dicom" else chest.write_png16(Path("x rays"))
    window = WINDOW if kind == "png16" else []
    arguments = ["--config", "own.toml", "--data", name, *window, "--run", "run"]
    assert run_command(["train", "bce", *arguments]) == 0
    said = capsys.readouterr().err
    assert f"read {len(chest.images)} images of 3 classes" in said
    assert "by the window" in said
    page = json.loads(Path("run/training.json").read_text())
    wanted = "?window=0,65535" if kind == "png16" else ""
    assert page["config"]["data"]["name"] == f"folder:{in_folder.resolve()}/x rays{wanted}"
    shutil.rmtree("run/checkpoints/step-00000020")
    elsewhere = in_folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert run_command(["resume", "../run"]) == 0
    assert "finished at step 20" in capsys.readouterr().out
    assert run_command(["evaluate", "../run", "-n", "32"]) == 0
    assert "by the window" in capsys.readouterr().out
    assert run_command(["generate", "../run", "-n", "4", "-o", "grid.png"]) == 0
    assert Path("grid.png").is_file()
    assert ("0 to 255 stand for 0 to 65535" in capsys.readouterr().err) == (kind == "png16")
