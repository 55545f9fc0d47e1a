"""Does a loss that was found on one proxy win elsewhere? The tables of runs/reference/FIRST.md, from its journals.

    python -m analysis.transfer [--loss paper-s0-193]

Each place has the same losses on eight paired seeds for 400 steps: at home, where the search looked (from the
confirmation, whose trainings were measured at step 400, too), in a net of half the width, and on two other data sets.
`fd` counts a failed training as the untrained generator, `as measured` takes the last fd of every training as it is;
both are geometric means. A ratio is the found loss's fd over that of another, with the interval of the paired t test
and Holm's p of the test that decides (see `ganetic.studies.ratios`), all comparisons of a place as one family;
`shown` is the ratio that four of five such studies would have shown, by one t test at 5 %, where none failed; `trained`
is the ratio over the pairs in which both trained.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from ganetic.errors import run_script, unknown
from ganetic.studies.compare import open_comparison
from ganetic.studies.comparison import Comparison
from ganetic.studies.formatting import interval, number, p_value, ratio_number
from ganetic.studies.ratios import Pair, Ratio, ratios

REFERENCE = Path(__file__).parents[1] / "runs" / "reference"
HOME = REFERENCE / "paper" / "confirmation" / "paper-s0-193-20-seeds" / "journal.db"
PLACES = {"width 16": "width16", "CIFAR-10": "cifar10", "pneumonia": "pneumonia"}
STEPS, SEEDS = 400, 8


def at_home(confirmation: Comparison) -> pd.DataFrame:
    """A row a training after `STEPS` on the first seeds: loss, seed, fd, counted_fd, untrained."""
    traces = confirmation.traces()
    seeds = sorted(traces["seed"].unique())[:SEEDS]
    table = traces[(traces["step"] == STEPS) & traces["seed"].isin(seeds)].copy()
    table["counted_fd"], table["untrained"] = table["fd"], table["failed"]
    return table


def elsewhere(comparison: Comparison) -> pd.DataFrame:
    """The same of a comparison, whose trainings end there."""
    table = comparison.runs()
    table["untrained"] = table["state"] != "completed"
    return table


def compared(table: pd.DataFrame, loss: str) -> list[Ratio]:
    """The loss against every other one."""
    by_seed, untrained = (
        table.pivot(index="seed", columns="loss", values=name) for name in ("counted_fd", "untrained")
    )
    return ratios({"": by_seed}, [Pair(loss, other) for other in by_seed if other != loss], {"": untrained})


def level(values: pd.Series) -> str:
    """The geometric mean in print."""
    return number(float(np.exp(np.log(values).mean())))


def losses_table(places: dict[str, pd.DataFrame]) -> Table:
    """A row a loss, three columns a place."""
    laid = Table(box=None, pad_edge=False, header_style="dim")
    laid.add_column("fd (as measured) failed")
    for place in places:
        laid.add_column(place, justify="right")
    for loss in next(iter(places.values()))["loss"].unique():
        cells = []
        for table in places.values():
            own = table[table["loss"] == loss]
            failed = int(own["untrained"].sum())
            said = f" ({level(own['fd'])}) {failed}/{len(own)}" if failed else ""
            cells.append(level(own["counted_fd"]) + said)
        laid.add_row(loss, *cells)
    return laid


def ratios_table(places: dict[str, pd.DataFrame], loss: str) -> Table:
    """A row a comparison."""
    laid = Table(box=None, pad_edge=False, header_style="dim", title=f"\n{loss} over", title_justify="left")
    for head in ("place", "loss", "ratio", "95 %", "Holm p", "verdict", "shown", "trained", "pairs"):
        laid.add_column(head, justify="left" if head in ("place", "loss", "verdict") else "right", no_wrap=True)
    for place, table in places.items():
        for one in compared(table, loss):
            verdict = "-" if one.verdict == "no difference shown" else one.verdict
            cells = (ratio_number(one.ratio), interval(one.low, one.high), p_value(one.holm_p), verdict)
            rest = (ratio_number(one.detectable), ratio_number(one.trained), str(one.pairs - one.failed_pairs))
            laid.add_row(place, one.second, *cells, *rest)
    return laid


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--loss", default="paper-s0-193", help="the one that is compared; %(default)s by default")
    loss = parser.parse_args().loss
    places = {"home": at_home(Comparison(HOME, "confirmation"))}
    for place, folder in PLACES.items():
        places[place] = elsewhere(open_comparison(REFERENCE / "transfer" / folder))
    known = places["home"]["loss"].unique().tolist()
    if loss not in known:
        raise unknown("loss", loss, known)
    console = Console(highlight=False, width=100)
    console.print(losses_table(places))
    console.print(ratios_table(places, loss))


if __name__ == "__main__":
    run_script(main)
