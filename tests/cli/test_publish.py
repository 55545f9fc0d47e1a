"""From a training to a folder that others load, by the installed command alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.publishing.test_load import ALLOWED, LIGHT

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).with_name("ganetic")
TINY = """
steps = 20
batch = 8
checkpoint_every = 10
eval_images = 32

[data]
name = "mnist5k"
size = 32

[model]
name = "dcgan"
width = 4
"""
ONNX = """
import numpy, onnxruntime, sys, torch, ganetic
generator = ganetic.load_generator(sys.argv[1])
session = onnxruntime.InferenceSession(sys.argv[1] + "/model.onnx", providers=["CPUExecutionProvider"])
latents = generator.latents(9, seed=4)
(images,) = session.run(["images"], {"latents": latents.numpy()})
print(float(abs(images - generator(latents).numpy()).max()))
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "GANETIC_CACHE": str(tmp_path / "cache")}


@pytest.mark.slow
@pytest.mark.skipif(not COMMAND.exists(), reason="the command is not installed")
def test_a_newcomer_publishes_a_generator(tmp_path: Path, environment: dict[str, str]) -> None:
    pytest.importorskip("onnxruntime", reason="pip install 'ganetic[onnx]' brings onnxruntime")

    def run(*command: object) -> str:
        done = subprocess.run(
            list(map(str, command)), cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    (tmp_path / "tiny.toml").write_text(TINY)
    run(COMMAND, "train", "hinge", "--config", "tiny.toml", "--run", "run")
    said = run(COMMAND, "publish", "run", "out", "--onnx").splitlines()
    assert said == [f"out/{name}" for name in sorted(path.name for path in (tmp_path / "out").iterdir())]
    assert "out/model.onnx" in said
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "license: cc-by-sa-3.0" in card
    assert "- ylecun/mnist" in card
    assert "| input | `latents` | float32, drawn from N(0, 1) | (batch, 128) |" in card
    run(sys.executable, "-c", LIGHT, ALLOWED, "out", "images.npy")
    assert float(run(sys.executable, "-c", ONNX, "out")) < 1e-4
    again = subprocess.run(
        [COMMAND, "publish", "run", "out"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert again.returncode == 2
    assert again.stderr == "ganetic: error: out: holds files already; name a new directory\n"
    assert run(COMMAND, "train", "out/loss.json", "--config", "out/training.toml", "--dry-run")
