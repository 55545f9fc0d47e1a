"""Whatever a caller has made torch's defaults, trainings and measurements are the same."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from ganetic.data import load_images
from ganetic.evaluation.evaluate_path import evaluate_path
from ganetic.loss.library import LIBRARY
from ganetic.training.generate import find_checkpoint, generate_images
from ganetic.training.output import write_images
from ganetic.training.proxy_data import prepare
from ganetic.training.spec import ProxySpec, TrialSpec
from ganetic.training.train import plan, resume_training, train
from ganetic.training.trial import run_trial, sample_images
from tests.training.full.conftest import LOSS, tiny

pytestmark = pytest.mark.slow

PROXY = ProxySpec(width=4, batch=8, latent=8, images=128)
TRIAL = TrialSpec(formula=LIBRARY["hinge"].formula.text, seed=0, steps=10, checkpoints=(5,), proxy=PROXY)


@pytest.fixture
def defaults() -> Iterator[Callable[[str], None]]:
    """Changes torch's defaults until the test ends."""
    dtype = torch.get_default_dtype()

    def choose(device: str) -> None:
        torch.set_default_device(device)
        torch.set_default_dtype(torch.float64)

    yield choose
    torch.set_default_device(None)
    torch.set_default_dtype(dtype)


def trial() -> list[object]:
    proxy_data = prepare(load_images("digits"), PROXY)
    result = run_trial(TRIAL, proxy_data)
    return [proxy_data.start_fd, result.trace, sample_images(TRIAL, proxy_data.images, 4).tolist()]


def training(model: str, run: Path) -> list[object]:
    config = tiny(model, steps=20)
    planned = plan(config, LOSS)
    trained = train(config, LOSS, run)
    assert resume_training(run) == trained
    images = generate_images(find_checkpoint(run), 4)
    write_images(images, run / "many")
    write_images(images, run / "grid.png")
    return [planned, trained.train_state, images.tolist(), evaluate_path(run, count=32)]


def test_a_trial(defaults: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = []
    for device in ("cpu", "meta"):
        monkeypatch.setenv("GANETIC_CACHE", str(tmp_path / device))  # the feature net is trained as well
        defaults(device)
        found.append(trial())
    assert found[0] == found[1]
    assert torch.get_default_device().type == "meta"


@pytest.mark.parametrize("model", ["mlp", "dcgan", "msg-sagan", "stylegan2"])
def test_a_training(model: str, defaults: Callable[[str], None], tmp_path: Path) -> None:
    found = []
    for device in ("cpu", "meta"):
        defaults(device)
        found.append(training(model, tmp_path / device))
    assert found[0] == found[1]
