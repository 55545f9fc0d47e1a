"""Does the order of losses in the proxy come back in full training?

    GANETIC_DATA=DIR python -m analysis.full_rank train FOLDER [--workers N]      goes on where it was
    python -m analysis.full_rank tables FOLDER

The winner of the chest X-rays and its five rivals train in `msg-sagan` at 32 pixels on the same set
(`analysis/full_rank.toml`), on five paired seeds. Kendall's rank correlation is between the losses' geometric mean of
fd there and that of their 60 confirmations in the proxy, each at its own rates; the interval resamples the seeds of
both, 2,000 times. The plan stands in `analysis/better_loss.md`.
"""

import os
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from scipy.stats import kendalltau

from analysis.better_loss.plan import REFERENCE_RUNS, RIVALS, Seeds
from analysis.full_training import MEASURED, log_table, train_or_tell, trained
from ganetic.errors import UserError, run_script
from ganetic.report.comparison import comparison_page
from ganetic.report.renderers.terminal import print_page
from ganetic.studies.comparison import Comparison, open_comparison

RUNS = REFERENCE_RUNS / "better-loss"
WINNER = RUNS / "xray-s7101-91.json"
PROXY = RUNS / "chest-confirmation"
CONFIG = Path(__file__).with_suffix(".toml")
SEEDS = Seeds(7801, 5, 1)
RESAMPLES = 2000


def train(folder: Path, workers: int | None) -> Comparison:
    """Train what is missing, and measure every generator in EfficientNet-Lite0's features, too.

    Raises:
        UserError: the folder of the data is not known.
    """
    if not os.environ.get("GANETIC_DATA"):
        raise UserError("GANETIC_DATA is not set; expected the folder of chest_xray128")
    data = f"npz:{os.environ['GANETIC_DATA']}/chest_xray128/chest_xray128.npz"
    return trained([WINNER, *RIVALS], CONFIG, data, folder, SEEDS, workers)


def tau(first: pd.DataFrame, second: pd.DataFrame) -> tuple[float, float, float]:
    """Kendall's rank correlation of the losses' means over seeds, and its 95 % interval over the seeds of both."""
    pair, stream = (first.to_numpy(), second[first.columns].to_numpy()), np.random.default_rng(SEEDS.run)

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


if __name__ == "__main__":
    run_script(partial(train_or_tell, __doc__, train, tables))
