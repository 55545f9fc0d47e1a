"""What a step of full training costs, and what around it: a table of ratios from one run, for an idle machine.

    python -m analysis.bench_train [--sizes 64 128] [--batch 8] [--pairs 8]

Ratios are medians over pairs of short blocks, each pair in turn, in processor time of one thread, and stand with the
least and the most of the pairs. The images are random: what is measured does not depend on them. Memory is the peak of
a process that trains and does nothing else.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from ganetic.errors import run_script
from ganetic.gan.model import build, pyramid, scales
from ganetic.gan.step import Loss, gan_step
from ganetic.loss.compile import GanLoss
from ganetic.loss.library import LIBRARY
from ganetic.metrics.features import to_unit
from ganetic.reproducible import reproducible
from ganetic.training.checkpoint import TrainState, write_checkpoint
from ganetic.training.config import TrainConfig
from ganetic.training.setup import full_trainer
from ganetic.training.trainer import Trainer

LOSS = LIBRARY["relativistic-hinge"].formula
IMAGES = 256
WARM_UP = 2


def config(model: str, batch: int, augmentation: tuple[str, ...] = ()) -> TrainConfig:
    """The settings that all measurements share: those of the presets, but for the size."""
    own = {"attention": 32} if model == "msg-sagan" else {}
    return TrainConfig.model_validate(
        {
            "data": {"augmentation": augmentation},
            "model": {"name": model, "width": 16, "latent": 128, **own},
            "batch": batch,
            "steps": 1000,
        }
    )


def trainer(settings: TrainConfig, size: int) -> Trainer:
    """A training on random grey images."""
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, size, size, 1), dtype=np.uint8)
    return full_trainer(settings, LOSS, images, "cpu")


class BareLoop:
    """The same nets and the same update as one would write them down: no data, no average, nothing watched.

    torch's Adam, one generated batch for both updates, and gradients of D in G's update that nobody needs.
    """

    def __init__(self, settings: TrainConfig, size: int) -> None:
        self._settings = settings
        self._nets = build(settings.model, size, 1, 0)
        for net in self._nets:
            net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        rates, betas = settings.optimizer, (settings.optimizer.beta1, settings.optimizer.beta2)
        self._adams = (
            torch.optim.Adam(self._nets.generator.parameters(), rates.generator_lr, betas, fused=True),
            torch.optim.Adam(self._nets.discriminator.parameters(), rates.discriminator_lr, betas, fused=True),
        )
        self._loss: Loss = GanLoss(LOSS)
        pixels = np.zeros((settings.batch, size, size, 1), dtype=np.uint8)
        self._real = pyramid(to_unit(pixels), scales(settings.model, size))

    def advance(self) -> None:
        """One update of both."""
        generator, discriminator = self._nets
        fake = generator(torch.randn(self._settings.batch, self._settings.model.latent))
        settled = tuple(image.detach() for image in fake) if isinstance(fake, tuple) else fake.detach()
        d_loss = self._loss.discriminator(discriminator(self._real), discriminator(settled))
        self._adams[1].zero_grad()
        d_loss.backward()  # type: ignore[no-untyped-call]
        self._adams[1].step()
        g_loss = self._loss.generator(discriminator(fake), discriminator(self._real))
        self._adams[0].zero_grad()
        g_loss.backward()  # type: ignore[no-untyped-call]
        self._adams[0].step()


def ratios(first: Callable[[], object], second: Callable[[], object], pairs: int) -> list[float]:
    """Processor time of the first over that of the second, pair by pair."""
    for _ in range(WARM_UP):
        first()
        second()
    return [processor_seconds(first) / processor_seconds(second) for _ in range(pairs)]


def processor_seconds(work: Callable[[], object]) -> float:
    """Processor time of this process that some work takes."""
    began = time.process_time()
    work()
    return time.process_time() - began


def step_alone(training: Trainer, settings: TrainConfig, size: int) -> Callable[[], object]:
    """The update of a training on images and latents that are there already."""
    pixels = np.zeros((settings.batch, size, size, 1), dtype=np.uint8)
    real = pyramid(to_unit(pixels), scales(settings.model, size))
    latents: Tensor = torch.randn(settings.batch, settings.model.latent)
    nets = (training.generator, training.discriminator)
    return lambda: gan_step(*nets, training.loss, training.optimizers, real, latents, training.regulariser)


def rows(size: int, batch: int, pairs: int) -> list[tuple[str, str, str]]:
    """What was measured at a size, how much of it, and what it should be."""
    plain, augmented = config("msg-sagan", batch), config("msg-sagan", batch, ("flip", "crop", "rotation"))
    ours, without = trainer(plain, size), trainer(config("msg-gan", batch), size)
    bare = ratios(ours.advance, BareLoop(plain, size).advance, pairs)
    attention = [1 - ratio for ratio in ratios(without.advance, ours.advance, pairs)]
    busy = trainer(augmented, size)
    data = [1 - ratio for ratio in ratios(step_alone(busy, augmented, size), busy.advance, pairs)]
    began = time.perf_counter()
    for _ in range(pairs):
        ours.advance()
    step_seconds = (time.perf_counter() - began) / pairs
    share = checkpoint_seconds(ours) / (plain.checkpoint_every * step_seconds)
    return [
        (f"{size} px: step", f"{1000 * step_seconds:.0f} ms", ""),
        ("… over a bare loop of the same nets", _spread(bare, "{:.2f}"), "<= 1.1"),
        ("… of it attention at 32 px", _spread(attention, "{:.0%}"), "<= 30 %"),
        ("… of it all but the update: augmented data, average", _spread(data, "{:.0%}"), "<= 5 %"),
        (f"checkpoint, of {plain.checkpoint_every} steps", f"{share:.2%}", "<= 2 %"),
        (f"most memory of a process, batch {batch}", f"{peak_bytes(size, batch) / 2**30:.2f} GiB", "<= 4 GiB"),
    ]


def _spread(values: list[float], form: str) -> str:
    least, middle, most = (form.format(value) for value in (min(values), statistics.median(values), max(values)))
    return f"{middle} ({least}-{most})"


def checkpoint_seconds(training: Trainer) -> float:
    """Median time of writing a checkpoint."""
    times = []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            write_checkpoint(Path(folder), training.state(), TrainState(step=1, trace=((0, 1.0),)))
            times.append(time.perf_counter() - began)
    return statistics.median(times)


def peak_bytes(size: int, batch: int) -> int:
    """The most memory that a process held which made three steps."""
    command = [sys.executable, "-m", "analysis.bench_train", "--peak", str(size), "--batch", str(batch)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    with reproducible():
        if options.peak:
            training = trainer(config("msg-sagan", options.batch), options.peak)
            for _ in range(3):
                training.advance()
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
            return
        table = Table(box=None, pad_edge=False, header_style="dim")
        for head in ("msg-sagan, one thread", "measured", "wanted"):
            table.add_column(head, justify="left" if head.startswith("msg") else "right")
        for size in options.sizes:
            for row in rows(size, options.batch, options.pairs):
                table.add_row(*row)
    Console().print(table, markup=False, highlight=False)


if __name__ == "__main__":
    run_script(main)
