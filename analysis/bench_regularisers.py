"""What R1 and path length cost a step of full training, at every step and lazily: a table of one run.

    python -m analysis.bench_regularisers [--size 32] [--batch 8] [--rounds 5]

A round makes 16 steps with each setting in turn, in which each lazy term is due as often as it says. Times are medians
over rounds of the processor time of one thread. Ratios are to the plain step of the same round, with the least and the
most of the rounds. The images are random: what is measured does not depend on them.
"""

import argparse
import statistics
from functools import partial
from typing import Any

from rich.console import Console
from rich.table import Table

from analysis.bench_train import WARM_UP, config, processor_seconds, trainer
from ganetic.errors import run_script
from ganetic.gan.regulariser import RegulariserSpec
from ganetic.reproducible import reproducible
from ganetic.training.trainer import Trainer

MODELS = ("dcgan", "msg-sagan")
STEPS = 16
"""Of a block: a multiple of every lazy term's steps."""
SETTINGS: dict[str, dict[str, Any]] = {
    "none": {},
    "R1 every step": {"r1": 1.0},
    "R1 every 16": {"r1": 1.0, "r1_every": 16},
    "R1 every 16, path length every 4": {"r1": 1.0, "r1_every": 16, "path_length": 1.0, "path_length_every": 4},
}


def trainers(model: str, size: int, batch: int) -> dict[str, Trainer]:
    """A training with each setting."""
    plain = config(model, batch)
    found = {}
    for name, settings in SETTINGS.items():
        spec = RegulariserSpec.model_validate(settings)
        found[name] = trainer(plain.model_copy(update={"regulariser": spec}), size)
    return found


def block(training: Trainer) -> None:
    """Make a block of steps."""
    for _ in range(STEPS):
        training.advance()


def seconds(model: str, size: int, batch: int, rounds: int) -> dict[str, list[float]]:
    """Processor time of a step with each setting, by round."""
    trainings = trainers(model, size, batch)
    for training in trainings.values():
        for _ in range(WARM_UP):
            training.advance()
    found: dict[str, list[float]] = {name: [] for name in trainings}
    for _ in range(rounds):
        for name, training in trainings.items():
            found[name].append(processor_seconds(partial(block, training)) / STEPS)
    return found


def row(name: str, own: list[float], plain: list[float]) -> list[str]:
    """A setting, its time, and its ratio to the plain step."""
    ratios = [mine / other for mine, other in zip(own, plain, strict=True)]
    middle, least, most = statistics.median(ratios), min(ratios), max(ratios)
    return [name, f"{1000 * statistics.median(own):.0f} ms", f"{middle:.2f} ({least:.2f}-{most:.2f})"]


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    table = Table(box=None, pad_edge=False, header_style="dim")
    for head in (f"{options.size} px, batch {options.batch}, one thread", "a step", "of the plain step"):
        table.add_column(head, justify="left" if "px" in head else "right")
    with reproducible():
        for model in MODELS:
            found = seconds(model, options.size, options.batch, options.rounds)
            for name, own in found.items():
                table.add_row(*row(f"{model}: {name}", own, found["none"]))
    Console().print(table, markup=False, highlight=False)


if __name__ == "__main__":
    run_script(main)
