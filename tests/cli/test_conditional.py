import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganetic.cli import run_command
from tests.training.full.conftest import tiny
from tests.training.full.test_train import as_toml


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANETIC_CACHE", str(tmp_path_factory.getbasetemp() / "full-cache"))


def of_classes(in_folder: Path) -> list[str]:
    data = {"name": "digits", "classes": ["3", "8"], "conditional": True}
    (in_folder / "tiny.toml").write_text(as_toml(tiny("dcgan", data=data, steps=10)))
    return ["train", "hinge", "--config", "tiny.toml"]


def test_images_of_the_class_that_is_asked_for(in_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([*of_classes(in_folder), "--run", "one"]) == 0
    with Image.open("one/samples/step-00000010.png") as samples:
        assert samples.size[0] > 500  # eight generated and eight real images a row
    capsys.readouterr()
    generate = ["generate", "one", "-n", "9"]
    assert run_command([*generate, "-o", "grid.png"]) == 0
    said = capsys.readouterr()
    assert said.out == "grid.png\n"
    assert said.err.startswith("classes: 3 (")
    assert run_command([*generate, "-o", "some.npz", "--class", "8"]) == 0
    assert capsys.readouterr().err == "classes: 8 (9 images)\n"
    arrays = np.load("some.npz")
    assert (arrays["labels"].tolist(), arrays["class_names"].tolist()) == ([1] * 9, ["3", "8"])
    assert run_command([*generate, "-o", "many"]) == 0
    assert {path.parent.name for path in Path("many").glob("*/*.png")} == {"3", "8"}
    capsys.readouterr()
    assert run_command([*generate, "-o", "more", "--class", "eight"]) == 2
    assert 'unknown class "eight"; expected one of 3, 8' in capsys.readouterr().err
    assert not Path("more").exists()
    assert run_command(["evaluate", "one", "-n", "60"]) == 0
    assert "Images of the class that was asked for" in capsys.readouterr().out
    assert run_command(["evaluate", "one", "-n", "60", "-o", "one/evaluation", "--json"]) == 0
    assert [found["name"] for found in json.loads(capsys.readouterr().out)["classes"]] == ["3", "8"]


def test_a_dry_run_counts_the_classes(in_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([*of_classes(in_folder), "--dry-run"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert list(plan["images"]["classes"]) == ["3", "8"]
    assert sum(plan["images"]["classes"].values()) == plan["images"]["training"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--model", "mlp"], "mlp cannot be told classes, dcgan and stylegan2 can; choose one of them"),
        (["--classes", "3"], "has no classes, or a single one; data.conditional needs two or more"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    options: list[str], said: str, in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command([*of_classes(in_folder), *options, "--run", "one"]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not Path("one").exists()


def test_a_training_that_is_told_no_classes_has_none_to_ask_for(
    in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (in_folder / "tiny.toml").write_text(as_toml(tiny("dcgan", steps=10)))
    assert run_command(["train", "hinge", "--config", "tiny.toml", "--run", "plain"]) == 0
    assert run_command(["generate", "plain", "-o", "x.png", "--class", "8"]) == 2
    assert 'class is "8"; the generator is told no classes; leave it out' in capsys.readouterr().err
