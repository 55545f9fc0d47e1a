"""How far apart losses lie, and so how wide a niche should be (`evolution.niche_radius`).

    python analysis/niche_radius.py [RUN …]

Prints the distances between the published losses; then, for each run, how far its best completed losses lie from their
nearest published one, and how many niches they fill at several radii. With a radius below half the smallest distance
between two published losses no loss can share a niche with two of them.
"""

import itertools
import sys
from pathlib import Path

import numpy as np

from ganetic.errors import run_script
from ganetic.jobs.journal import Journal
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.search.ledger import trial_result
from ganetic.search.niches import distance, location, occupied
from ganetic.search.results import JOURNAL
from ganetic.search.tuning import skeleton_of

RADII = (0.05, 0.1, 0.2, 0.3, 0.5)
BEST = 25


def completed(directory: Path) -> list[tuple[float, Formula]]:
    """The losses of a run whose first trial completed, with its fd, the best first; whatever version wrote the run."""
    with Journal.open_readonly(directory / JOURNAL) as journal:
        children = {one.number: one.text for one in journal.submissions() if one.kind == "child"}
        records = [record for record in journal.records() if record.number in children and record.state == "completed"]
    found = []
    for record in records:
        trace = trial_result(record.state, record.record, record.seconds).trace
        found.append((trace[-1][1], Formula.from_text(children[record.number])))
    return sorted(found, key=lambda pair: pair[0])


def print_library() -> None:
    """Print the distance of each pair of published losses."""
    print("distances between published losses")
    names = list(LIBRARY)
    print(" " * 20 + "".join(f"{name[:10]:>12}" for name in names[:-1]))
    for row, name in enumerate(names[1:], start=1):
        away = [distance(LIBRARY[name].formula, LIBRARY[other].formula) for other in names[:row]]
        print(f"{name:20}" + "".join(f"{value:12.2f}" for value in away))
    pairs = itertools.combinations(LIBRARY.values(), 2)
    print(f"smallest: {min(distance(a.formula, b.formula) for a, b in pairs):.2f}\n")


def print_run(directory: Path) -> None:
    """Print where the losses of a run lie."""
    losses = [formula for _, formula in completed(directory)]
    relativistic = any(formula.is_relativistic for formula in losses)
    places = [location(formula, relativistic) for formula in losses[:BEST]]
    references = {
        name: location(loss.formula, relativistic)
        for name, loss in LIBRARY.items()
        if relativistic or not loss.formula.is_relativistic
    }
    nearest: dict[str, list[float]] = {}
    for place in places:
        away = {name: float(np.linalg.norm(place - own)) for name, own in references.items()}
        closest = min(away, key=away.__getitem__)
        nearest.setdefault(closest, []).append(away[closest])
    print(f"{directory}: {len(losses)} losses completed; the best {BEST} by fd:")
    for name, values in sorted(nearest.items(), key=lambda entry: -len(entry[1])):
        quartiles = ", ".join(f"{value:.3f}" for value in np.quantile(values, (0, 0.25, 0.5, 0.75, 1)))
        print(f"  {len(values):3} nearest to {name}, at {quartiles} (least, quartiles, most)")
    for count in (BEST, len(losses)):
        skeletons = len({skeleton_of(formula) for formula in losses[:count]})
        filled = ", ".join(f"{occupied(losses[:count], radius)} at {radius:g}" for radius in RADII)
        print(f"  best {min(count, len(losses))}: {skeletons} skeletons; niches: {filled}")


def main() -> None:
    """Print the library's table, and that of each run named on the command line."""
    print_library()
    for name in sys.argv[1:]:
        print_run(Path(name))


if __name__ == "__main__":
    run_script(main)
