"""A published generator is loaded with little, and draws what the training draws."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import ganetic
from ganetic.errors import UserError
from ganetic.gan.models import MODELS, ModelSpec, build
from ganetic.metrics.features import to_uint8
from ganetic.publishing.generator_config import GeneratorConfig
from ganetic.publishing.load import PublishedGenerator, load_generator
from ganetic.publishing.publish import write_generator
from ganetic.reproducible import reproducible
from ganetic.training.outcome import Training

ROOT = Path(__file__).parents[2]
ALLOWED = (
    "ganetic torch torchgen safetensors numpy "
    "pydantic pydantic_core annotated_types typing_extensions typing_inspection"  # the last four come with pydantic
)
LIGHT = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in {*ALLOWED.split(), *sys.stdlib_module_names} and not top.startswith("_"):
            raise ModuleNotFoundError("blocked: " + name, name=name)

ALLOWED = sys.argv[1]
sys.meta_path.insert(0, Blocker())
import ganetic, numpy, torch
torch.set_num_threads(1)
generator = ganetic.load_generator(sys.argv[2])
with torch.no_grad():
    images = torch.cat([generator(latents) for latents in generator.latents(60, seed=3).split(50)])
numpy.save(sys.argv[3], images.numpy())
"""


def config_for(name: str, size: int = 32, channels: int = 1, **settings: object) -> GeneratorConfig:
    spec = ModelSpec.model_validate({"name": name, "latent": 8, "width": 4, **settings})
    return GeneratorConfig(model=spec, size=size, channels=channels, loss="bce", data="x:0", step=1, ganetic="0")


def test_loading_needs_little_and_its_images_are_those_of_generate(
    trained: Training, published: Path, tmp_path: Path
) -> None:
    out = tmp_path / "images.npy"
    done = subprocess.run(
        [sys.executable, "-c", LIGHT, ALLOWED, str(published), str(out)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    images = torch.from_numpy(np.load(out))
    assert images.dtype == torch.float32
    assert images.abs().max() <= 1
    assert np.array_equal(to_uint8(images).numpy(), ganetic.generate(trained, 60, seed=3))


@reproducible()
@pytest.mark.parametrize("name", MODELS.names())
@pytest.mark.parametrize("spectral_norm", [False, True])
def test_every_model_is_loaded_to_the_last_bit(name: str, spectral_norm: bool, tmp_path: Path) -> None:
    config = config_for(name, channels=3, spectral_norm=spectral_norm)
    net = build(config.model, 32, 3, seed=5).generator.eval()
    write_generator(tmp_path, net.state_dict(), config)
    loaded = load_generator(tmp_path)
    latents = loaded.latents(5, seed=1)
    with torch.no_grad():
        made = net(latents)
        images = loaded(latents)
    assert torch.equal(images, made[-1] if isinstance(made, tuple) else made)
    assert images.shape == (5, 3, 32, 32)
    assert (loaded.latent, loaded.size, loaded.channels, loaded.scales[-1]) == (8, 32, 3, 32)
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_it_is_float32_whatever_the_default_is(published: Path) -> None:
    torch.set_default_dtype(torch.float64)
    try:
        loaded = load_generator(published)
    finally:
        torch.set_default_dtype(torch.float32)
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}


def test_it_can_be_part_of_a_larger_module(published: Path) -> None:
    loaded = ganetic.load_generator(str(published))
    assert isinstance(loaded, PublishedGenerator)
    whole = torch.nn.Sequential(loaded, torch.nn.Flatten())
    latents = torch.randn(2, 8, requires_grad=True)
    whole(latents).sum().backward()
    assert latents.grad is not None
    assert latents.grad.abs().sum() > 0


def test_what_is_no_published_generator_is_refused_in_one_line(published: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no published generator, it has no config\.json"):
        load_generator(tmp_path)
    copy = Path(shutil.copytree(published, tmp_path / "copy"))
    (copy / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(UserError, match=r"model\.safetensors: not readable as safetensors"):
        load_generator(copy)
    (copy / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"model\.safetensors: no such file"):
        load_generator(copy)
    write_generator(copy, {"wrong": torch.zeros(1)}, config_for("mlp"))
    with pytest.raises(UserError, match=r"does not fit config\.json beside it"):
        load_generator(copy)
    config = json.loads((published / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "sise": 32}))
    with pytest.raises(UserError, match=r'unknown key "sise"; .*did you mean "size"'):
        load_generator(copy)
    (copy / "config.json").write_text(json.dumps({**config, "format": 99, "noise": True}))
    with pytest.raises(UserError, match="noise"):
        load_generator(copy)
