"""The README's Python runs as it stands, with smaller trainings."""

import re
from pathlib import Path

import numpy as np
import pytest

import ganetic
from ganetic.evolution import calibration_store
from ganetic.evolution.runtime import Context, Runtime
from ganetic.jobs.executor import Executor, SerialExecutor
from tests.evolution.fakes import MATERIALS
from tests.small_run import pretend
from tests.training.conftest import tiny
from tests.training.test_run import as_toml

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
    monkeypatch.setattr(Runtime, "materials", lambda self, data, proxy, listener: MATERIALS)
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
    config = tiny("dcgan", data={"name": "digits"}, measured=150)
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


def test_the_code_names_what_can_be_done() -> None:
    used = set(re.findall(r"ganetic\.(\w+)", code_below("From Python")))
    assert used >= {"search", "score", "compare", "confirm", "resume", "train", "evaluate", "generate"}
