"""The study as a whole: on real GANs, resumed after a kill, shown and reported."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from ganetic.augmenting.gan import GanRequest, Generated
from ganetic.cli import run_command
from ganetic.errors import UserError
from ganetic.jobs.grid import read_grid
from ganetic.plots.augmentation import write_figure
from ganetic.report.augmentation import augmentation_page, augmentation_record, write_tables
from ganetic.report.renderers.markdown import markdown
from ganetic.report.web.page import write_report
from ganetic.stats import holm
from ganetic.studies.augment import augment, estimate, prepare
from ganetic.studies.augmentation import Augmentation, open_augmentation
from tests.augmenting.planted import config, noise, pixel_features, serial, training_images, write_set

__all__ = ["pixel_features"]
Capture = pytest.CaptureFixture[str]


def plain(study: Augmentation) -> list[dict[str, Any]]:
    """All that came of the draws, but for the clock."""
    clocks = {"gan_seconds", "classifier_seconds"}
    return [one.model_dump(exclude=clocks) for one in study.draws]


@pytest.fixture
def data(tmp_path: Path) -> str:
    return write_set(tmp_path / "set.npz")


@pytest.mark.usefixtures("pixel_features")
def test_real_gans_are_trained_on_the_subset_and_their_images_used(data: str, tmp_path: Path) -> None:
    study = augment(config(data, draws=2, sizes=(16,)), tmp_path / "run", serial())
    assert study.is_finished and not study.errors
    gans = study.gans()
    assert list(gans["trainings"]) == [2, 2]
    assert (gans["fd"] > 0).all()
    assert {gan.of for one in study.draws for gan in one.gans} == {"0", "1"}
    assert study.draws[0].samples and not study.draws[1].samples
    assert not list((tmp_path / "run" / "gans").iterdir())


@pytest.mark.usefixtures("pixel_features")
def test_one_gan_that_is_told_classes_takes_the_place_of_one_for_each(tmp_path: Path) -> None:
    file = tmp_path / "told.toml"
    file.write_text(
        "steps = 10\ncheckpoint_every = 10\nbatch = 8\n[data]\nconditional = true\n"
        '[model]\nname = "dcgan"\nwidth = 4\nlatent = 8\n'
    )
    data = write_set(tmp_path / "large.npz")
    told = config(data, config=str(file), model=None, size=28, steps=None, draws=2, sizes=(12,))
    study = augment(told, tmp_path / "run", serial())
    assert study.is_finished and not study.errors, study.errors
    assert [gan.of for one in study.draws for gan in one.gans] == ["all classes"] * 2
    assert estimate(told, serial()).trainings == 2


@pytest.mark.usefixtures("pixel_features")
def test_a_study_goes_on_where_it_was_with_equal_records(data: str, tmp_path: Path) -> None:
    whole = augment(config(data), tmp_path / "whole", serial(), make=noise)
    calls: list[int] = []

    def interrupted(request: GanRequest) -> Generated:
        calls.append(request.seed)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return noise(request)

    with pytest.raises(KeyboardInterrupt):
        augment(config(data), tmp_path / "part", serial(), make=interrupted)
    assert open_augmentation(tmp_path / "part").ended == 1
    resumed = augment(config(data), tmp_path / "part", serial(), make=noise)
    assert plain(resumed) == plain(whole)
    with pytest.raises(UserError, match=r"was begun with config = .*undo the change, or name a new directory"):
        augment(config(data, seed=1), tmp_path / "part", serial(), make=noise)


@pytest.mark.usefixtures("pixel_features")
def test_differences_are_paired_t_intervals_over_draws(data: str, tmp_path: Path) -> None:
    study = augment(config(data, draws=4), tmp_path / "run", serial(), make=noise)
    table = study.scores().pivot(index="draw", columns="arm", values="macro_f1")
    gap = table["gan"] - table["classical"]
    low, high = stats.t.interval(0.95, 3, gap.mean(), stats.sem(gap))
    (row,) = study.primary().to_dict("records")
    assert (row["mean"], row["low"], row["high"]) == pytest.approx((gap.mean(), low, high))
    own = study.differences().query("score == 'macro_f1'")
    expected = [
        stats.ttest_rel(table[first], table[second]).pvalue
        for first, second in zip(own["first"], own["second"], strict=True)
    ]
    assert list(own["t_p"]) == pytest.approx(expected)
    assert list(own["holm_p"]) == pytest.approx(holm(expected))


@pytest.mark.usefixtures("pixel_features")
def test_it_is_shown_written_and_reported(data: str, tmp_path: Path, capsys: Capture) -> None:
    study = augment(config(data, sizes=(8, 20), draws=2), tmp_path / "run", serial(), make=training_images)
    assert {path.name for path in (*write_tables(study), write_figure(study))} == {
        "augment.json", "augment.csv", "augment.md", "augment.tex", "curves.png",
    }  # fmt: skip
    text = markdown(augmentation_page(study))
    assert "Primary, fixed before any result: gan against classical in macro F1; all else is secondary." in text
    assert "20 images a class: gan less classical" in text
    assert "2 draws describe, and decide nothing" in text
    json.dumps(augmentation_record(study)["settings"])
    assert run_command(["show", str(study.directory)]) == 0
    assert "gan against classical in macro F1" in capsys.readouterr().out
    page = write_report([study.directory]).read_text()
    for said in ("Do generated images help a classifier?", "Learning curves", 'class="spread s1"', "data:image/webp"):
        assert said in page


@pytest.mark.usefixtures("pixel_features")
def test_a_study_without_a_draw_is_shown_too(data: str, tmp_path: Path) -> None:
    def fails(request: GanRequest) -> Generated:
        raise RuntimeError("out of luck")

    study = augment(config(data, draws=2), tmp_path / "run", serial(), make=fails)
    assert len(study.errors) == 2
    text = markdown(augmentation_page(study))
    assert "2 of 2 gave no record; the first: RuntimeError: out of luck." in text
    assert "Learning curves" not in write_report([study.directory]).read_text()


@pytest.mark.usefixtures("pixel_features")
def test_an_estimate_trains_nothing_and_writes_nothing(data: str, tmp_path: Path) -> None:
    found = estimate(config(data, sizes=(10, 20)), serial())
    assert (found.jobs, found.trainings) == (6, 12)
    assert 0 < found.hours < 1
    assert any("training side" in sentence for sentence in found.sentences)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set.npz"]
    small = estimate(config(data, classifier={"kind": "small", "steps": 100_000}), serial())
    assert small.hours > 10 * found.hours


def test_images_that_judge_have_no_say_in_the_window(tmp_path: Path) -> None:
    arrays = dict(np.load(write_set(tmp_path / "set.npz").removeprefix("npz:")))
    arrays["images"] = arrays["images"].astype(np.uint16) * 16
    np.savez(tmp_path / "deep.npz", **arrays)
    data = f"npz:{tmp_path / 'deep.npz'}?window=set"
    before = prepare(config(data))
    arrays["images"][before.division.judging] *= 8
    np.savez(tmp_path / "deep.npz", **arrays)
    after = prepare(config(data))
    assert after.images.source == before.images.source
    assert after.division.sha256 == before.division.sha256


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--sizes", "1000"], "sizes go up to 1000 images a class; the training side has"),
        (["--sizes", "ten"], "options: sizes"),
        (["--sizes", "10", "--shares", "-1"], "options: shares"),
        (["--sizes", "10", "--loss", "bec"], 'did you mean "bce"'),
        (["--sizes", "10", "--config", "dcgan32"], 'did you mean "dcgan-32"'),
        (["--sizes", "10", "--model", "dcgna"], 'did you mean "dcgan"'),
        (["--sizes", "10", "--profile", "xrai"], 'did you mean "xray"'),
        (["--sizes", "10", "--classifier", "big"], "classifier"),
        (["--sizes", "10", "--classes", "2,3"], "class"),
        (["--sizes", "10", "--backbone-weights", "resnet18:none.pt"], "none.pt: no such file"),
    ],
)
def test_bad_input_is_one_line(options: list[str], said: str, data: str, in_folder: Path, capsys: Capture) -> None:
    assert run_command(["augment", "--data", data, "--size", "32", *options]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("ganetic: error: ")]
    assert said in line
    assert not Path("runs").exists()


def test_an_unknown_key_of_a_file_is_named(in_folder: Path, capsys: Capture) -> None:
    Path("study.toml").write_text('data = "digits"\nsizes = [10]\nshare = [1.0]\n', encoding="utf-8")
    assert run_command(["study", "augment", "study.toml"]) == 2
    assert 'study.toml: unknown key "share"' in (said := capsys.readouterr().err)
    assert 'did you mean "shares"' in said


@pytest.mark.slow
@pytest.mark.ray
def test_killed_it_goes_on_with_equal_records(data: str, tmp_path: Path) -> None:
    arguments = ["--data", data, "--sizes", "16", "--draws", "3", "--model", "mlp", "--size", "12", "--steps", "20"]
    command = [sys.executable, "-m", "ganetic", "augment", *arguments, "--workers", "1"]

    def run(folder: Path) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([*command, "-o", str(folder)], cwd=tmp_path, start_new_session=True)

    assert run(tmp_path / "whole").wait(600) == 0
    killed = run(tmp_path / "part")
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline and not _ended(tmp_path / "part"):
        time.sleep(0.1)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert 0 < _ended(tmp_path / "part") <= 3
    assert run(tmp_path / "part").wait(600) == 0
    assert plain(open_augmentation(tmp_path / "part")) == plain(open_augmentation(tmp_path / "whole"))


def _ended(folder: Path) -> int:
    try:
        return len(read_grid(folder / "journal.db")[2])
    except UserError:
        return 0
