import json
from pathlib import Path

import pytest

from ganetic.cli import run_command
from ganetic.evolution import calibration_store, self_tests
from ganetic.evolution.calibration_store import read_calibration
from ganetic.evolution.resources import Context, Runtime
from ganetic.evolution.self_tests import SetTests
from ganetic.evolution.space import SearchSpace
from ganetic.jobs.executor import Executor, SerialExecutor
from ganetic.metrics.faults import FAULTS
from ganetic.metrics.self_test import FaultSeen, SelfTest
from ganetic.training.proxy_data import ProxyData
from ganetic.training.spec import ProxySpec
from tests.evolution.fakes import PROXY_DATA
from tests.small_run import pretend

SPACE = """
name = "small"
form = "label"
operators = ["add", "sub", "mul", "div"]
rungs = [{ steps = 200, seeds = 1 }, { steps = 300, seeds = 3 }]
finals = { steps = 300 }
stop = { max_trials = 40 }
"""
TWO = "[[proxies]]\n[[proxies]]\nname = 'bare'\nbatch_norm = false\n"

TESTED = SetTests(
    data="nothing",
    tests={
        "cnn": SelfTest(
            features="cnn64",
            images=100,
            modes="labels",
            seen=tuple(FaultSeen(fault=fault, order=0.8, steps=(-0.1, 0.0, 0.0), noise=0.2) for fault in FAULTS),
        ),
        "radimagenet_densenet121": SelfTest(
            features="radimagenet_densenet121-01234567@64",
            images=100,
            modes="labels",
            seen=tuple(FaultSeen(fault=fault, order=1.0, steps=(1.5, 2.0, 3.0), noise=0.1) for fault in FAULTS),
        ),
    },
    notes=("no classes: clusters stand for them",),
    choice="features: imagenet32, as cnn orders noise at 0.8 (expected 0.9)",
)

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory and a cache, where nothing is trained."""

    def proxy_data(self: Runtime, data: str, proxy: ProxySpec) -> ProxyData:
        return PROXY_DATA

    def executor(self: Runtime, context: Context, steps: int) -> Executor:
        return SerialExecutor(pretend, context)

    def tests_of(space: SearchSpace, *given: object) -> dict[str, SetTests]:
        return {proxy.name: TESTED for proxy in space.proxies}

    monkeypatch.setattr(Runtime, "proxy_data", proxy_data)
    monkeypatch.setattr(self_tests, "self_tests_of", tests_of)
    monkeypatch.setattr(Runtime, "executor", executor)
    monkeypatch.setattr(calibration_store, "shipped_folder", lambda: tmp_path / "package")
    monkeypatch.setenv("GANETIC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.toml").write_text(SPACE)
    (tmp_path / "two.toml").write_text(SPACE + TWO)
    return tmp_path


def test_prints_a_page_and_keeps_the_calibration(folder: Path, capsys: Capture) -> None:
    assert run_command(["calibrate", "--space", "one.toml", "--seeds", "2"]) == 0
    first = capsys.readouterr()
    lines = [line.rstrip() for line in first.out.splitlines()]
    path = Path("".join(lines[lines.index("", len(lines) - 4) + 1 :]))
    assert len(read_calibration(path).seeds) == 2
    assert all(len(line) <= 80 for line in lines if "/" not in line[:1])
    assert "fails                    noise          0.80      -  -0.10      -  fails" in lines
    assert "passes                   noise          1.00      6   1.50     3%" in lines
    assert "auto: imagenet32, as cnn orders noise at 0.8 (expected 0.9)" in lines
    assert "training 10 published losses on 2 seeds for 300 steps" in first.err
    assert run_command(["calibrate", "--space", "one.toml", "--seeds", "2"]) == 0
    second = capsys.readouterr()
    assert second.out == first.out
    assert "training" not in second.err


def test_json_is_all_that_stands_on_stdout(capsys: Capture) -> None:
    assert run_command(["calibrate", "--space", "two.toml", "--seeds", "2", "--json", "-o", "."]) == 0
    record = json.loads(capsys.readouterr().out)
    assert list(record) == ["main", "bare"]
    assert record["bare"]["proxy"]["batch_norm"] is False
    assert record["main"]["steps"] == 300
    assert record["main"]["first_rung"] == 200
    tested = record["main"]["self_test"]
    assert tested["features"]["cnn"]["verdict"] == "fails"
    assert tested["features"]["cnn"]["seen"][0]["least_seen"] is None
    assert tested["auto"] == TESTED.choice


def test_writes_a_copy(folder: Path, capsys: Capture) -> None:
    assert run_command(["calibrate", "--space", "one.toml", "--seeds", "2", "-o", "copy.json"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "copy.json"
    (kept,) = (folder / "cache").rglob("calibration.json")
    assert Path("copy.json").read_text() == kept.read_text()


def test_a_copy_in_the_package_is_used_from_then_on(folder: Path, capsys: Capture) -> None:
    (folder / "package").mkdir()
    assert run_command(["calibrate", "--space", "two.toml", "--seeds", "2", "-o", "package"]) == 0
    assert len(list((folder / "package").glob("nothing-*.json"))) == 2
    for kept in (folder / "cache").rglob("calibration.json"):
        kept.unlink()
    capsys.readouterr()
    assert run_command(["calibrate", "--space", "two.toml"]) == 0  # however many seeds it has
    captured = capsys.readouterr()
    assert captured.out.replace("\n", "").count("package/nothing-") == 2
    assert "training" not in captured.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--space", "nowhere.toml"], "nowhere.toml"),
        (["--space", "one.toml", "--seeds", "0"], "--seeds"),
        (["--space", "one.toml", "--features", "imagnet"], 'did you mean "imagenet"'),
        (["--space", "one.toml", "--features", "resnet18:a.pt", "--sha256", "abc"], "--features: features_sha256 is"),
        (["--space", "one.toml", "--sha256", "01234567"], "--sha256: features_sha256 is given, but"),
        (["--space", "one.toml", "-o", "nowhere/out.json"], "the folder nowhere does not exist"),
        (["--space", "two.toml", "-o", "out.json"], "the space has 2 proxies; name a folder"),
    ],
)
def test_bad_input_is_refused_before_anything_is_trained(
    folder: Path, capsys: Capture, arguments: list[str], message: str
) -> None:
    assert run_command(["calibrate", *arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""
    assert not (folder / "cache").exists()
