"""Does the order of losses in the proxy come back in full training?

    GANETIC_DATA=DIR python -m analysis.full_rank train FOLDER [--workers N]      goes on where it was
    python -m analysis.full_rank tables FOLDER

The winner of the chest X-rays and its five rivals train in `msg-sagan` at 32 pixels on the same set
(`analysis/full_rank.toml`), on five paired seeds. Kendall's rank correlation is between the losses' geometric mean of
fd there and that of their 60 confirmations in the proxy, each at its own rates; the interval resamples the seeds of
both, 2,000 times. The plan stands in `analysis/better_loss.md`.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from scipy.stats import kendalltau

from analysis.better_loss.plan import REFERENCE_RUNS, RIVALS
from ganetic.errors import UserError, run_script
from ganetic.evaluation.evaluate_path import evaluate_checkpoint, training_data_for
from ganetic.evolution.resources import Runtime
from ganetic.files import write_whole
from ganetic.metrics.imagenet import ImageNetFeatures
from ganetic.plots.arms import write_samples
from ganetic.report.comparison import comparison_page, write_tables
from ganetic.report.progress.search import progress_on
from ganetic.report.progress.sentences import sentences_on
from ganetic.report.renderers.terminal import print_page
from ganetic.studies.compare import compare, open_comparison
from ganetic.studies.comparison import Comparison
from ganetic.training.checkpoint import checkpoints_in
from ganetic.training.config import load_config, overridden
from ganetic.training.generate import find_checkpoint
from ganetic.training.job import TRAININGS

RUNS = REFERENCE_RUNS / "better-loss"
WINNER = RUNS / "xray-s7101-91.json"
PROXY = RUNS / "chest-confirmation"
CONFIG = Path(__file__).with_suffix(".toml")
SEEDS, SEED = 5, 7801
RESAMPLES = 2000
OTHER_FD = "pretrained_fd"
MEASURED = "pretrained_fd.csv"


def train(folder: Path, workers: int | None) -> Comparison:
    """Train what is missing, and measure every generator in EfficientNet-Lite0's features, too.

    Raises:
        UserError: the folder of the data is not known.
    """
    if not os.environ.get("GANETIC_DATA"):
        raise UserError("GANETIC_DATA is not set; expected the folder of chest_xray128")
    data = f"npz:{os.environ['GANETIC_DATA']}/chest_xray128/chest_xray128.npz"
    config, screen = overridden(load_config(CONFIG), {"data.name": data}), Console(stderr=True)
    with sentences_on(screen), progress_on(screen) as callback:
        comparison = compare(
            [WINNER, *RIVALS],
            config=config,
            seeds=SEEDS,
            seed=SEED,
            reference="relativistic-hinge",
            directory=folder,
            runtime=Runtime(workers),
            callback=callback,
        )
    write_tables(comparison)
    write_samples(comparison)
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


def tau(first: pd.DataFrame, second: pd.DataFrame) -> tuple[float, float, float]:
    """Kendall's rank correlation of the losses' means over seeds, and its 95 % interval over the seeds of both."""
    pair, stream = (first.to_numpy(), second[first.columns].to_numpy()), np.random.default_rng(SEED)

    def drawn(logs: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.nanmean(logs[stream.integers(len(logs), size=len(logs))], axis=0)

    found = [kendalltau(*map(drawn, pair)).statistic for _ in range(RESAMPLES)]
    low, high = np.nanquantile(found, (0.025, 0.975))
    middle = kendalltau(*(np.nanmean(logs, axis=0) for logs in pair)).statistic
    return float(middle), float(low), float(high)


def tables(folder: Path) -> None:
    """Print the comparison, and both correlations."""
    comparison, console = open_comparison(folder), Console()
    print_page(console, comparison_page(comparison))
    proxy = log_table(open_comparison(PROXY).runs(), "counted_fd")
    full = {"the set's own net": log_table(comparison.runs(), "counted_fd")}
    if (folder / MEASURED).is_file():
        full["EfficientNet-Lite0"] = log_table(pd.read_csv(folder / MEASURED), "fd")
    for features, table in full.items():
        order = np.exp(table.mean()).sort_values()
        middle, low, high = tau(proxy, table)
        print(f"in {features}: Kendall's tau with the proxy {middle:.2f}, 95 % interval {low:.2f} to {high:.2f}")
        print("  " + ", ".join(f"{loss} {fd:.3g}" for loss, fd in order.items()))


def main() -> None:
    """Train, or print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("step", choices=("train", "tables"))
    parser.add_argument("folder", type=Path, help="of the comparison")
    parser.add_argument("--workers", type=int, help="trainings at once; by default one a core")
    given = parser.parse_args()
    if given.step == "train":
        train(given.folder, given.workers)
    tables(given.folder)


if __name__ == "__main__":
    run_script(main)
