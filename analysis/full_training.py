"""Losses beside each other in full training, and what each generator scores in EfficientNet-Lite0's features."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from analysis.better_loss.plan import RELATIVISTIC_HINGE, Seeds
from ganetic.evaluation.evaluate_path import evaluate_checkpoint, training_data_for
from ganetic.evolution.resources import Runtime
from ganetic.files import write_whole
from ganetic.metrics.imagenet import ImageNetFeatures
from ganetic.report.comparison import write_tables
from ganetic.report.progress.search import progress_on
from ganetic.report.progress.sentences import sentences_on
from ganetic.studies.compare import Comparison, compare
from ganetic.training.checkpoint import checkpoints_in
from ganetic.training.config import load_config, overridden
from ganetic.training.generate import find_checkpoint
from ganetic.training.job import TRAININGS
from ganetic.training.rates import RateList

OTHER_FD = "pretrained_fd"
MEASURED = "pretrained_fd.csv"


def trained(
    losses: Sequence[str | Path],
    config: Path,
    data: str,
    folder: Path,
    seeds: Seeds,
    workers: int | None,
    *,
    rates: RateList | None = None,
) -> Comparison:
    """Train what is missing, at the configuration's rates or at each loss's own, and measure every generator."""
    changed, screen = overridden(load_config(config), {"data.name": data}), Console(stderr=True)
    with sentences_on(screen), progress_on(screen) as callback:
        comparison = compare(
            losses,
            config=changed,
            seeds=seeds.compared,
            seed=seeds.run,
            rates=rates,
            tuning_seeds=seeds.tuning,
            reference=RELATIVISTIC_HINGE,
            directory=folder,
            runtime=Runtime(workers),
            callback=callback,
        )
    write_tables(comparison)
    if not (folder / MEASURED).is_file():
        write_whole(folder / MEASURED, in_other_features(comparison).to_csv(index=False))
    return comparison


def in_other_features(comparison: Comparison) -> pd.DataFrame:
    """The fd of every training that completed in EfficientNet-Lite0's features: loss, seed, fd."""
    seeds, rows, training_data = list(comparison.settings.seeds), [], None
    for run in comparison.runs().to_dict("records"):
        if run["state"] == "completed":
            place = comparison.directory / TRAININGS / f"{run['proxy']}-{run['loss']}-s{seeds.index(run['seed'])}"
            checkpoint = find_checkpoint(checkpoints_in(place)[-1])
            training_data = training_data or training_data_for(checkpoint)
            evaluation = evaluate_checkpoint(checkpoint, training_data, pretrained=ImageNetFeatures())
            rows.append((run["loss"], run["seed"], evaluation.measure(OTHER_FD).value))
    return pd.DataFrame(rows, columns=("loss", "seed", "fd"))


def log_table(runs: pd.DataFrame, fd: str) -> pd.DataFrame:
    """The logarithm of fd, a row a seed and a column a loss."""
    return runs.assign(log=np.log(runs[fd])).pivot(index="seed", columns="loss", values="log")


def train_or_tell(
    about: str | None, train: Callable[[Path, int | None], Comparison], tables: Callable[[Path], None]
) -> None:
    """A script's command line: train, which tells what came of it at the end, or tell it again."""
    parser = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    parser.add_argument("step", choices=("train", "tables"))
    parser.add_argument("folder", type=Path, help="of the comparison")
    parser.add_argument("--workers", type=int, help="trainings at once; by default one a core")
    given = parser.parse_args()
    if given.step == "train":
        train(given.folder, given.workers)
    tables(given.folder)
