from pathlib import Path

import pytest

from ganetic.full.config import TrainConfig

LOSS = "relativistic-hinge"


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """One cache for all tests of this folder: their feature net is trained once."""
    monkeypatch.setenv("GANETIC_CACHE", str(tmp_path_factory.getbasetemp() / "full-cache"))


def tiny(model: str = "msg-sagan", nets: dict[str, object] | None = None, **changes: object) -> TrainConfig:
    """Two classes of 8×8 digits, enlarged to 32×32, and the smallest nets."""
    own: dict[str, object] = {"attention": 8} if model == "msg-sagan" else {}
    own.update(nets or {})
    return TrainConfig.model_validate(
        {
            "data": {"name": "digits", "classes": ["3", "8"], "augmentation": ["flip", "crop", "rotation"]},
            "model": {"name": model, "width": 4, "latent": 8, **own},
            "batch": 8,
            "steps": 30,
            "checkpoint_every": 10,
            "measured": 48,
            **changes,
        }
    )


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "run"
