from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from ganetic.data import load_images
from ganetic.evolution.resources import Runtime
from ganetic.jobs.executor import Executor, SerialExecutor
from ganetic.training.proxy_data import ProxyData
from tests.small_run import pretend
from tests.test_cli import SPACE_TOML
from tests.training.full.conftest import tiny
from tests.training.full.test_train import as_toml


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One cache for all tests of this folder: feature nets are trained once."""
    place = tmp_path_factory.getbasetemp() / "surroundings-cache"
    monkeypatch.setenv("GANETIC_CACHE", str(place))
    return place


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches train nothing, in this process."""

    def executor(self: Runtime, proxy_data: ProxyData, steps: int) -> Executor:
        return SerialExecutor(pretend, proxy_data)

    monkeypatch.setattr(Runtime, "executor", executor)
    monkeypatch.setattr("ganetic.jobs.ray_executor.begin", lambda *_: nullcontext())


@pytest.fixture
def tomls(tmp_path: Path) -> Path:
    """A folder with a search space and the configuration of a training."""
    (tmp_path / "space.toml").write_text(SPACE_TOML, encoding="utf-8")
    (tmp_path / "train.toml").write_text(as_toml(tiny("mlp", data={"name": "digits"}, eval_images=100, steps=30)))
    return tmp_path


@pytest.fixture
def for_all() -> Iterator[Path]:
    """A folder that everybody may read, with one in it that everybody may write: pytest's own are closed to others."""
    with TemporaryDirectory(dir="/tmp", prefix="ganetic-test-") as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "runs").mkdir()
        (Path(folder) / "runs").chmod(0o777)
        yield Path(folder)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A file of a hundred digits."""
    np.savez(tmp_path / "images.npz", images=load_images("digits").images[:200])
    return tmp_path / "images.npz"
