import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganetic.cli import run_command
from ganetic.evolution import self_tests
from ganetic.evolution.resources import Context, Runtime
from ganetic.evolution.self_tests import SetTests
from ganetic.evolution.space import SearchSpace
from ganetic.jobs.executor import Executor, SerialExecutor
from ganetic.training.proxy_data import ProxyData
from ganetic.training.spec import ProxySpec
from tests.evolution.fakes import PROXY_DATA
from tests.evolution.test_choose import Trainings

SPACE = """
name = "small"
form = "label"
proxy = "calibrated"
operators = ["add", "sub", "mul", "div"]
checkpoint_every = 100
kill = []
rungs = [{ steps = 200, seeds = 1 }]
finals = { steps = 300 }
stop = { max_trials = 10 }
proxies = [{ width = 32, batch = 16, images = 64 }]
"""

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def trainings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trainings:
    """A working directory and a cache, where trainings are made up."""
    made_up = Trainings()

    def proxy_data(self: Runtime, data: str, proxy: ProxySpec) -> ProxyData:
        return PROXY_DATA

    def executor(self: Runtime, context: Context, steps: int) -> Executor:
        return SerialExecutor(made_up, context)

    monkeypatch.setattr(Runtime, "proxy_data", proxy_data)
    monkeypatch.setattr(Runtime, "executor", executor)
    monkeypatch.setattr(self_tests, "self_tests_of", lambda *given: {})
    monkeypatch.setenv("GANETIC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(SPACE)
    return made_up


def test_prints_a_table_of_80_columns_and_why(capsys: Capture, trainings: Trainings) -> None:
    trainings.fails = lambda payload: payload["proxy"]["batch"] == 32
    assert run_command(["calibrate", "--choose", "--data", "digits", "--space", "small.toml"]) == 0
    first = capsys.readouterr()
    lines = [line.rstrip() for line in first.out.splitlines()]
    text = " ".join(first.out.split())
    assert all(len(line) <= 80 for line in lines if "/" not in line[:1])
    rows = {line.split("  ")[0]: line.split() for line in lines if line.endswith(("1", "2", "chosen", "dropped"))}
    assert rows["resize, xray"][2:4] == ["0/25", "0.300"]
    assert rows["resize, xray"][-2:] == ["2", "chosen"]
    assert rows["resize, batch 32"][-2:] == ["1", "dropped"]
    assert rows["base"][-1] == "1"
    assert '"resize, xray" is chosen: 0 of its 25 trainings failed (at most 10% may), and its gap is ' in text
    assert "times what base tells a second." in text
    assert "at most 115 trainings of 400 steps" in first.err

    assert run_command(["calibrate", "--choose", "--data", "digits", "--space", "small.toml"]) == 0
    second = capsys.readouterr()
    assert second.out == first.out
    assert "trainings of" not in second.err


def test_json_is_all_that_stands_on_stdout(capsys: Capture) -> None:
    words = ["calibrate", "--choose", "--data", "digits", "--space", "small.toml", "--profile", "fundus", "--json"]
    assert run_command(words) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["setting"] == "resize, fundus"
    assert record["proxy"]["augmentation"] == "fundus"
    assert [one["setting"] for one in record["settings"]][:3] == ["base", "resize", "fundus"]
    assert record["settings"][0]["score"] > 0


def test_all_that_fail_end_in_a_line(capsys: Capture, trainings: Trainings) -> None:
    trainings.fails = lambda _: True
    assert run_command(["calibrate", "--choose", "--data", "digits", "--space", "small.toml"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "no proxy of the shortlist trains" in captured.err.replace("\n", " ")


def dry(capsys: Capture, *words: str) -> dict[str, Any]:
    assert run_command(["search", "small.toml", "--dry-run", *words]) == 0
    plan: dict[str, Any] = json.loads(capsys.readouterr().out)
    return plan


def test_a_dry_run_says_what_would_be_chosen(capsys: Capture, trainings: Trainings) -> None:
    assert dry(capsys, "--data", "digits")["choice"]["proxy"] == "to be chosen"
    assert dry(capsys)["choice"] == {"proxy": "fixed"}
    assert "choice" not in dry(capsys, "--data", "digits", "--proxy", "fixed")
    assert not trainings.payloads


def test_comparisons_scores_and_calibrations_use_a_choice_but_make_none(capsys: Capture, trainings: Trainings) -> None:
    at = ["--space", "small.toml", "--data", "digits"]
    assert run_command(["score", "bce", *at, "--seeds", "1", "--proxy", "fixed"]) == 0
    assert run_command(["score", "bce", *at, "--seeds", "1"]) == 0
    assert not trainings.of_the_choice
    said = capsys.readouterr().err.replace("\n", " ")
    assert "`ganetic calibrate --choose --data digits` chooses one" in said
    assert run_command(["calibrate", *at, "--choose"]) == 0
    assert run_command(["compare", "bce", "hinge", *at, "--seeds", "1", "-o", "study"]) == 0
    chosen = len(trainings.of_the_choice)
    assert chosen
    assert trainings.payloads[-1]["proxy"]["upsampling"] == "resize"
    assert trainings.payloads[-1]["materials"] == "main"
    for path in Path("cache").rglob("choice.json"):
        path.rename(path.with_suffix(".away"))
    assert run_command(["compare", "bce", "hinge", *at, "--seeds", "1", "-o", "study"]) == 0  # is not chosen again
    assert len(trainings.of_the_choice) == chosen
    for path in Path("cache").rglob("choice.away"):
        path.rename(path.with_suffix(".json"))
    assert run_command(["calibrate", *at, "--seeds", "1"]) == 0
    assert trainings.payloads[-1]["proxy"]["upsampling"] == "resize"
    assert run_command(["score", "bce", *at, "--seeds", "1"]) == 0
    assert len(trainings.of_the_choice) == chosen


def test_a_calibration_is_of_the_size_that_was_chosen(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tested = []

    def tests_of(space: SearchSpace, data: str, *given: object) -> dict[str, SetTests]:
        tested.append((data, space.proxies[0].upsampling))
        return {}

    monkeypatch.setattr(self_tests, "self_tests_of", tests_of)
    np.savez("large.npz", images=np.random.default_rng(0).integers(0, 256, (150, 84, 84), dtype=np.uint8))
    at = ["--space", "small.toml", "--data", "npz:large.npz"]
    assert run_command(["calibrate", *at, "--choose"]) == 0
    assert run_command(["calibrate", *at, "--seeds", "1"]) == 0
    assert tested == [(f"npz:{tmp_path}/large.npz?size=28", "resize")]
    assert capsys.readouterr().err.count("the proxy that was chosen there") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["calibrate", "--choose", "--profile", "xrey"], 'did you mean "xray"?'),
        (["calibrate", "--profile", "xray"], "--profile says what --choose tries"),
        (["calibrate", "--choose", "--seeds", "3"], "--seeds is for a calibration"),
        (["calibrate", "--choose", "--space", "small.toml", "--data", "digitz"], 'did you mean "digits"?'),
        (["search", "small.toml", "--proxy", "calibrate"], 'did you mean "calibrated"?'),
        (["search", "key.toml", "--dry-run"], 'unknown key "proxi"'),
        (["search", "key.toml", "--dry-run"], 'did you mean "prox'),
        (["search", "value.toml", "--dry-run"], 'did you mean "calibrated"?'),
    ],
)
def test_bad_input_is_refused_in_a_line(capsys: Capture, tmp_path: Path, words: list[str], message: str) -> None:
    (tmp_path / "key.toml").write_text(SPACE.replace("proxy =", "proxi ="))
    (tmp_path / "value.toml").write_text(SPACE.replace('"calibrated"', '"calibrate"'))
    assert run_command(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err.replace("\n", " ")
    assert not (tmp_path / "cache").exists()
