"""A published generator that is told classes: it draws what the training draws, in torch and in onnxruntime."""

from pathlib import Path

import numpy as np
import pytest
import torch

import ganetic
from ganetic.errors import UserError
from ganetic.gan.models import build
from ganetic.metrics.features import to_uint8
from ganetic.publishing.generator_config import GeneratorConfig
from ganetic.publishing.load import PublishedGenerator, load_generator
from ganetic.publishing.onnx_export import export_onnx
from ganetic.publishing.publish import publish, write_generator
from ganetic.reproducible import reproducible
from ganetic.training.generate import find_checkpoint, generate_labelled
from ganetic.training.train import train
from tests.documents import blocks
from tests.publishing.test_load import config_for
from tests.training.full.conftest import tiny

CLASSES = {"normal": 30, "rare": 5, "pneumonia": 65}


def told(name: str) -> GeneratorConfig:
    return config_for(name, width=8).model_copy(update={"classes": CLASSES})


def generator_of(name: str) -> PublishedGenerator:
    config = told(name)
    net = build(config.model, 32, 1, seed=3, classes=len(CLASSES)).generator
    return PublishedGenerator(net, config).requires_grad_(False).eval()


@reproducible()
@pytest.mark.parametrize("name", ["dcgan", "stylegan2"])
def test_it_is_loaded_to_the_last_bit(name: str, tmp_path: Path) -> None:
    generator = generator_of(name)
    write_generator(tmp_path, generator.net.state_dict(), told(name))
    loaded = load_generator(tmp_path)
    assert loaded.classes == ("normal", "rare", "pneumonia")
    latents, labels = loaded.latents(5, seed=1), loaded.labels(5, seed=1)
    assert labels is not None
    assert torch.equal(loaded(latents, labels), generator(latents, labels))
    assert loaded.labels(3, label="pneumonia").tolist() == [2, 2, 2]  # type: ignore[union-attr]
    with pytest.raises(UserError, match="labels are missing; this generator takes labels 0 to 2"):
        loaded(latents)
    with pytest.raises(UserError, match='did you mean "pneumonia"'):
        loaded.labels(1, label="pneumona")


def test_one_without_classes_takes_no_labels() -> None:
    config = config_for("dcgan")
    assert "classes" not in config.model_dump()
    generator = PublishedGenerator(build(config.model, 32, 1, seed=3).generator, config).eval()
    assert generator.labels(3) is None
    with pytest.raises(UserError, match="labels are given; this generator takes no labels"):
        generator(generator.latents(1), torch.zeros(1, dtype=torch.int64))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dcgan", "stylegan2"])
def test_onnxruntime_gives_the_images_of_torch(name: str, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="pip install 'ganetic[onnx]' brings onnxruntime")
    generator, path = generator_of(name), tmp_path / "model.onnx"
    latents = torch.randn(6, 8, generator=torch.Generator().manual_seed(7))
    labels = torch.tensor([0, 1, 2, 2, 1, 0])
    expected = generator(latents, labels).numpy()
    assert export_onnx(generator, path) < 1e-4
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert [taken.name for taken in session.get_inputs()] == ["latents", "labels"]
    (images,) = session.run(None, {"latents": latents.numpy(), "labels": labels.numpy()})
    np.testing.assert_allclose(images, expected, rtol=0, atol=1e-4)
    (others,) = session.run(None, {"latents": latents.numpy(), "labels": labels.flip(0).numpy()})
    assert np.abs(images - others).max() > 1e-3


@pytest.mark.slow
@pytest.mark.usefixtures("few_halves")
def test_the_card_says_how_a_class_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = {"name": "digits", "classes": ["3", "8"], "conditional": True}
    training = train(tiny("dcgan", data=data, steps=20), "hinge", tmp_path / "run")
    folder = publish(training, tmp_path / "digits-gan", despite_copies=True)
    card = (folder / "README.md").read_text("utf-8")
    assert "It is told which class to draw." in card
    assert "Images of the class that was asked for" in card
    (code,) = (block.text for block in blocks(folder / "README.md") if block.language == "python")
    monkeypatch.chdir(tmp_path)
    known: dict[str, torch.Tensor] = {}
    exec(code, {}, known)
    drawn = generate_labelled(find_checkpoint(training.directory), 64, seed=0)
    assert drawn.labels is not None
    assert np.array_equal(known["labels"].numpy(), drawn.labels)
    # In one batch of 64, and not 50 at a time: last bits may differ.
    assert np.abs(known["pixels"].numpy().astype(int) - drawn.images).max() <= 1
    loaded = ganetic.load_generator(folder)
    with reproducible(), torch.no_grad():
        made = loaded(loaded.latents(9, seed=4), loaded.labels(9, label="8"))
    assert np.array_equal(to_uint8(made).numpy(), ganetic.generate(training, 9, seed=4, label="8"))
