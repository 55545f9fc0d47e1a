"""Where anomalies are plain, every score finds them."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

import ganetic
from ganetic.detection.detector import fit_detector
from ganetic.detection.encoder import EncoderConfig
from ganetic.detection.gan import load_gan
from ganetic.training.config import TrainConfig
from ganetic.training.generate import find_checkpoint


def spots(count: int, size: int, seed: int) -> NDArray[np.uint8]:
    """A bright spot on black, somewhere near the middle."""
    stream = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size - 0.5
    place, width = stream.uniform(-0.2, 0.2, (count, 2, 1, 1)), stream.uniform(0.15, 0.25, (count, 1, 1))
    spot = 255 * np.exp(-((x - place[:, 0]) ** 2 + (y - place[:, 1]) ** 2) / (2 * width**2))
    noisy = np.clip(spot + stream.normal(0, 4, spot.shape), 0, 255)
    images: NDArray[np.uint8] = noisy.astype(np.uint8)[..., np.newaxis]
    return images


UPSIDE_DOWN = "d_real=softplus(d); d_fake=softplus(neg(d)); g_fake=softplus(d)"
"""bce, with generated images above real ones."""


@pytest.mark.slow
@pytest.mark.parametrize(("model", "size", "loss"), [("mlp", 16, "bce"), ("dcgan", 28, UPSIDE_DOWN)])
def test_every_score_finds_plain_anomalies(model: str, size: int, loss: str, tmp_path: Path) -> None:
    """Negatives of normal images."""
    normal = spots(400, size, seed=0)
    np.savez(tmp_path / "normal.npz", images=normal)
    config = TrainConfig.model_validate(
        {
            "model": {"name": model, "width": 16, "latent": 16},
            "data": {"name": f"npz:{tmp_path / 'normal.npz'}"},
            "steps": 150,
            "checkpoint_every": 150,
            "eval_images": 64,
            "ema_decay": 0.98,
        }
    )
    training = ganetic.train(loss, config, run=tmp_path / "run")
    gan = load_gan(find_checkpoint(training.directory))
    detector = fit_detector(gan, normal, spots(60, size, seed=1), EncoderConfig(steps=200, width=8))
    others, anomalies = detector.score(spots(100, size, seed=2)), detector.score(255 - spots(100, size, seed=3))
    labels = np.repeat([0, 1], 100)
    for name, score in others.items():
        assert roc_auc_score(labels, np.concatenate([score, anomalies[name]])) > 0.95, name
