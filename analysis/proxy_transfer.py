"""Do losses that were found on two proxies do better elsewhere than those that were found on one?

    python -m analysis.proxy_transfer DIR [--seeds 6] [--data npz:pneumoniamnist28.npz]

DIR holds the searches of `analysis/search_power.py`: as many with one proxy (arm `base`) as with two (`proxies`), all
of equal budgets. The finalist with the lowest fd of each search is trained beside BCE, on seeds that chose nothing, in
the two nets of the searches (`main`, which both arms know, and `plain`, which one knows), in a net and on data that no
search saw: that of the space `paper`, and `main` on the images of `--data`. It goes on where it was stopped.

The table has fd over that of BCE on the same seeds, a failed training counting as untrained, then the same over the
pairs in which both trained, and in brackets failed trainings; a row an arm, the geometric mean over its searches, then
a row a loss. A few searches of each arm describe themselves and prove nothing; the comparison in DIR/transfer has the
intervals of each loss.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from analysis.search_power import REFERENCE
from ganetic.errors import UserError, run_script
from ganetic.evolution.resources import Runtime
from ganetic.evolution.results import Run, open_run
from ganetic.evolution.selection import pick_card
from ganetic.evolution.space import SearchSpace, load_space
from ganetic.loss.card import LossCard, write_card
from ganetic.report.comparison import write_tables
from ganetic.studies.compare import Comparison, compare

ARMS = ("base", "proxies")
NET, IMAGES = "paper", "images"
"""The places that no search saw."""
FIRST_FITNESS = {"ema_decay": 0.0, "features": "cnn", "images": 2000}
"""Of the searches that are compared, which are older than the averaged generator and ImageNet's features."""
FOLDER = "transfer"


def searches(directory: Path) -> dict[str, Run]:
    """The finished searches of both arms, by the names of their folders.

    Raises:
        UserError: there are none of an arm, or one is not finished.
    """
    found: dict[str, Run] = {}
    for arm in ARMS:
        folders = sorted(directory.glob(f"{arm}-s*"))
        if not folders:
            raise UserError(f"{directory}: no search of the arm {arm}; analysis/search_power.py makes them")
        found |= {folder.name: open_run(folder) for folder in folders}
    for name, run in found.items():
        if run.status != "finished":
            raise UserError(f"{directory / name}: the search is {run.status}; analysis/search_power.py goes on with it")
    return found


def cards(runs: dict[str, Run], folder: Path) -> list[Path]:
    """Write down the best finalist of each search, under the search's name."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, run in runs.items():
        card: LossCard = pick_card(run, "fid").model_copy(update={"name": name})
        paths.append(folder / f"{name}.json")
        write_card(card, paths[-1])
    return paths


def places(space: SearchSpace, data: str) -> SearchSpace:
    """The space of a search on two proxies, with a net and with images besides that it does not know."""
    main = space.proxies[0]
    net = load_space("paper").proxies[0].model_copy(update={"name": NET, **FIRST_FITNESS})
    images = main.model_copy(update={"name": IMAGES, "data": data})
    return SearchSpace.model_validate(
        {**space.model_dump(mode="json"), "proxies": [one.model_dump() for one in (*space.proxies, net, images)]}
    )


def rows(comparison: Comparison) -> pd.DataFrame:
    """A row a loss and place: arm, loss, place, ratio to the reference, that of trained pairs, failed, trainings."""
    ratios = {(one.proxy, one.first): (one.ratio, one.trained) for one in comparison.ratios(REFERENCE)}
    ratios |= {(proxy.name, REFERENCE): (1.0, 1.0) for proxy in comparison.settings.proxies}
    found = [
        (one.loss.partition("-s")[0], one.loss, one.proxy, *ratios[one.proxy, one.loss], one.failed, one.trainings)
        for one in comparison.summaries()
    ]
    return pd.DataFrame(found, columns=("arm", "loss", "place", "ratio", "trained", "failed", "trainings"))


def table(found: pd.DataFrame, order: Sequence[str]) -> Table:
    """A row an arm with the mean and the range over its losses, then a row a loss; a column a place."""
    laid = Table(box=None, pad_edge=False, header_style="dim")
    laid.add_column(f"fd / {REFERENCE}")
    for place in order:
        laid.add_column(place, justify="right")
    for arm in ARMS:
        own = found[found["arm"] == arm]
        laid.add_row(arm, *[_arm_cell(own[own["place"] == place]) for place in order])
    for loss in sorted(found["loss"].unique()):
        own = found[found["loss"] == loss].set_index("place")
        laid.add_row(loss, *[_cell(own.loc[place]) for place in order])
    return laid


def _arm_cell(own: pd.DataFrame) -> str:
    every, trained = (_ratio(float(np.exp(np.log(own[column]).mean()))) for column in ("ratio", "trained"))
    spread = f"{_ratio(own['ratio'].min())}…{_ratio(own['ratio'].max())}"
    return f"{every} {trained}\n{spread} ({int(own['failed'].sum())}/{int(own['trainings'].sum())})"


def _cell(row: pd.Series) -> str:
    return f"{_ratio(row['ratio'])} {_ratio(row['trained'])} ({row['failed']}/{row['trainings']})"


def _ratio(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else "-"


def main(arguments: Sequence[str] | None = None, runtime: Runtime | None = None) -> None:
    """Train what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--seeds", type=int, default=6, help="trainings of each loss in each place")
    parser.add_argument("--data", default="npz:pneumoniamnist28.npz", help="images that no search saw")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    runs = searches(options.directory)
    space = places(runs[f"{ARMS[1]}-s0"].config.space, options.data)
    folder = options.directory / FOLDER
    comparison = compare(
        [REFERENCE, *cards(runs, folder / "cards")],
        seeds=options.seeds,
        space=space,
        directory=folder / f"{options.seeds}-seeds",
        runtime=runtime or Runtime(workers=options.workers),
    )
    write_tables(comparison)
    console = Console(highlight=False)
    console.print(table(rows(comparison), [proxy.name for proxy in space.proxies]))
    console.print(
        f"{options.seeds} seeds, {comparison.settings.steps} steps: ratio, the same where both trained, (failed)"
    )


if __name__ == "__main__":
    run_script(main)
