"""Records a bank of losses: those of `analysis/bank_losses.txt` on several seeds, with full traces.

    python analysis/record_bank.py BANK DIRECTORY [--workers N]     trains, on all cores by default
    python analysis/record_bank.py BANK DIRECTORY --export          writes ganetic/studies/bank_BANK.npz

BANK is `mnist5k`, of digits, or `pneumonia`, of the chest X-rays pneumoniamnist28, which lie in the folder that
GANETIC_DATA names. Stopped at any moment, it goes on where it was. Losses are recorded in blocks of ten, in the order
of the file. Of each block all losses train on a seed or two first, and then on the others, but for those that the first
seed shows not to train: whose last Fréchet distance is above half of the untrained generator's. No trial is stopped
early. The export holds the blocks that are complete, and may be made while later ones are recorded.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

import numpy as np
import pandas as pd

from ganetic.data import ImageSet, load_images
from ganetic.errors import UserError, run_script
from ganetic.evolution.seeds import training_seed
from ganetic.evolution.trial_queue import trial_result
from ganetic.files import write_whole
from ganetic.jobs.executor import Executor
from ganetic.jobs.grid import Cell, GridProgress, read_grid, run_grid
from ganetic.jobs.journal import Record
from ganetic.jobs.lock import run_lock
from ganetic.jobs.ray_executor import RayExecutor
from ganetic.loss.equivalence import published_name
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.reproducible import versions
from ganetic.studies.bank import NOT_RECORDED, Bank
from ganetic.training.proxy_data import ProxyData, prepare
from ganetic.training.result import TrialResult
from ganetic.training.spec import ProxySpec, TrialSpec
from ganetic.training.trial import trial_job

LOSSES = Path(__file__).with_name("bank_losses.txt")
STUDIES = Path(__file__).parents[1] / "ganetic" / "studies"
TOLD = ("width", "batch", "learning_rate", "batch_norm")
BEGIN, END = "<!-- printed -->", "<!-- end -->"
"""Around the lines of the card that the export writes."""
RUN_SEED = 900
"""No search uses it, so that the bank's seeds have chosen nothing."""
BLOCK = 10
UNTRAINED_SHARE = 0.5
"""A loss whose first seed ends above this share of the untrained generator's distance gets no more than the first."""
WALL_SECONDS = 900.0
PROGRESS_EVERY = 10


@dataclass(frozen=True)
class Recipe:
    """How a bank is recorded.

    Attributes:
        name: of the bank.
        data: name of the data set, in which ``{}`` is the folder that GANETIC_DATA names.
        proxy: what the losses are trained on.
        steps: of a training.
        every: steps between two measurements.
        first_seeds: on how many seeds every loss is trained.
        seeds: on how many those that train are.
        most: how many losses of the file are recorded.
    """

    name: str
    data: str
    proxy: ProxySpec
    steps: int
    every: int
    first_seeds: int
    seeds: int
    most: int

    @property
    def shipped(self) -> Path:
        """Where the package keeps the bank."""
        return STUDIES / f"bank_{self.name}.npz"

    @property
    def card(self) -> Path:
        """What is said of it."""
        return self.shipped.with_suffix(".md")

    def load(self) -> ImageSet:
        """Load the images.

        Raises:
            UserError: GANETIC_DATA does not name them.
        """
        folder = os.environ.get("GANETIC_DATA", "")
        if "{}" in self.data and not folder:
            raise UserError("GANETIC_DATA is not set; expected the folder of pneumoniamnist28")
        return load_images(self.data.format(folder))


RECIPES = {
    # What tells losses apart best for its time, see `analysis/proxies.py`; the first proxy of the space `paper`.
    "mnist5k": Recipe("mnist5k", "mnist5k", ProxySpec(width=32, batch=16), 400, 50, 2, 6, 650),
    # The same net in the present fitness. Of the file's losses those that the bank of digits holds, so that the two
    # banks can be compared, at a rate at which BCE is better there than at the digits'.
    "pneumonia": Recipe(
        "pneumonia",
        "npz:{}/pneumoniamnist28/pneumoniamnist28.npz",
        ProxySpec(width=32, batch=16, learning_rate=1e-3, ema_decay=0.98, features="imagenet32", images=1000),
        400, 100, 1, 3, 290,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A loss to record: its number in the file, where it came from, and its one line."""

    number: int
    origin: str
    text: str


def entries(path: Path = LOSSES) -> list[Entry]:
    """The losses of the file, in its order."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return [Entry(number, *line.split("\t")) for number, line in enumerate(lines)]


def blocks(losses: Sequence[Entry]) -> Iterator[tuple[int, Sequence[Entry]]]:
    """The losses ten at a time, each ten with its number."""
    for number, start in enumerate(range(0, len(losses), BLOCK)):
        yield number, losses[start : start + BLOCK]


def cells(recipe: Recipe, losses: Sequence[Entry], seeds: range) -> list[Cell]:
    """A job for each loss and seed, loss after loss."""
    return [
        Cell(loss.number, loss.text, trial(recipe, loss, seed).model_dump(mode="json", exclude_none=True))
        for loss in losses
        for seed in seeds
    ]


def trial(recipe: Recipe, loss: Entry, seed: int) -> TrialSpec:
    """The training of a loss on one of the bank's seeds, which are counted from 0."""
    return TrialSpec(
        formula=loss.text,
        seed=training_seed(RUN_SEED, "search", seed),
        steps=recipe.steps,
        checkpoints=tuple(range(recipe.every, recipe.steps + 1, recipe.every)),
        proxy=recipe.proxy,
    )


def trains(recipe: Recipe, first: Record) -> bool:
    """Whether the record of a loss's first seed earns it all seeds."""
    if first.record is None:
        return False
    result = TrialResult.model_validate(first.record)
    return result.steps == recipe.steps and result.trace[-1][1] <= UNTRAINED_SHARE * result.trace[0][1]


def paths(directory: Path, block: int) -> tuple[Path, Path]:
    """The journals of a block: its first seeds, and the others."""
    return directory / f"block-{block:03d}-first.db", directory / f"block-{block:03d}-rest.db"


def that_train(recipe: Recipe, losses: Sequence[Entry], first: Sequence[Record]) -> list[Entry]:
    """The losses of a block that earn all seeds, from the records of their first ones."""
    return [loss for place, loss in enumerate(losses) if trains(recipe, first[recipe.first_seeds * place])]


def record(recipe: Recipe, directory: Path, losses: Sequence[Entry], proxy_data: ProxyData, executor: Executor) -> None:
    """Train all blocks, one after the other."""
    made_with = versions()
    meta = {
        "metric": proxy_data.protocol,
        "data": proxy_data.data,
        "features": proxy_data.features_hash,
        "start_fd": proxy_data.start_fd,
        "floor_fd": proxy_data.floor_fd,
        "model": f"dcgan{proxy_data.images.shape[1]}-w{recipe.proxy.width}",
        "made_with": {key: made_with[key] for key in ("torch", "machine", "processor", "device")},
    }
    for number, block in blocks(losses):
        first_path, rest_path = paths(directory, number)
        first = run_grid(
            first_path,
            meta,
            cells(recipe, block, range(recipe.first_seeds)),
            executor,
            Printer(f"block {number}, first"),
        )
        left = cells(recipe, that_train(recipe, block, first), range(recipe.first_seeds, recipe.seeds))
        run_grid(rest_path, meta, left, executor, Printer(f"block {number}, rest"))


class Printer:
    """Prints a line now and then."""

    def __init__(self, title: str) -> None:
        self._title, self._printed = title, -1

    def __call__(self, progress: GridProgress) -> None:
        """Print progress every few jobs."""
        done = progress.finished == progress.total
        if progress.finished == self._printed or not (done or progress.finished % PROGRESS_EVERY == 0):
            return
        self._printed = progress.finished
        states = ", ".join(f"{count} {state}" for state, count in sorted(progress.states.items()))
        print(
            f"{self._title}: {progress.finished}/{progress.total} in {progress.elapsed_seconds:.0f} s: {states}",
            flush=True,
        )


def complete(recipe: Recipe, directory: Path, losses: Sequence[Entry]) -> Iterator[tuple[Entry, list[Record]]]:
    """The losses of the complete blocks with their records, in order of seeds."""
    for number, block in blocks(losses):
        first_path, rest_path = paths(directory, number)
        count = recipe.first_seeds
        first = ended(first_path, cells(recipe, block, range(count)))
        if first is None:
            return
        more = that_train(recipe, block, first)
        rest = ended(rest_path, cells(recipe, more, range(count, recipe.seeds)))
        if rest is None:
            return
        records = {loss.number: first[count * place :][:count] for place, loss in enumerate(block)}
        for place, loss in enumerate(more):
            added = recipe.seeds - count
            records[loss.number] += rest[added * place :][:added]
        yield from ((loss, records[loss.number]) for loss in block)


def ended(path: Path, expected: Sequence[Cell]) -> list[Record] | None:
    """The records of a grid of these cells; None while some are missing.

    Raises:
        UserError: the grid is another one, or something went wrong that says nothing of a loss.
    """
    if not path.exists():
        return None
    _, submissions, records = read_grid(path)
    if len(records) < len(expected):
        return None
    if [one.text for one in submissions] != [cell.text for cell in expected]:
        raise UserError(f"{path}: was recorded from another {LOSSES.name}; restore that file")
    for one in records:
        if one.status == "raised":
            raise UserError(f"{path}: job {one.number} raised an exception; mend the cause, delete the file, go on")
    return records


def collected(recipe: Recipe, directory: Path, losses: Sequence[Entry]) -> Bank:
    """The bank of what is recorded."""
    steps = [0, *range(recipe.every, recipe.steps + 1, recipe.every)]
    found = list(complete(recipe, directory, losses))
    if not found:
        raise UserError(f"{directory}: holds no complete block of losses yet; let it be recorded first")
    fd = np.full((len(found), recipe.seeds, len(steps)), np.nan)
    raw = np.full_like(fd, np.nan)
    outcomes = np.full((len(found), recipe.seeds), NOT_RECORDED, dtype="<U20")
    seconds = np.full((len(found), recipe.seeds), np.nan)
    for row, (_, records) in enumerate(found):
        for seed, one in enumerate(records):
            result = trial_result(one.state, one.record, one.seconds)
            outcomes[row, seed] = result.reason or result.state
            seconds[row, seed] = result.seconds
            for step, value in result.trace:
                fd[row, seed, steps.index(step)] = value
            for step, value in result.raw_trace:
                raw[row, seed, steps.index(step)] = value
    meta, _, _ = read_grid(paths(directory, 0)[0])
    seeds = [training_seed(RUN_SEED, "search", seed) for seed in range(recipe.seeds)]
    about = {**meta, "proxy": recipe.proxy.model_dump(mode="json"), "seeds": seeds}
    return Bank.of(described([loss for loss, _ in found]), steps, fd, outcomes, seconds, about, raw)


def described(losses: Sequence[Entry]) -> pd.DataFrame:
    """The columns of the bank that say what a loss is."""
    published = {loss.formula.text: name for name, loss in LIBRARY.items()}
    formulas = [Formula.from_text(loss.text) for loss in losses]
    return pd.DataFrame(
        {
            "name": [published.get(loss.text) or f"{loss.origin.replace(' ', '-')}-{loss.number}" for loss in losses],
            "origin": [loss.origin for loss in losses],
            "text": [loss.text for loss in losses],
            "published": [published_name(formula) for formula in formulas],
        }
    )


def main() -> None:
    """Record or export."""
    parser = argparse.ArgumentParser(description="Records a bank of losses.")
    parser.add_argument("bank", choices=RECIPES, help="which")
    parser.add_argument("directory", type=Path, help="where the journals are, or will be")
    parser.add_argument("--workers", type=int, help="trials at once; by default one a core")
    parser.add_argument("--export", action="store_true", help="write the shipped file from what is recorded")
    arguments = parser.parse_args()
    recipe = RECIPES[arguments.bank]
    losses = entries()[: recipe.most]
    if arguments.export:
        export(recipe, arguments.directory, losses)
        return
    arguments.directory.mkdir(parents=True, exist_ok=True)
    proxy_data = prepare(recipe.load(), recipe.proxy)
    with (
        run_lock(arguments.directory),
        RayExecutor(trial_job, proxy_data, workers=arguments.workers, wall_seconds=WALL_SECONDS) as executor,
    ):
        record(recipe, arguments.directory, losses, proxy_data, executor)


def export(recipe: Recipe, directory: Path, losses: Sequence[Entry]) -> None:
    """Write the shipped file, and what is in it into the data card; print that."""
    bank = collected(recipe, directory, losses)
    bank.save(recipe.shipped)
    content = summary(recipe, bank)
    card = recipe.card.read_text(encoding="utf-8")
    before, rest = card.split(BEGIN)
    after = rest.split(END)[1]
    write_whole(recipe.card, f"{before}{BEGIN}\n{indent(content, '    ')}\n{END}{after}")
    print(content)


def summary(recipe: Recipe, bank: Bank) -> str:
    """How much of what there is."""
    table = bank.losses
    lines = [f"{'origin':14}{'losses':>8}{'viable':>8}{'trainings':>11}{'failed':>8}{'best fd':>9}"]
    for origin, rows in [*table.groupby("origin", sort=False), ("all", table)]:
        counts = f"{len(rows):8}{rows['viable'].sum():8}{rows['seeds'].sum():11}{rows['failed'].sum():8}"
        lines.append(f"{origin:14}{counts}{rows['fd'].min():9.1f}")
    hours = np.nansum(bank.seconds) / 3600
    proxy = ", ".join(f"{key} {value}" for key, value in bank.about["proxy"].items() if key in TOLD)
    lines.append(f"{bank.metric}, {bank.about['model']}: {proxy}; {bank.steps[-1]} steps")
    lines.append(f"untrained generator {bank.start_fd:.1f}, real images {bank.floor_fd:.2f}")
    lines.append(f"{hours:.1f} hours of training on one thread; {recipe.shipped.stat().st_size / 1024:.0f} KB")
    return "\n".join(lines)


if __name__ == "__main__":
    run_script(main)
