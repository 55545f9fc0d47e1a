"""The README is short, and its Python runs as it stands, with smaller trainings; test_docs checks the rest of it."""

import re
from pathlib import Path

import numpy as np
import pytest

import ganetic
from ganetic.evolution import calibration_store
from ganetic.evolution.resources import Context, Runtime
from ganetic.jobs.executor import Executor, SerialExecutor
from tests.evolution.fakes import PROXY_DATA
from tests.small_run import pretend
from tests.training.full.conftest import tiny
from tests.training.full.test_train import as_toml

README = Path(__file__).parents[1] / "README.md"
SMALLER = {'config="demo"': 'config="tiny.toml"', "steps=400": "steps=10"}


def code_below(heading: str) -> str:
    """The block of Python under a heading of the README."""
    found = re.search(rf"^## {heading}\n\n```python\n(.*?)^```$", README.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert found, heading
    return found[1]


@pytest.fixture
def _made_up_trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches and studies in which nothing is trained."""

    def executor(self: Runtime, context: Context, steps: int) -> Executor:
        return SerialExecutor(pretend, context)

    monkeypatch.setattr(Runtime, "executor", executor)
    monkeypatch.setattr(Runtime, "proxy_data", lambda self, data, proxy: PROXY_DATA)
    monkeypatch.setattr(calibration_store, "shipped_folder", lambda: tmp_path / "package")
    monkeypatch.setenv("GANETIC_CACHE", str(tmp_path / "cache"))


@pytest.mark.slow
@pytest.mark.usefixtures("_made_up_trials")
def test_the_code_from_python_runs(in_folder: Path) -> None:
    code = code_below("From Python")
    assert 6 <= len([line for line in code.splitlines() if line]) <= 12
    for size, smaller in SMALLER.items():
        assert size in code
        code = code.replace(size, smaller)
    config = tiny("dcgan", data={"name": "digits"}, eval_images=150)
    Path("tiny.toml").write_text(as_toml(config), encoding="utf-8")
    names: dict[str, object] = {}
    exec(code, names)
    assert isinstance(names["run"], ganetic.Run)
    assert isinstance(names["training"], ganetic.Training)
    images = names["images"]
    assert isinstance(images, np.ndarray)
    assert images.shape == (64, 32, 32, 1)
    assert images.dtype == np.uint8
    assert sorted(path.name for path in in_folder.glob("best.*")) == ["best.json", "best.py", "best.tex"]


def test_it_is_short_and_shows_one_picture() -> None:
    text = README.read_text("utf-8")
    assert len(text.split()) <= 1000
    assert len(re.findall(r"!\[", text)) == 1


def test_its_test_commands_are_those_that_are_run() -> None:
    run = re.findall(r"^make ([a-z-]+)$", (README.parent / ".ci" / "run").read_text("utf-8"), re.MULTILINE)
    assert run == ["test", "test-slow"]
    for target in run:
        assert re.search(rf"^    make {target} +#", README.read_text("utf-8"), re.MULTILINE), target


def test_the_code_names_what_can_be_done() -> None:
    used = set(re.findall(r"ganetic\.(\w+)", code_below("From Python")))
    assert used >= {"search", "score", "compare", "confirm", "resume", "train", "evaluate", "generate"}
