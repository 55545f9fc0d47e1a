import json
import re
from pathlib import Path

import pytest

from ganetic.cli import run_command
from ganetic.evaluation.kept import read_evaluation
from ganetic.evaluation.results import Evaluation
from tests.training.full.conftest import tiny
from tests.training.full.test_train import as_toml


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANETIC_CACHE", str(tmp_path_factory.getbasetemp() / "full-cache"))


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(as_toml(tiny("dcgan", data={"name": "digits"}, eval_images=150, steps=20)))
    return path


@pytest.mark.usefixtures("in_folder")
def test_from_a_loss_to_images_and_a_verdict(toml: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["train", "hinge", "--config", str(toml), "--run", "runs/one"]) == 0
    said = capsys.readouterr()
    assert "finished at step 20" in said.out
    assert "next: ganetic generate runs/one -o grid.png" in said.out
    assert "step 20: fd" in said.err
    assert run_command(["generate", "runs/one", "-n", "4", "-o", "grid.png"]) == 0
    assert run_command(["generate", "runs/one", "-n", "3", "-o", "many"]) == 0
    assert capsys.readouterr().out.splitlines() == ["grid.png", "many: 3 images"]
    assert run_command(["evaluate", "runs/one", "-o", "runs/one/evaluation", "--json"]) == 0
    kept = read_evaluation(Path("runs/one/evaluation"))
    assert Evaluation.model_validate_json(capsys.readouterr().out) == kept.evaluation
    fds = {int(step): float(fd) for step, fd in re.findall(r"step (\d+): fd ([\d.]+)", said.err)}
    assert set(fds) == {0, 10, 20}
    assert (kept.generated, kept.loss, kept.step) == ("runs/one", "hinge", min(fds, key=fds.__getitem__))
    assert all(copy.picture.startswith(b"\x89PNG") for copy in kept.evaluation.closest)
    assert run_command(["evaluate", "runs/one", "-o", "runs/one/evaluation"]) == 2
    assert "runs/one/evaluation: holds files already; name a new directory" in capsys.readouterr().err
    assert run_command(["resume", "runs/one"]) == 0
    assert "finished at step 20" in capsys.readouterr().out
    assert run_command(["resume", "runs/one", "--max-trials", "3"]) == 2
    assert "is a training, which takes workers and download alone" in capsys.readouterr().err


@pytest.mark.usefixtures("in_folder")
def test_a_dry_run_says_what_would_be_trained_and_makes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--data", "digits", "--model", "msg-gan", "--steps", "7", "--classes", "3,8", "--dry-run"]
    assert run_command(["train", "ganetic", *options]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["config"]["model"]["name"] == "msg-gan"
    assert "attention" not in plan["config"]["model"]
    assert plan["config"]["steps"] == 7
    assert plan["config"]["data"]["classes"] == ["3", "8"]
    assert plan["scales"] == [4, 8, 16, 32]
    assert min(plan["parameters"].values()) > 10_000
    assert plan["memory_estimate_mib"] > 1
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "hinge", "--config", "dmeo"], 'unknown configuration "dmeo"; expected one of dcgan-32, demo'),
        (["train", "hinge", "--config", "no.toml"], "no.toml: no such configuration file"),
        (["train", "hnge"], 'unknown loss "hnge"'),
        (["train", "hinge", "--model", "msg-sgan"], 'did you mean "msg-sagan"'),
        (["train", "hinge", "--model", "msg-gan", "--data", "digits", "--size", "40"], "40×40 pixels; msg-gan"),
        (["train", "hinge", "--workers", "3"], "3 workers for a batch of 8"),
        (["train", "hinge", "--data", "npz:nothing.npz"], "nothing.npz: no such file"),
        (
            ["generate", "nothing", "-o", "x.png", "--truncation", "1.2"],
            "Invalid value for '--truncation': ",
        ),
        (["generate", "nothing", "-o", "x.png"], "nothing: neither a training nor one of its checkpoints"),
        (["evaluate", "nothing"], "nothing: no such training, checkpoint or folder of images"),
        (["evaluate", "."], "name them with --data"),
    ],
)
@pytest.mark.usefixtures("in_folder")
def test_bad_input_is_one_line_and_leaves_nothing(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(arguments) == 2
    printed = capsys.readouterr().err.splitlines()
    assert said in printed[-1]
    assert not list(Path().iterdir())
