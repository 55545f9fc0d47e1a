"""Studies of the registry: one way to run each, and a page of each."""

import json
from pathlib import Path

import pandas as pd
import pytest

from ganetic.cli import run_command
from ganetic.evolution.resources import Context, Runtime
from ganetic.jobs.executor import Executor, SerialExecutor
from ganetic.studies.compare import compare, open_comparison
from ganetic.studies.study import STUDIES
from tests.evolution.fakes import PROXY_DATA
from tests.small_run import new_small_run, pretend

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _pretended(in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def executor(self: Runtime, context: Context, steps: int) -> Executor:
        return SerialExecutor(pretend, context)

    monkeypatch.setattr(Runtime, "executor", executor)
    monkeypatch.setattr(Runtime, "proxy_data", lambda self, data, proxy: PROXY_DATA)


def study(name: str, config: str, *more: str) -> int:
    Path(f"{name}.toml").write_text(config, encoding="utf-8")
    return run_command(["study", name, f"{name}.toml", *more])


def test_compare_is_the_comparison_that_its_function_makes(capsys: Capture) -> None:
    assert study("compare", 'losses = ["bce", "lsgan", "hinge"]\nseeds = 3\nsteps = 60\n', "-o", "out") == 0
    out = capsys.readouterr().out
    assert "3 losses, 3 seeds, 60 steps a training" in out
    assert "geometric_mean" in out
    other = compare(["bce", "lsgan", "hinge"], seeds=3, steps=60, directory="other")
    told = ["proxy", "loss", "seed", "state", "fd"]
    pd.testing.assert_frame_equal(open_comparison("out").runs()[told], other.runs()[told])


def test_what_one_seed_cannot_say_is_null(capsys: Capture) -> None:
    assert study("compare", 'losses = ["bce", "hinge"]\nseeds = 1\nsteps = 60\n', "--json", "-o", "one") == 0
    _, summary, pairs = json.loads(capsys.readouterr().out)
    assert {row["loss"] for row in summary} == {"bce", "hinge"}
    assert pairs[0]["low"] is None


def test_a_comparison_is_on_a_space_or_in_a_configuration(capsys: Capture) -> None:
    assert study("compare", 'losses = ["bce", "hinge"]\nspace = "quick"\nconfig = "demo"\n', "-o", "both") == 2
    assert "config and space are both given" in capsys.readouterr().err


def test_confirm_says_what_may_be_claimed(in_folder: Path, capsys: Capture) -> None:
    run = new_small_run(in_folder / "run")
    assert study("confirm", 'run = "run"\nseeds = 2\n') == 0
    assert "on 2 seeds that chose nothing" in capsys.readouterr().out
    assert list((run.directory / "confirmation").iterdir())
    assert study("confirm", 'run = "run"\n', "-o", "out") == 2
    assert "-o: confirm keeps its trainings in RUN/confirmation; leave it out" in capsys.readouterr().err


def test_score_has_a_row_a_seed(capsys: Capture) -> None:
    assert study("score", 'loss = "bce"\nseeds = 4\n', "--json") == 0
    name, seeds, summary = json.loads(capsys.readouterr().out)
    assert name.startswith("bce: ")
    assert [row["state"] for row in seeds] == ["completed"] * 4
    assert "of 4 seeds failed" in summary


def test_bank_lists_its_losses_the_best_first(capsys: Capture) -> None:
    assert study("bank", 'source = "mnist5k"\n', "--json") == 0
    _, losses = json.loads(capsys.readouterr().out)
    assert len(losses) > 100
    assert losses[0]["fd"] == min(row["fd"] for row in losses if row["fd"] is not None)


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("cmpare", "", 'expected one of augment, bank, compare, confirm, detect, score; did you mean "compare"'),
        ("score", "seeds = 2", 'score.toml: key "loss" is missing'),
        ("score", 'loss = "bce"\nseed = 2', 'score.toml: unknown key "seed"; expected one of data, loss, seeds, space'),
        ("score", 'loss = "bec"', 'did you mean "bce"'),
    ],
)
def test_what_is_wrong_is_one_line(name: str, config: str, message: str, capsys: Capture) -> None:
    assert study(name, config) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("ganetic: error: ")]
    assert message in line
    assert not Path("runs").exists()


def test_every_study_has_a_configuration_that_says_what_its_keys_mean() -> None:
    for name, one in STUDIES.items():
        assert one.config.model_fields, name
        assert one.__doc__, name
