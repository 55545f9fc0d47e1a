"""What does breeding add? Two runs with the same space and seed, one of them random: the numbers beside their plot.

    python -m analysis.beside_random runs/reference/paper runs/reference/paper-random

Of each run: losses tried, those of them that train, training steps; the lowest fd and the hypervolume at the highest
rung, as in the plot `progress`, at the end of the shorter run and at its own; the best finalist and the pick of the
finals. Below, the first run's over the second's on the seeds of the finals, with the paired 95 % t interval.
One search of each proves nothing about searches.
"""

import argparse
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from ganetic.errors import UserError, run_script
from ganetic.evolution.results import Run, open_run
from ganetic.evolution.selection import pick_card
from ganetic.plots.beside import best_so_far, hypervolume_so_far
from ganetic.stats import paired_difference


def row(run: Run, least: int) -> list[str]:
    """What stands in the table of a run."""
    individuals, history, steps = run.scores(), run.history(), run.steps
    top = history[history["rung"] == len(run.config.space.rungs) - 1]
    best, area = best_so_far(top), hypervolume_so_far(top, run.config.start_fd)
    within = int((top["steps"] <= least).sum())
    curves = [_after(values, count) for count in (within, len(top)) for values in (best, area)]
    counts = (str(len(individuals)), str(int(individuals["viable"].sum())), f"{steps:,}")
    return [run.directory.name, *counts, *curves]


def _after(values: Iterable[float], count: int) -> str:
    """A curve's value after so many losses, in print; a dash where there are none yet."""
    return f"{list(values)[count - 1]:.3g}" if count else "-"


def finals_of(run: Run) -> tuple[pd.DataFrame, str, str]:
    """The finals as ln fd, a row a seed and a column a contestant; the best finalist and the pick.

    Raises:
        UserError: there was no finalist.
    """
    values = run.final_values()
    values["ln fd"] = np.log(values["fd"])
    table = values.pivot_table(index="seed", columns="contestant", values="ln fd", aggfunc="mean")  # over proxies
    finalists = [name for name in map(str, table) if name.startswith("individual")]
    if not finalists:
        raise UserError(f"{run.directory}: there was no finalist; compare runs of which a loss came through")
    return table, str(table[finalists].mean().idxmin()), f"individual {pick_card(run).provenance.individual}"


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("runs", type=Path, nargs=2, metavar="RUN")
    runs = [open_run(path) for path in parser.parse_args().runs]
    if runs[0].config.measures != runs[1].config.measures or any(run.status != "finished" for run in runs):
        raise UserError("two finished runs on the same data and proxies are compared; these are not such")
    least = min(run.steps for run in runs)
    laid = Table(box=None, pad_edge=False, header_style="dim")
    heads = ("run", "losses", "train", "steps", f"fd at {least:,}", "hypervolume", "fd at the end", "hypervolume")
    for head in heads:
        laid.add_column(head, justify="left" if head == "run" else "right")
    for run in runs:
        laid.add_row(*row(run, least))
    console = Console(highlight=False, width=100)
    console.print(laid)
    (first, *mine), (second, *theirs) = map(finals_of, runs)
    for what, one, other in zip(("best finalist", "pick"), mine, theirs, strict=True):
        found = paired_difference(first[one], second[other])
        low, ratio, high = np.exp((found.low, found.mean, found.high))
        levels = f"{math.exp(first[one].mean()):.1f} and {math.exp(second[other].mean()):.1f}"
        console.print(f"{what}: {levels}, ratio {ratio:.2f} ({low:.2f}-{high:.2f}), {found.pairs} seeds")


if __name__ == "__main__":
    run_script(main)
