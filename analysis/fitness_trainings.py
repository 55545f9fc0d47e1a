"""Train published losses once on six sets, and look at each training with every metric: what shall the fitness be?

    GANETIC_DATA=DIR python -m analysis.fitness_trainings FOLDER [PART OF]      about half an hour of two cores a seed

Each training is measured as it goes, on the same latents: by the trained generator and by averages of it with several
decays, each in the features of the small CNN that learns from the data and in those of ImageNet at two sizes. A
training is a line of FOLDER/PART.jsonl and, of the last step, an archive of images; what is there is not made again.
With PART and OF several processes share the work. `analysis.fitness_tables` reads the lines.

Beside the losses there is one planted swing: BCE whose learning rate is five times as high in every other 25 steps
from step 100 on.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ganetic.data import load_images, partition
from ganetic.errors import UserError, run_script
from ganetic.gan.ema import EMA
from ganetic.gan.step import StepLosses
from ganetic.loss.library import LIBRARY
from ganetic.metrics.frechet import FeatureStatistics
from ganetic.metrics.imagenet import ImageNetFeatures
from ganetic.metrics.reference import Extractor
from ganetic.reproducible import random_stream, reproducible
from ganetic.training.loop import FiniteCheck, Schedule, fit
from ganetic.training.proxy_data import prepare
from ganetic.training.spec import ProxySpec, TrialSpec
from ganetic.training.trainer import NonFiniteError, Trainer, generate
from ganetic.training.trial import trial_trainer

SETS = (
    "mnist5k",
    "cifar10_10k",
    "pneumoniamnist28",
    "chest_xray128?size=28",
    "brain_mri64?size=32",
    "histology?size=32",
)
EMBEDDED = ("mnist5k", "histology")
LOSSES = ("bce", "hinge", "lsgan", "relativistic-hinge", "ganetic", "swinging")
SWINGING = "swinging"
SEEDS = range(70_000, 70_008)
STEPS, EVERY = 400, 50
DECAYS = (0.95, 0.98, 0.99)
WATCHED_DECAY = 0.98
"""Whose last images are kept, beside those of the trained generator."""
IMAGES = 500
SPEC = ProxySpec(width=32, batch=16, images=IMAGES)
NETS = {"i32": ImageNetFeatures(side=32), "i64": ImageNetFeatures(side=64)}


class Watch(FiniteCheck):
    """Averages a generator in several ways, keeps its updates, and perhaps plants a swing.

    Args:
        trainer: of the training.
        swings: whether there is one.
    """

    def __init__(self, trainer: Trainer, swings: bool) -> None:
        self.averages = {f"{decay:g}": EMA(trainer.generator, decay, buffers=True) for decay in DECAYS}
        self.updates: list[float] = []
        self._swings = swings

    def on_log(self, trainer: Trainer, losses: StepLosses, update: float) -> None:
        """Keep the update."""
        super().on_log(trainer, losses, update)
        self.updates.append(update)

    def on_step(self, trainer: Trainer) -> None:
        """Average, and set the rates of the next step."""
        for average in self.averages.values():
            average.update(trainer.generator, trainer.step)
        following = trainer.step + 1
        wild = self._swings and following > 100 and (following // 25) % 2 == 1
        for optimizer in trainer.optimizers:
            optimizer._learning_rate = SPEC.learning_rate * (5 if wild else 1)


class Metrics:
    """Every metric of one set."""

    def __init__(self, name: str) -> None:
        images = load_images(place(name))
        self.proxy_data = prepare(images, SPEC)
        self._extractor = Extractor(self.proxy_data.weights, None, "cpu")
        self._nets = {key: net.build("cpu") for key, net in NETS.items()}
        real = torch.tensor(images.images[partition(images, IMAGES).reference])
        self.statistics = {key: FeatureStatistics.of(net(real)) for key, net in self._nets.items()}
        floor = torch.tensor(self.proxy_data.images[: len(real)])
        self.floors = {"cnn": self.proxy_data.floor_fd} | {
            key: self.statistics[key].distance_to(net(floor)) for key, net in self._nets.items()
        }

    def fd(self, images: torch.Tensor, nets: tuple[str, ...]) -> dict[str, float]:
        """Distances of uint8 images, by the name of the features."""
        found = {"cnn": self.proxy_data.reference.distance_to(self._extractor.distance_features(images))}
        return found | {key: self.statistics[key].distance_to(self._nets[key](images)) for key in nets}

    def diversity(self, images: torch.Tensor) -> list[Any]:
        """Spread and class shares, as the small CNN sees them."""
        seen = self._extractor.diversity(images)
        return [seen.spread, None if seen.shares is None else seen.shares.round(4).tolist()]


def place(name: str) -> str:
    """The data set's name for `load_images`."""
    stem, _, query = name.partition("?")
    if stem in EMBEDDED:
        return name
    return f"npz:{os.environ['GANETIC_DATA']}/{stem}/{stem}.npz" + (f"?{query}" if query else "")


def train(name: str, loss: str, seed: int, metrics: Metrics, folder: Path) -> dict[str, Any]:
    """Train once and measure everything."""
    text = LIBRARY["bce" if loss == SWINGING else loss].formula.text
    spec = TrialSpec(formula=text, seed=seed, steps=STEPS, checkpoints=tuple(range(EVERY, STEPS, EVERY)), proxy=SPEC)
    latents = torch.randn(IMAGES, SPEC.latent, generator=random_stream(seed, "evaluation"))
    row: dict[str, Any] = {"set": name, "loss": loss, "seed": seed, "floors": metrics.floors, "fd": {}}
    training_seconds = 0.0
    with reproducible():
        trainer = trial_trainer(spec, metrics.proxy_data.images, "cpu")
        watch = Watch(trainer, loss == SWINGING)
        try:
            for step in (0, *range(EVERY, STEPS + 1, EVERY)):
                began = time.process_time()
                fit(trainer, Schedule(step, step.__eq__, logs_measured=True), watch)
                training_seconds += time.process_time() - began
                nets = {"raw": trainer.generator} | {key: one.net for key, one in watch.averages.items()}
                images = {}
                for key, net in nets.items():
                    images[key] = generate(net, latents, "cpu")[-1]
                    wide = ("i32", "i64") if key in ("raw", "0.98") else ("i32",)
                    for metric, fd in metrics.fd(images[key], wide).items():
                        row["fd"].setdefault(f"{metric} {key}", []).append(round(fd, 4))
        except NonFiniteError:
            row["failed"] = "non_finite"
            return row
    row["updates"] = [round(update, 6) for update in watch.updates]
    row["training_seconds"] = round(training_seconds, 2)
    row["diversity"] = {key: metrics.diversity(images[key]) for key in ("raw", "0.98")}
    stem = name.partition("?")[0]
    np.savez_compressed(folder / f"{stem}-{loss}-{seed}.npz", raw=images["raw"].numpy(), average=images["0.98"].numpy())
    return row


def wanted() -> Iterator[tuple[int, str, str]]:
    """Every training, seed by seed, so that what there is early on is of all sets and losses."""
    yield from ((seed, name, loss) for seed in SEEDS for name in SETS for loss in LOSSES)


def main() -> None:
    """Record what is missing.

    Raises:
        UserError: the arguments cannot be used.
    """
    if len(sys.argv) not in (2, 4):
        raise UserError("expected a folder, and perhaps which part of how many, such as 0 2")
    folder = Path(sys.argv[1])
    part, parts = (int(sys.argv[2]), int(sys.argv[3])) if len(sys.argv) == 4 else (0, 1)
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    known = {
        (row["seed"], row["set"], row["loss"])
        for path in folder.glob("*.jsonl")
        for row in map(json.loads, path.read_text().splitlines())
    }
    metrics: dict[str, Metrics] = {}
    for number, (seed, name, loss) in enumerate(wanted()):
        if number % parts != part or (seed, name, loss) in known:
            continue
        if name not in metrics:
            metrics[name] = Metrics(name)
        row = train(name, loss, seed, metrics[name], folder)
        with (folder / f"{part}.jsonl").open("a") as lines:
            lines.write(json.dumps(row) + "\n")
        print(seed, name, loss, row.get("failed", ""), row.get("training_seconds"), flush=True)


if __name__ == "__main__":
    run_script(main)
