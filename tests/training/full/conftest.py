from pathlib import Path

import pytest

from ganetic.data import ImageSet, load_images
from ganetic.evaluation.measures import Statistic
from ganetic.metrics.resampling import half_sample_error
from ganetic.training.config import TrainConfig

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
            "eval_images": 48,
            **changes,
        }
    )


@pytest.fixture(scope="session")
def digits() -> ImageSet:
    return load_images("mnist5k")


@pytest.fixture
def few_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluations with no more halves than an interval needs."""

    def eight(statistic: Statistic, count: int, name: str, replicates: int = 8) -> float:
        return half_sample_error(statistic, count, name, 8)

    monkeypatch.setattr("ganetic.evaluation.measures.half_sample_error", eight)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "run"
