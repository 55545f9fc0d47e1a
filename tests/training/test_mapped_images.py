"""A trial that reads its images from a file is the trial that has them in memory."""

from pathlib import Path

import numpy as np
import torch

from ganetic.data import load_images
from ganetic.data.mapped import MappedImages, some_of
from ganetic.loss.library import LIBRARY
from ganetic.reproducible import reproducible
from ganetic.training.spec import ProxySpec, TrialSpec
from ganetic.training.trial import trial_trainer

SPEC = TrialSpec(
    formula=LIBRARY["bce"].formula.text, seed=3, steps=3, checkpoints=(3,), kill=(), proxy=ProxySpec(width=4, batch=8)
)


def trained(images: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] | MappedImages) -> torch.Tensor:
    with reproducible():
        trainer = trial_trainer(SPEC, images, "cpu")
        for _ in range(SPEC.steps):
            trainer.advance()
        return trainer.weights()


def test_a_file_gives_the_weights_of_memory(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 28, 28, 3), np.uint8)
    np.savez(tmp_path / "set.npz", images=pixels)
    rows = np.arange(0, 40, 2)
    mapped = some_of(load_images(f"mapped:{tmp_path / 'set.npz'}"), rows)
    assert isinstance(mapped, MappedImages)
    assert torch.equal(trained(mapped), trained(pixels[rows]))


def test_images_that_cannot_be_written_are_shared_and_not_copied() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 28, 28, 1), np.uint8)
    pixels.flags.writeable = False  # as Ray gives them to a worker
    with reproducible():
        trainer = trial_trainer(SPEC, pixels, "cpu")
    assert isinstance(trainer._images, torch.Tensor)
    assert trainer._images.data_ptr() == pixels.__array_interface__["data"][0]
