"""Paths with spaces and quotes, in bytes that are not UTF-8, and from another directory."""

import os
import shlex
import shutil
from pathlib import Path

import pytest
from PIL import Image

from ganetic.cli import run_command
from ganetic.data import load_images, resolved
from ganetic.errors import UserError
from ganetic.evaluation.evaluate_path import evaluate_path
from ganetic.evolution.results import open_run
from ganetic.evolution.search import resume, search
from ganetic.evolution.space import SpaceProxy
from ganetic.report.next_steps import next_steps
from ganetic.training.generate import find_checkpoint
from ganetic.training.metadata import read_metadata
from ganetic.training.outcome import outcome, training_in
from ganetic.training.train import resume_training, train
from tests.small_run import SPACE, small_run_directory, small_runtime
from tests.surroundings.machine import printed
from tests.training.full.conftest import LOSS, tiny
from tests.training.full.test_train import KillAt, Killed

Capture = pytest.CaptureFixture[str]
AWKWARD = """it's "my" run; $HOME & co"""
NOT_UTF8 = os.fsdecode(b"caf\xe9")


def commands_in(text: str) -> list[list[str]]:
    """The words of every command of a text, as a shell takes them."""
    lines = [line.partition("ganetic ")[2] for line in text.splitlines() if "ganetic " in line]
    return [shlex.split(line.rpartition("`")[0] or line) for line in lines]


def test_commands_to_type_can_be_typed(tmp_path: Path) -> None:
    run = tmp_path / AWKWARD
    shutil.copytree(small_run_directory(), run)
    for best in (None, run / "best.json"):
        commands = commands_in(next_steps(open_run(run), best))
        assert len(commands) == 4
        assert all(str(run) in words for words in commands), commands


def test_commands_of_a_training_can_be_typed(tmp_path: Path) -> None:
    run = tmp_path / AWKWARD
    training = train(tiny("mlp", data={"name": "digits"}, steps=10), LOSS, run)
    assert [words[0] for words in commands_in("\n".join(outcome(training)))] == ["generate", "evaluate"]
    shutil.rmtree(run / "checkpoints" / "step-00000010")
    stopped = training_in(run)
    assert all(str(run) in words for words in commands_in("\n".join([*outcome(training), *outcome(stopped)])))
    shutil.rmtree(run / "checkpoints")
    for refused in (lambda: train(tiny("mlp"), LOSS, run), lambda: training_in(run), lambda: find_checkpoint(run)):
        with pytest.raises(UserError) as caught:
            refused()
        assert commands_in(str(caught.value)) == [["resume", str(run)]]


@pytest.mark.usefixtures("pretended")
def test_a_search_that_is_there_names_its_command(tomls: Path, capsys: Capture) -> None:
    shutil.copytree(small_run_directory(), tomls / AWKWARD)
    assert run_command(["search", str(tomls / "space.toml"), "--run", str(tomls / AWKWARD)]) == 2
    assert commands_in(capsys.readouterr().err.partition("; ")[2]) == [["resume", str(tomls / AWKWARD)]]


@pytest.mark.usefixtures("pretended")
def test_bytes_that_are_not_utf8_are_one_line(tomls: Path, images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tomls)
    shutil.copy(images, f"{NOT_UTF8}.npz")
    shutil.copytree(small_run_directory(), NOT_UTF8)
    Path(f"{NOT_UTF8}-images").mkdir()
    commands = [
        ["search", "space.toml", "--data", f"npz:{NOT_UTF8}.npz"],
        ["search", "space.toml", "--run", f"{NOT_UTF8}-new"],
        ["train", "hinge", "--data", f"npz:{NOT_UTF8}.npz"],
        ["train", "hinge", "--run", f"{NOT_UTF8}-new"],
        ["score", "hinge", "--data", f"npz:{NOT_UTF8}.npz"],
        ["compare", "bce", "hinge", "--data", f"npz:{NOT_UTF8}.npz"],
        ["compare", "bce", "hinge", "-o", f"{NOT_UTF8}-new"],
        ["evaluate", f"{NOT_UTF8}-images", "--data", "digits"],
        ["evaluate", f"{NOT_UTF8}-images", "--data", f"folder:{NOT_UTF8}-images"],
        ["export", "best.json", "--run", NOT_UTF8],
        ["resume", NOT_UTF8],
        ["confirm", NOT_UTF8],
    ]
    for command in commands:
        code, _, said = printed(monkeypatch, "utf-8", *command)
        assert code == 2, command
        assert "UTF-8" in said or "unicode" in said, said
        assert said.count("\n") == 1
    assert not Path("best.json").exists() and not Path(f"{NOT_UTF8}-new").exists()


def test_places_are_absolute_and_other_names_stay(in_folder: Path) -> None:
    assert resolved("npz:a/b.npz") == f"npz:{in_folder}/a/b.npz"
    assert resolved("folder:/x y") == "folder:/x y"
    for name in ("mnist5k", "medmnist:pathmnist@64", "folder", "nothing:x"):
        assert resolved(name) == name
    with pytest.raises(UserError, match="names no place"):
        resolved("npz:")


def test_a_training_goes_on_and_is_judged_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    for folder in (home / "images", elsewhere):
        folder.mkdir(parents=True)
    for number, image in enumerate(load_images("digits").images[:64]):
        Image.fromarray(image[..., 0]).save(home / "images" / f"{number:02}.png")
    monkeypatch.chdir(home)
    config = tiny("mlp", data={"name": "folder:images"}, eval_images=16, steps=20)
    with pytest.raises(Killed):
        train(config, LOSS, Path("run"), callback=KillAt(15))
    monkeypatch.chdir(elsewhere)
    assert read_metadata(home / "run").config.data.name == f"folder:{home / 'images'}"
    assert resume_training(home / "run").status == "finished"
    assert evaluate_path(home / "run", count=16).generated == 16


def test_a_search_goes_on_from_elsewhere(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(images.parent)
    space = SPACE.model_copy(
        update={"proxies": (SpaceProxy(images=64), SpaceProxy(name="own", data="npz:images.npz", images=64))}
    )
    run = search(space, "npz:images.npz", tmp_path / "run", runtime=small_runtime(max_trials=8))
    assert run.config.data == f"npz:{images}"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert resume(run.directory, small_runtime(max_trials=12)).status == "finished"
