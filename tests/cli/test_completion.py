"""What the shell completes, through the installed command."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ganetic.cli import completion
from ganetic.gan.models import MODELS
from ganetic.loss.library import LIBRARY
from ganetic.shipped import shipped_presets, shipped_spaces
from ganetic.studies.study import STUDIES
from tests.cli.test_imports import HEAVY

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).with_name("ganetic")
WATCHED = f"""
import sys
from ganetic.cli import main
try:
    main()
finally:
    print(sorted(sys.modules.keys() & set({HEAVY})), file=sys.stderr)
"""


def completed(line: str, folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    """What bash is offered for the last word of a line."""
    words = line.split(" ")
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "_GANETIC_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    return subprocess.run(
        command or (str(COMMAND),), cwd=folder, env=environment, capture_output=True, text=True, check=True
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, file in (("runs/one", "journal.db"), ("runs/two", "training.json"), ("elsewhere/three", "training.json")):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / file).touch()
    (tmp_path / "runs" / "notes").mkdir()
    (tmp_path / "my.toml").touch()
    return tmp_path


@pytest.mark.skipif(not COMMAND.exists(), reason="the command is not installed")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("ganetic tra", ["train"]),
        ("ganetic train hin", ["hinge"]),
        ("ganetic train bce --model msg", ["msg-gan", "msg-sagan"]),
        ("ganetic publish ", ["runs/two"]),
    ],
)
def test_the_installed_command_answers_bash(line: str, offered: list[str], folder: Path) -> None:
    done = completed(line, folder)
    assert done.stdout.split() == offered
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("ganetic train bce --data m", ["medmnist:", "mnist5k"]),
        ("ganetic train ", ["bce"]),
        ("ganetic search ", ["quick", "my.toml"]),
        ("ganetic study ", ["compare"]),
        ("ganetic resume ", ["runs/one", "runs/two"]),
        ("ganetic compare bce --model mlp,d", ["mlp,dcgan"]),
        ("ganetic plot --kind p", ["pareto", "progress"]),
    ],
)
def test_nothing_heavy_is_imported_for_an_answer(line: str, some: list[str], folder: Path) -> None:
    done = completed(line, folder, sys.executable, "-c", WATCHED)
    assert set(some) <= set(done.stdout.split())
    assert done.stderr.splitlines()[-1] == "[]"


def test_it_answers_within_a_second(folder: Path) -> None:
    """Of the processor's time: how long others make it wait is not its fault."""
    before = sum(os.times()[2:4])  # of the processes that this one started
    assert completed("ganetic train h", folder).stdout
    assert sum(os.times()[2:4]) - before < 2.0  # it takes 0.7 s; where torch is imported, 3 s


def test_bash_is_given_a_script(folder: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "_GANETIC_COMPLETE": "source_bash"}
    done = subprocess.run([str(COMMAND)], cwd=folder, env=environment, capture_output=True, text=True, check=True)
    assert "complete -o default -F _ganetic_completion ganetic" in done.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_in_a_real_bash_a_tab_completes(folder: Path) -> None:
    script = """
eval "$(_GANETIC_COMPLETE=source_bash ganetic)"
COMP_WORDS=(ganetic search qu); COMP_CWORD=2
_ganetic_completion ganetic
echo "${COMPREPLY[@]}"
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{COMMAND.parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["quick"]


@pytest.mark.parametrize(
    ("complete", "expected"),
    [
        (completion.losses, set(LIBRARY)),
        (completion.models, set(MODELS.names())),
        (completion.studies, set(STUDIES.names())),
        (completion.spaces, set(shipped_spaces())),
        (completion.presets, set(shipped_presets())),
    ],
)
@pytest.mark.usefixtures("in_folder")
def test_all_names_are_offered_and_no_others(complete: Callable[[str], list[str]], expected: set[str]) -> None:
    assert set(complete("")) == expected
    assert complete("nothing begins so") == []


def test_runs_are_those_in_runs_or_where_they_are_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert completion.searches("") == ["runs/one"]
    assert completion.trainings("") == ["runs/two"]
    assert completion.runs("ru") == ["runs/one", "runs/two"]
    assert completion.trainings("elsewhere/") == ["elsewhere/three"]
    assert completion.trainings("elsewhere/x") == completion.runs("no/such/") == completion.runs("~nobody/") == []
