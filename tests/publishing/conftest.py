from pathlib import Path

import pytest

from ganetic.publishing.publish import publish
from ganetic.training.outcome import Training
from ganetic.training.train import train
from tests.training.full.conftest import LOSS, few_halves, tiny

__all__ = ["few_halves"]


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANETIC_CACHE", str(tmp_path_factory.getbasetemp() / "full-cache"))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Training:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANETIC_CACHE", str(tmp_path_factory.getbasetemp() / "full-cache"))
        return train(tiny("msg-sagan", steps=20), LOSS, tmp_path_factory.mktemp("trained") / "run")


@pytest.fixture(scope="session")
def published(trained: Training, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANETIC_CACHE", str(tmp_path_factory.getbasetemp() / "full-cache"))
        return publish(trained, tmp_path_factory.mktemp("published") / "digits-gan")
