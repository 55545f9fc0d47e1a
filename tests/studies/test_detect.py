import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from ganetic.cli import run_command
from ganetic.cli.detect_study import _listed
from ganetic.detection.baselines import scores as baselines
from ganetic.detection.baselines.scores import NAMES, PATCH_MAP, TO_BEAT
from ganetic.detection.encoder import EncoderConfig
from ganetic.detection.gan import load_gan
from ganetic.detection.job import DETECTORS, DetectionContext, detection_job, refuse_seen
from ganetic.detection.stored import load_detector
from ganetic.errors import UserError
from ganetic.evolution.resources import Context, Runtime
from ganetic.jobs.executor import Executor, SerialExecutor
from ganetic.jobs.grid import read_grid
from ganetic.report.web.page import write_report
from ganetic.studies.detect import NORMAL, DetectConfig, detect, plan_of
from ganetic.studies.detection import Detection, open_detection
from ganetic.studies.detection_page import detection_page
from ganetic.training.generate import find_checkpoint
from ganetic.training.job import TRAININGS
from ganetic.training.logger import TrainingLogger
from tests.detection.planted import write
from tests.training.full.test_train import Killed

LOSSES = ("bce", "hinge")
OVERFLOWING = "cube(exp(add(29.5, mul(p, 0.5))))"
Capture = pytest.CaptureFixture[str]


def settings(data: str, **changes: Any) -> DetectConfig:
    given = {
        "losses": LOSSES,
        "data": data,
        "normal": ("well",),
        "config": "dcgan-32",
        "model": "mlp",
        "size": 16,
        "steps": 20,
        "seeds": 2,
        "encoder": {"steps": 10, "width": 4},
        **changes,
    }
    return DetectConfig.model_validate(given)


def in_process(context: Context) -> Executor:
    return SerialExecutor(detection_job, cast("DetectionContext", context))


def small(folder: Path, config: DetectConfig) -> Detection:
    return detect(config, folder, Runtime(make_executor=in_process))


def fake_baselines(training: NDArray[np.uint8], test: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    bright = test.reshape(len(test), -1).mean(axis=1, dtype=np.float64)
    return {**dict.fromkeys(NAMES, bright), "mean image": -bright, PATCH_MAP: np.ones((len(test), 144))}


@pytest.fixture(scope="module", autouse=True)
def _quick(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """No ImageNet net, which other tests look at, and one net that measures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANETIC_CACHE", str(tmp_path_factory.getbasetemp() / "detect-cache"))
        patch.setattr(baselines, "_made", fake_baselines)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write(tmp_path_factory.mktemp("planted") / "planted.npz")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, data: str) -> Detection:
    return small(tmp_path_factory.mktemp("whole") / "study", settings(data))


def content(study: Detection) -> list[Any]:
    """What its journal holds, but for times."""
    clock = ("seconds", "peak_memory_bytes")
    records = read_grid(study.directory / "journal.db")[2]
    return [{key: value for key, value in (record.record or {}).items() if key not in clock} for record in records]


def test_a_job_is_scored_as_its_detector_scores(whole: Detection) -> None:
    runs = whole.runs()
    assert runs["loss"].tolist() == ["bce", "hinge"] * 2 and runs["seed"].tolist() == [200, 200, 201, 201]
    detector = load_detector(whole.directory / DETECTORS / "hinge-s1")
    with np.load(whole.directory / NORMAL) as file:
        normal, sides = file["images"], file["split"]
    assert np.bincount(sides).tolist() == [72, 12]
    assert detector.seen_among(normal)["gan"].tolist() == (sides == 0).tolist()
    assert detector.seen_among(normal)["validation"].tolist() == (sides == 1).tolist()
    record = content(whole)[3]
    assert set(record["scores"]) == {"sum", "residual", "features", "discriminator"}
    assert len(record["scores"]["sum"]) == len(whole.anomalous)
    assert runs["auroc"][3] == pytest.approx(roc_auc_score(whole.anomalous, record["scores"]["sum"]))


def test_roles_are_fixed_and_a_score_below_chance_is_printed_as_such(whole: Detection) -> None:
    methods = {one.name: one for one in whole.methods()}
    assert [name for name, one in methods.items() if one.role == "primary"] == ["bce: sum", "hinge: sum"]
    assert [name for name, one in methods.items() if one.role == "to beat"] == [TO_BEAT]
    assert methods["brightness"].auroc > 0.95
    assert methods["mean image"].auroc < 0.05 and methods["mean image"].said == "below chance"
    mean = whole.runs().groupby("loss")["auroc"].mean()
    assert methods["bce: sum"].auroc == pytest.approx(mean["bce"])


def test_losses_are_compared_in_pairs_and_with_the_baseline(whole: Detection) -> None:
    (gap,) = whole.against_reference()
    assert (gap.first, gap.second) == ("hinge", "bce")
    mean = whole.runs().groupby("loss")["auroc"].mean()
    assert gap.difference == pytest.approx(mean["hinge"] - mean["bce"])
    assert [one.first for one in whole.against_baseline()] == ["bce", "hinge"]
    page = [part for part in detection_page(whole) if isinstance(part, str)]
    assert any(part.startswith("hinge: a strong improvement over bce is ") for part in page)
    assert any("Images of one patient stay together" in part for part in page)


def test_images_that_are_no_normal_training_images_have_no_say_in_the_window(data: str, tmp_path: Path) -> None:
    arrays = dict(np.load(data.removeprefix("npz:")))
    arrays["images"] = arrays["images"].astype(np.uint16) * 16
    deep = tmp_path / "deep.npz"
    np.savez(deep, **arrays)
    before = plan_of(settings(f"npz:{deep}?window=set"))
    others = np.setdiff1d(np.arange(len(arrays["images"])), before.split.training)
    arrays["images"][others] *= 8
    np.savez(deep, **arrays)
    after = plan_of(settings(f"npz:{deep}?window=set"))
    assert "window=" in (after.images.source or "") and after.images.source == before.images.source
    assert after.split.sha256 == before.split.sha256


def test_killed_within_a_job_it_goes_on_with_the_same_results(
    whole: Detection, data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress, made = TrainingLogger.progress, 0

    def counted(logger: TrainingLogger, step: int, train_state: Any) -> None:
        nonlocal made
        made += 1
        progress(logger, step, train_state)
        if made == 30:
            raise Killed

    monkeypatch.setattr(TrainingLogger, "progress", counted)
    with pytest.raises(Killed):
        small(tmp_path / "study", settings(data))
    assert len(open_detection(tmp_path / "study").runs()) == 1
    assert open_detection(tmp_path / "study").common_seeds == []
    resumed = small(tmp_path / "study", settings(data))
    assert content(resumed) == content(whole)
    assert resumed.methods() == whole.methods()


def test_a_finished_study_starts_nothing(whole: Detection, data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(context: Context) -> Executor:
        raise AssertionError

    again = detect(settings(data), whole.directory, Runtime(make_executor=never))
    assert content(again) == content(whole)


def test_another_study_is_refused(whole: Detection, data: str) -> None:
    with pytest.raises(UserError, match=r"setup\.config\.steps was 20, is 30"):
        small(whole.directory, settings(data, steps=30))
    with pytest.raises(UserError, match="split was"):
        small(whole.directory, settings(data, seed=1))


def test_a_training_that_is_not_finite_is_chance(data: str, tmp_path: Path) -> None:
    study = small(tmp_path / "study", settings(data, losses=("bce", OVERFLOWING), seeds=1))
    row = study.runs().iloc[1]
    assert (row["state"], row["reason"], row["auroc"]) == ("failed", "non_finite", 0.5)
    page = [part for part in detection_page(study) if isinstance(part, str)]
    assert any("1 jobs failed" in part for part in page)
    assert any("One seed says nothing of others" in part for part in page)


def test_a_detector_that_has_seen_test_images_is_refused(whole: Detection) -> None:
    detector = load_detector(whole.directory / DETECTORS / "bce-s0")
    with np.load(whole.directory / NORMAL) as file:
        seen = file["images"][:3]
    with pytest.raises(UserError, match=r"3 test images, such as number 0, had a part in the detector \(gan\)"):
        refuse_seen(detector, seen)


def test_it_is_shown_and_reported(whole: Detection, capsys: Capture, tmp_path: Path) -> None:
    assert run_command(["show", str(whole.directory)]) == 0
    assert "Fixed before any result" in capsys.readouterr().out
    page = write_report([whole.directory], tmp_path / "page.html").read_text("utf-8")
    assert "What may be claimed" in page and "hinge: sum" in page and "ganetic detect study" in page


def command(data: str, *more: str) -> list[str]:
    sizes = ["--config", "dcgan-32", "--model", "mlp", "--size", "16", "--steps", "20", "--encoder-steps", "10"]
    return ["detect", "study", "--losses", ",".join(LOSSES), "--data", data, "--normal", "well", *sizes, *more]


def test_the_command_writes_tables_and_a_figure(
    data: str, in_folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganetic.studies.detect._executor", lambda folder, plan, runtime: in_process(_of(folder, plan)))
    assert run_command(command(data, "--seeds", "2", "-o", "study")) == 0
    out = capsys.readouterr().out
    assert "is not shown" in out or "is refuted" in out or "is confirmed" in out
    for name in ("detection.json", "detection.csv", "detection.md", "methods.png"):
        assert f"study/{name}" in out
        assert (in_folder / "study" / name).stat().st_size > 0
    record = json.loads(Path("study/detection.json").read_text("utf-8"))
    assert record["ended"] == 4 and len(record["methods"]) == 2 * 4 + len(NAMES)


def _of(folder: Path, plan: Any) -> Any:
    from ganetic.studies.detect import _context

    return _context(folder, plan, False)


def test_a_dry_run_says_what_it_would_take(data: str, in_folder: Path, capsys: Capture) -> None:
    assert run_command(command(data, "--dry-run", "--workers", "1")) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["jobs"] == 10 and told["workers"] == 1
    assert told["hours"] == pytest.approx(10 * told["seconds_a_job"] / 3600, abs=0.002)
    assert told["settings"]["split"]
    assert not list(in_folder.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--normal", "wel"], 'did you mean "well"'),
        (["--normal", "ill"], "all its classes are called normal"),
        (["--anomalous", "well"], 'class "well" is called normal and anomalous'),
        (["--reference", "bec"], 'did you mean "bce"'),
        (["--losses", "bce"], 'the loss "bce" is given twice'),
        (["--size", "4"], "size"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], said: str, data: str, in_folder: Path, capsys: Capture) -> None:
    assert run_command(command(data, *arguments)) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("ganetic: error: ")]
    assert said in line
    assert not list(in_folder.iterdir())


def test_expressions_may_have_commas() -> None:
    found = "d_real=relu(sub(1, sub(d, m))); d_fake=relu(add(1, sub(d, m)))"
    assert _listed([f"bce, {found},hinge", "lsgan"]) == ["bce", found, "hinge", "lsgan"]


def test_few_anomalies_are_refused(in_folder: Path, capsys: Capture) -> None:
    data = write(in_folder / "few.npz", anomalous=19)
    assert run_command(command(data)) == 2
    assert "19 anomalous test images are too few; expected at least 20" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.ray
def test_killed_on_ray_it_goes_on_as_in_one_process(tmp_path: Path) -> None:
    data, out = write(tmp_path / "planted.npz"), tmp_path / "study"
    asked = [sys.executable, "-m", "ganetic", *command(data, "--seeds", "2", "--workers", "2", "-o", str(out))]
    process = subprocess.Popen(asked, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not (out / DETECTORS).exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL, "it ended before it could be killed"
    done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    alone = small(tmp_path / "alone", settings(data, encoder={"steps": 10}))
    assert content(open_detection(out)) == content(alone)
    shutil.rmtree(tmp_path)


@pytest.mark.slow
def test_where_anomalies_are_plain_every_loss_finds_them(tmp_path: Path) -> None:
    data = write(tmp_path / "planted.npz", normal=300, anomalous=60)
    study = small(tmp_path / "study", settings(data, steps=150, encoder={"steps": 200, "width": 8}))
    assert [one.auroc > 0.95 for one in study.methods() if one.role == "primary"] == [True, True]
    checkpoint = find_checkpoint(study.directory / TRAININGS / "bce-s0")
    assert len(load_gan(checkpoint).seen) == 180
    assert EncoderConfig.model_validate(study.settings.encoder).steps == 200
