"""Searches for losses of chest X-rays, as `analysis/better_loss/plan.md` lays down.

    GANETIC_DATA=DIR python -m analysis.better_loss search FOLDER [--workers N]
    python -m analysis.better_loss neighbours FOLDER

`search` makes the runs of the plan one after the other under FOLDER, a folder each; stopped or killed, it goes on where
it was. `neighbours` prints whether the choice among children is kept, from the runs that are finished.
"""

import argparse
import math
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from ganetic.errors import UserError, run_script
from ganetic.evolution.results import Run, open_run
from ganetic.evolution.run import resume, search
from ganetic.evolution.runtime import Runtime
from ganetic.evolution.space import SearchSpace, load_space
from ganetic.jobs.statistics import mean_interval
from ganetic.progress.search import listener_for

SPACE = Path(__file__).with_name("better_loss") / "xray.toml"
SETS = {
    "pneumonia": "npz:{}/pneumoniamnist28/pneumoniamnist28.npz",
    "chest": "npz:{}/chest_xray128/chest_xray128.npz?size=28",
}
SEEDS = (7101, 7102, 7103)
CANDIDATES = 20
TRIALS = {"plain": 150, "neighbours": 100, "random": 150}


@dataclass(frozen=True)
class Search:
    """One search of the plan."""

    set: str
    arm: str
    seed: int

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.set}-{self.arm}-s{self.seed}"

    @property
    def space(self) -> SearchSpace:
        """The plan's space, as this arm has it."""
        space = load_space(SPACE)
        if self.arm == "random":
            return space.randomised()
        candidates = CANDIDATES if self.arm == "neighbours" else 1
        return space.model_copy(update={"evolution": space.evolution.model_copy(update={"candidates": candidates})})


def searches() -> Iterator[Search]:
    """All searches on one set at a time, in the order in which they are made."""
    for seed in SEEDS:
        for name in SETS:
            yield Search(name, "plain", seed)
            yield Search(name, "neighbours", seed)
    for name in SETS:
        yield Search(name, "random", SEEDS[0])


def make(one: Search, folder: Path, workers: int | None) -> None:
    """Make a search, or go on with it, unless it is finished."""
    data = SETS[one.set].format(os.environ["GANETIC_DATA"])
    runtime = Runtime(workers, max_trials=TRIALS[one.arm])
    directory = folder / one.name
    with closing(listener_for(Console(stderr=True))) as listener:
        if not (directory / "journal.db").exists():
            search(one.space, data, directory, one.seed, runtime, listener)
        elif open_run(directory).status_when_idle != "finished":
            resume(directory, Runtime(workers), listener)


def finished(folder: Path) -> dict[Search, Run]:
    """The runs of the plan that are finished."""
    runs = {one: folder / one.name for one in searches()}
    opened = {one: open_run(path) for one, path in runs.items() if (path / "journal.db").exists()}
    return {one: run for one, run in opened.items() if run.status_when_idle == "finished"}


def best(run: Run) -> float:
    """The lowest fd of the finals, the geometric mean over their seeds."""
    return float(run.finals()["fd"].min())


def neighbours(folder: Path) -> Iterator[str]:
    """Yield what the plan's rule says, a line each."""
    runs = finished(folder)
    pairs = [
        (one, runs[one], runs[other])
        for one in runs
        if one.arm == "neighbours" and (other := Search(one.set, "plain", one.seed)) in runs
    ]
    yield f"{'set':10} {'seed':>5} {'plain':>7} {'neighbours':>11} {'ratio':>6}"
    for one, chosen, plain in pairs:
        ratio = best(chosen) / best(plain)
        yield f"{one.set:10} {one.seed:5} {best(plain):7.1f} {best(chosen):11.1f} {ratio:6.3f}"
    if len(pairs) < 2:
        return
    logs = np.array([math.log(best(chosen) / best(plain)) for _, chosen, plain in pairs])
    found = mean_interval(logs)
    middle, low, high = (math.exp(value) for value in (found.mean, found.low, found.high))
    yield f"geometric mean {middle:.3f}, 95 % interval {low:.3f} to {high:.3f}"


def main() -> None:
    """Search, or print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("step", choices=("search", "neighbours"))
    parser.add_argument("folder", type=Path, help="where the runs are, or will be")
    parser.add_argument("--workers", type=int, help="trials at once; by default one a core")
    given = parser.parse_args()
    if given.step == "neighbours":
        print("\n".join(neighbours(given.folder)))
        return
    if not os.environ.get("GANETIC_DATA"):
        raise UserError("GANETIC_DATA is not set; expected the folder of pneumoniamnist28 and chest_xray128")
    for one in searches():
        make(one, given.folder, given.workers)


if __name__ == "__main__":
    run_script(main)
