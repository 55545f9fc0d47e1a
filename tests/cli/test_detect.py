import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ganetic
from ganetic.cli import run_command
from ganetic.data import load_images
from ganetic.training.config import TrainConfig
from tests.test_cli import Capture, complaint, installed

SCORES = ("sum", "residual", "features", "discriminator")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images of two classes, others of both, a training on the normal ones, and a detector."""
    folder = tmp_path_factory.mktemp("detect")
    digits = load_images("digits", size=16)
    assert digits.labels is not None
    for label, name in ((1, "healthy"), (4, "sick")):
        for number, index in enumerate(np.flatnonzero(digits.labels == label)[:75]):
            path = folder / ("xrays" if number < 60 else "new") / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(digits.images[index, ..., 0]).save(path)
    config = TrainConfig.model_validate(
        {
            "model": {"name": "mlp", "width": 2, "latent": 4},
            "data": {"name": f"folder:{folder / 'xrays'}", "classes": ["healthy"]},
            "steps": 10,
            "checkpoint_every": 10,
            "eval_images": 16,
        }
    )
    ganetic.train("bce", config, run=folder / "run")
    made = [
        "detect",
        "fit",
        folder / "run",
        "--normal",
        "healthy",
        "-o",
        folder / "fit",
        "--steps",
        "5",
        "--width",
        "2",
    ]
    assert run_command([str(word) for word in made]) == 0
    return folder


def run(*arguments: object) -> None:
    assert run_command([str(argument) for argument in arguments]) == 0


def test_a_fit_says_what_it_made(place: Path, tmp_path: Path, capsys: Capture) -> None:
    run(
        "detect",
        "fit",
        place / "run",
        "--normal",
        "healthy",
        "-o",
        tmp_path / "fit",
        "--steps",
        "3",
        "--layer",
        "layers.1",
    )
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        f"{tmp_path / 'fit'}: encoder of 3 steps on 48 normal images, layer layers.1, scores scaled by 12 others",
        f"next: ganetic detect score {tmp_path / 'fit'} IMAGES",
    ]
    assert "48 normal images train the encoder, 12 others scale its scores" in err
    stored = json.loads((tmp_path / "fit" / "detector.json").read_text())
    assert stored["encoder"]["layer"] == "layers.1"
    assert stored["provenance"]["normal"] == ["healthy"]


def test_new_images_are_scored_the_most_anomalous_first(
    place: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    run("detect", "score", "fit", "new/sick", "new/healthy/60.png")
    out = capsys.readouterr().out
    sums = [float(match[1]) for match in re.finditer(r"\.png +(-?\d+\.\d\d) ", out)]
    assert len(sums) == 16
    assert sums == sorted(sums, reverse=True)
    assert "the higher, the more anomalous" in out


def test_a_table_has_all_images_in_order(place: Path, tmp_path: Path, capsys: Capture) -> None:
    run("detect", "score", place / "fit", place / "new", "--csv", tmp_path / "s.csv", "--json")
    record = json.loads(capsys.readouterr().out)
    rows = list(csv.DictReader((tmp_path / "s.csv").read_text().splitlines()))
    names = [str(path) for path in sorted((place / "new").rglob("*.png"))]
    assert [row["image"] for row in rows] == [image["image"] for image in record["images"]] == names
    assert list(rows[0]) == ["image", *SCORES]
    for row, image in zip(rows, record["images"], strict=True):
        assert [float(row[score]) for score in SCORES] == [image[score] for score in SCORES]
        assert image["sum"] == pytest.approx(sum(image[score] for score in SCORES[1:]))
    assert (record["model"], record["layer"], record["primary"]) == ("mlp", "layers.3", "sum")


def test_a_figure_is_drawn(place: Path, tmp_path: Path) -> None:
    run("detect", "score", place / "fit", place / "new", "--figure", tmp_path / "most.png")
    with Image.open(tmp_path / "most.png") as picture:
        assert picture.width > picture.height > 1000


def test_images_of_another_size_are_scored_as_those_of_the_training_were_read(
    place: Path, tmp_path: Path, capsys: Capture
) -> None:
    with Image.open(place / "new" / "sick" / "60.png") as picture:
        picture.resize((40, 32), Image.Resampling.NEAREST).save(tmp_path / "wide.png")
    run("detect", "score", place / "fit", tmp_path / "wide.png", "--json")
    assert len(json.loads(capsys.readouterr().out)["images"]) == 1


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["fit", "nowhere", "-o", "new"], ["nowhere"]),
        (["fit", "{run}", "--normal", "helthy", "-o", "new"], ['unknown class "helthy"', 'did you mean "healthy"?']),
        (["fit", "{run}", "-o", "new"], ["no normal class is named", "--normal", "healthy, sick"]),
        (["fit", "{run}", "--normal", " , ", "-o", "new"], ["no normal class is named"]),
        (["fit", "{run}", "--normal", "sick", "-o", "new"], ["48 images of classes that are not normal (healthy)"]),
        (["fit", "{run}", "--data", "folder:{xrays}/sick", "--normal", "sick", "-o", "new"], ["one class only"]),
        (["fit", "{run}", "--data", "mnits", "--normal", "1", "-o", "new"], ['did you mean "mnist']),
        (["fit", "{run}", "--data", "histology", "-o", "new"], ["colour images; the GAN makes grey ones"]),
        (
            ["fit", "{run}", "--normal", "healthy", "--layer", "layer.1", "-o", "new"],
            ['layer "layer.1"', "layers.0, ", 'mean "layers.1"'],
        ),
        (["fit", "{run}", "--normal", "healthy", "--kappa", "-1", "-o", "new"], ["options: kappa is", "greater than"]),
        (["fit", "{run}", "--normal", "healthy", "--stpes", "3", "-o", "new"], ["--stpes", "--steps"]),
        (
            ["fit", "{run}", "--normal", "healthy", "--window", "set", "-o", "new"],
            ["--window", "expected it with --data"],
        ),
        (["fit", "{run}", "--normal", "healthy"], ["--output"]),
        (["fit", "{run}", "--normal", "healthy", "-o", "{fit}"], ["holds files already; name a new directory"]),
        (["fit", "{run}", "--normal", "healthy", "-o", "{fit}/detector.json"], ["is a file; name a new directory"]),
        (["fti", "{run}"], ["fti"]),
        (["score", "{run}", "{new}"], ["no detector, it has no detector.json"]),
        (["score", "{fit}"], ["IMAGES"]),
        (["score", "{fit}", "missing.png"], ["missing.png: no such file or folder"]),
        (["score", "{fit}", "{fit}"], ["no images"]),
        (["score", "{fit}", "{new}", "{xrays}/healthy"], ["60 of 90 images had such a part", "leave them out"]),
        (["score", "{fit}", "{new}", "--figure", "f.jpg"], ["png, svg, pdf"]),
        (["score", "{fit}", "{new}", "--csv", "nowhere/at/all/s.csv"], ["s.csv"]),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], parts: list[str], place: Path, in_folder: Path, capsys: Capture
) -> None:
    places = {"run": place / "run", "fit": place / "fit", "new": place / "new", "xrays": place / "xrays"}
    line = complaint(capsys, "detect", *(word.format(**places) for word in arguments))
    for part in parts:
        assert part in line


def test_images_that_trained_the_gan_are_named(place: Path, in_folder: Path, capsys: Capture) -> None:
    line = complaint(capsys, "detect", "score", place / "fit", *sorted((place / "xrays" / "healthy").iterdir()))
    assert re.search(r"healthy/\d+\.png: (trained its GAN|set the scale of its scores); 60 of 60 images", line)


def test_too_few_normal_images_are_one_line(place: Path, in_folder: Path, capsys: Capture) -> None:
    few = in_folder / "few" / "healthy"
    few.mkdir(parents=True)
    for number in range(16):
        (few / f"{number}.png").write_bytes(
            (place / "new" / ("sick" if number < 15 else "healthy") / f"{60 + number % 15}.png").read_bytes()
        )
    line = complaint(capsys, "detect", "fit", place / "run", "--data", f"folder:{in_folder / 'few'}", "-o", "new")
    assert "13 normal images to train on and 3 to validate with; expected at least 16 and 10" in line


def test_the_installed_program_knows_both() -> None:
    text = installed("detect", "--help").stdout
    assert "fit" in text and "score" in text
    for command, options in (
        ("fit", ("--normal", "--layer", "--data", "--kappa")),
        ("score", ("--csv", "--json", "--figure")),
    ):
        text = installed("detect", command, "--help").stdout
        assert all(option in text for option in options)
        assert max(map(len, text.splitlines())) <= 80
