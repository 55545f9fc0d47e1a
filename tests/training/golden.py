"""Short trials and full trainings whose numbers are kept in ``golden.json``, once for each kind of machine.

``python -m tests.training.golden`` puts the numbers of this one there. The first ones were recorded when trials and
full trainings had a trainer each.
"""

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ganetic.data import ImageSet, load_images
from ganetic.loss.library import LIBRARY
from ganetic.reproducible import versions
from ganetic.training.checkpoint import checkpoints_in, read_checkpoint
from ganetic.training.config import TrainConfig
from ganetic.training.proxy_data import prepare
from ganetic.training.record import read_metrics
from ganetic.training.spec import ProxySpec, TrialSpec
from ganetic.training.train import train
from ganetic.training.trial import run_trial, sample_images

FILE = Path(__file__).with_name("golden.json")
SETS = {"grey": ("mnist5k", 12), "colour": ("histology?size=28", 3)}
"""Name of a data set, and which of its images are taken."""
PROXIES: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("bce", {}),
    "averaged": ("relativistic-hinge", {"ema_decay": 0.9, "upsampling": "resize"}),
    "penalised": ("ganetic", {"batch_norm": False, "r1": 1.0}),
    "augmented": ("hinge", {"augmentation": "histology", "batch_norm": False}),
}
"""A loss, and what is changed of the small proxy."""
SIZE: dict[str, Any] = {"width": 4, "batch": 16, "latent": 8, "images": 64}
DIGITS = {"name": "digits", "classes": ["3", "8"], "augmentation": ["flip", "crop", "rotation"]}
COLOUR = {"name": "histology", "size": 28}
TRAININGS: dict[str, dict[str, Any]] = {
    "mlp": {"data": DIGITS, "model": {"name": "mlp"}},
    "dcgan": {"data": DIGITS, "model": {"name": "dcgan"}, "regulariser": {"clip": 0.1}},
    "dcgan-colour": {"data": COLOUR, "model": {"name": "dcgan", "batch_norm": False}, "regulariser": {"r1": 1.0}},
    "msg-gan": {"data": DIGITS, "model": {"name": "msg-gan"}, "augmentation": {"profile": "xray"}},
    "msg-sagan": {
        "data": DIGITS,
        "model": {"name": "msg-sagan", "attention": 8, "spectral_norm": True, "batch_norm": True},
        "regulariser": {"gradient_penalty": 1.0},
    },
}


def some_images(kind: str, folder: Path) -> ImageSet:
    """A few hundred grey or colour images."""
    name, every = SETS[kind]
    images = load_images(name)
    pixels, file = images.images[::every], folder / f"{kind}.npz"
    if images.labels is None:
        np.savez(file, images=pixels)
    else:
        np.savez(file, images=pixels, labels=images.labels[::every])
    return load_images(f"npz:{file}")


def trial_numbers(images: ImageSet, name: str) -> dict[str, Any]:
    """What comes of a trial on images, and how bright a few samples are."""
    loss, changes = PROXIES[name]
    proxy = ProxySpec.model_validate({**SIZE, **changes})
    proxy_data = prepare(images, proxy)
    spec = TrialSpec(formula=LIBRARY[loss].formula.text, seed=3, steps=12, checkpoints=(5,), proxy=proxy)
    result = run_trial(spec, proxy_data)
    samples = sample_images(spec, proxy_data.images, 60).mean((1, 2, 3))
    return {
        "start": proxy_data.start_fd,
        "trace": [fd for _, fd in result.trace],
        "raw": [fd for _, fd in result.raw_trace],
        "samples": samples[::20].tolist(),
    }


def training_numbers(name: str, run: Path) -> dict[str, Any]:
    """What comes of a full training, and where its random streams stand."""
    changes = TRAININGS[name]
    model = {"width": 4, "latent": 8, **changes["model"]}
    settings = {"batch": 8, "steps": 12, "checkpoint_every": 10, "eval_images": 48}
    training = train(TrainConfig.model_validate({**settings, **changes, "model": model}), "relativistic-hinge", run)
    state, _ = read_checkpoint(checkpoints_in(run)[-1])
    watched = next(line for line in read_metrics(run) if "d_loss" in line)
    streams = [state["streams"][stream] for stream in sorted(state["streams"])]
    return {
        "trace": [fd for _, fd in training.train_state.trace],
        "watched": [watched[key] for key in ("d_loss", "g_loss", "update")],
        "weights": [_size(state[part]) for part in ("generator", "discriminator", "average")],
        "streams": hashlib.sha256(b"".join(stream.numpy().tobytes() for stream in streams)).hexdigest()[:16],
    }


def _size(tensors: dict[str, torch.Tensor]) -> float:
    return float(sum(tensors[name].double().abs().sum() for name in sorted(tensors)))


def recordings() -> list[dict[str, Any]]:
    """All that was recorded, the oldest first."""
    return list(json.loads(FILE.read_text()))


def is_of_here(golden: dict[str, Any]) -> bool:
    """Whether torch and the kind of machine are those of a recording, whose processor may be said less exactly."""
    here, there = versions(), golden["made_with"]
    same = all(here[key] == there[key] for key in ("torch", "machine", "device"))
    return same and here["processor"].startswith(there["processor"])


def main() -> None:
    """Record everything for this kind of machine."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        sets = {kind: some_images(kind, folder) for kind in SETS}
        trials = {f"{kind} {name}": trial_numbers(sets[kind], name) for kind in SETS for name in PROXIES}
        trainings = {name: training_numbers(name, folder / name) for name in TRAININGS}
    others = [golden for golden in recordings() if not is_of_here(golden)]
    recorded = {"made_with": versions(), "trials": trials, "trainings": trainings}
    FILE.write_text(json.dumps([*others, recorded], indent=1) + "\n")


if __name__ == "__main__":
    main()
