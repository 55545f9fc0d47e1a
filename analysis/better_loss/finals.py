"""What the searches found in their own finals, side by side."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from analysis.better_loss.plan import COLOUR_SEARCH, JOINT_SEARCH, Search, finished, searches
from ganetic.evolution.results import Run, open_run
from ganetic.loss.equivalence import published_name
from ganetic.loss.fingerprint import fingerprint
from ganetic.loss.formula import Formula
from ganetic.stats import mean_interval


def best(run: Run) -> float:
    """The lowest fd of the finals, the geometric mean over their seeds."""
    return float(run.finals()["fd"].min())


def best_found(run: Run) -> float:
    """As `best`, of those that are no published loss, of which the first population has one."""
    finals = run.finals()
    is_found = [not published_name(Formula.from_text(text)) for text in finals["formula"]]
    return float(finals["fd"][is_found].min())


def found_at(run: Run) -> int:
    """How many trainings had been asked for when the best of the finals was first trained, itself among them."""
    finals, trials = run.finals(), run.trials()
    number = finals.loc[finals["fd"].idxmin(), "individual"]
    return 1 + int(trials.index[trials["individual"] == number].min())


def twins(folder: Path) -> Iterator[str]:
    """Yield how many individuals of each search train as another one of it did, a line each."""
    made = [one.name for one in (*searches(), JOINT_SEARCH, COLOUR_SEARCH) if (folder / one.name).is_dir()]
    for name in made:
        table = open_run(folder / name).individuals()
        prints = [fingerprint(Formula.from_text(text)) for text in table["formula"]]
        different = set(zip(prints, table["learning_rate"], table["beta1"], strict=True))
        yield f"{name:26} {len(table)} individuals, {len(table) - len(different)} train as another did"


def neighbours(folder: Path) -> Iterator[str]:
    """Yield what the plan's rule says, a line each."""
    runs = finished(folder)
    pairs = [
        (one, runs[one], runs[other])
        for one in runs
        if one.arm == "neighbours" and (other := Search(one.set, "plain", one.seed)) in runs
    ]
    yield f"{'set':10} {'seed':>5} {'plain':>7} {'after':>6} {'neighbours':>11} {'after':>6} {'ratio':>6}"
    for one, chosen, plain in pairs:
        ratio = best(chosen) / best(plain)
        sides = f"{best(plain):7.1f} {found_at(plain):6} {best(chosen):11.1f} {found_at(chosen):6}"
        yield f"{one.set:10} {one.seed:5} {sides} {ratio:6.3f}"
    if len(pairs) < 2:
        return
    logs = np.array([math.log(best(chosen) / best(plain)) for _, chosen, plain in pairs])
    found = mean_interval(logs)
    middle, low, high = (math.exp(value) for value in (found.mean, found.low, found.high))
    yield f"geometric mean {middle:.3f}, 95 % interval {low:.3f} to {high:.3f}"


def random_table(folder: Path) -> Iterator[str]:
    """Yield how random search does beside the others of the same set, a line a search."""
    yield f"{'set':10} {'arm':11} {'seed':>5} {'best fd':>8} {'best of the found':>18}"
    for one, run in sorted(finished(folder).items(), key=lambda item: item[0].set, reverse=True):
        yield f"{one.set:10} {one.arm:11} {one.seed:5} {best(run):8.1f} {best_found(run):18.1f}"
