from pathlib import Path

import pytest

from ganetic.training.train import train
from tests.training.full.conftest import LOSS, tiny


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of protobuf
def test_numbers_and_samples_can_be_looked_at_in_tensorboard(run: Path) -> None:
    ada = {"kind": "ada", "profile": "xray", "adaptation_images": 1_000}
    train(tiny("mlp", steps=10, tensorboard=True, eval_images=80, augmentation=ada), LOSS, run)
    (file,) = (run / "tensorboard").iterdir()
    content = file.read_bytes()
    for name in (b"d_loss", b"g_loss", b"update", b"fd", b"samples", b"\x01p", b"auc", b"r_t"):
        assert name in content
