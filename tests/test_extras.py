"""What only some need is not needed by others, and is asked for by the name of its extra."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from ganetic.data import load_images
from ganetic.data.formats.nifti import read_nifti
from ganetic.errors import UserError
from ganetic.evolution.results import open_run
from ganetic.training.tensorboard import Board

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = {"dicom", "nifti", "medmnist", "onnx", "tensorboard"}
BLOCKER = """
import sys

class Hiding:
    # For who only asks whether there is such a module, as torch does, the answer is no.
    def __init__(self, finder):
        self._finder = finder

    def __getattr__(self, name):
        return getattr(self._finder, name)

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in {modules} else self._finder.find_spec(name, path, target)

sys.meta_path[:] = map(Hiding, sys.meta_path)
"""
WALK = """
import importlib, pkgutil, ganetic
names = [one.name for one in pkgutil.walk_packages(ganetic.__path__, "ganetic.")]
for name in names:
    if not name.startswith("ganetic.data.formats.dicom.") and not name.endswith("__main__"):
        importlib.import_module(name)
print(len(names))
"""
SPACE = """
name = "tiny"
data = "digits"
form = "label"
operators = ["add", "sub", "mul", "square", "log"]
evolution = { population = 2, window = 2, reduction = 2 }
rungs = [{ steps = 2, seeds = 1 }, { steps = 2, seeds = 2 }]
finals = { finalists = 1, seeds = 2, steps = 2 }
proxies = [{ width = 4, latent = 4, images = 64 }]
checkpoint_every = 1
kill = []
stop = { max_trials = 2 }
"""


def project_name(requirement: str) -> str:
    """A package's name as registries compare it, of a requirement or of the name as it was written."""
    found = re.match(r"[\w.-]+", requirement)
    assert found, requirement
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def modules_of(requirements: list[str]) -> set[str]:
    """The top-level modules that packages bring."""
    wanted = set(map(project_name, requirements))
    return {module for module, packages in brought().items() if wanted & set(map(project_name, packages))}


@cache
def brought() -> Mapping[str, list[str]]:
    return packages_distributions()


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """An environment in which no Python finds the modules of any extra."""
    extras = [requirement for name in EXTRAS for requirement in PROJECT["optional-dependencies"][name]]
    modules = modules_of(extras)
    assert modules >= {"pydicom", "pylibjpeg", "nibabel", "medmnist", "tensorboardX", "onnx", "onnxruntime"}
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "sitecustomize.py").write_text(BLOCKER.format(modules=sorted(modules)))
    path = os.pathsep.join([str(tmp_path / "bare"), str(ROOT)])
    return {**os.environ, "PYTHONPATH": path, "GANETIC_CACHE": str(tmp_path / "cache")}


def run_python(*arguments: str, folder: Path, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, check=False, capture_output=True, text=True, timeout=600
    )


def test_every_extra_is_optional() -> None:
    assert set(PROJECT["optional-dependencies"]) >= EXTRAS | {"test"}
    needed = modules_of(PROJECT["dependencies"])
    for name in EXTRAS:
        assert not modules_of(PROJECT["optional-dependencies"][name]) & needed


@pytest.mark.slow
def test_no_module_needs_an_extra_to_be_imported(bare: dict[str, str], tmp_path: Path) -> None:
    assert "No module named 'nibabel'" in run_python("-c", "import nibabel", folder=tmp_path, environment=bare).stderr
    done = run_python("-c", WALK, folder=tmp_path, environment=bare)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 150


@pytest.mark.ray
@pytest.mark.slow
def test_a_search_needs_no_extra(bare: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "space.toml").write_text(SPACE)
    command = ["-m", "ganetic", "search", "space.toml", "--run", "run", "--workers", "1"]
    done = run_python(*command, folder=tmp_path, environment=bare)
    assert done.returncode == 0, done.stderr
    assert open_run(tmp_path / "run").status == "finished"


def _nifti(folder: Path) -> None:
    read_nifti(folder / "a.nii")


def _medmnist(folder: Path) -> None:
    load_images("medmnist:bloodmnist")


def _tensorboard(folder: Path) -> None:
    Board(folder, 0)


@pytest.mark.parametrize(
    ("module", "extra", "use"),
    [
        ("nibabel", "nifti", _nifti),
        ("medmnist", "medmnist", _medmnist),
        ("tensorboardX.event_file_writer", "tensorboard", _tensorboard),
    ],
)
def test_what_is_missing_is_named_by_its_extra(
    module: str, extra: str, use: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError) as caught:
        use(tmp_path)
    assert str(caught.value).endswith(f"needs ganetic[{extra}]: pip install 'ganetic[{extra}]'")
    assert "\n" not in str(caught.value)
