"""How different losses are: where they lie by what they do to the two players, and by their form.

    python -m analysis.diversity [RUN …]

Prints the distances between the published losses; then, for each run, how far its best completed losses lie from their
nearest published one, how many niches they fill at several radii, and how many skeletons they have.
"""

import itertools
import math
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ganetic.errors import run_script
from ganetic.evolution.results import JOURNAL
from ganetic.evolution.trial_queue import trial_result
from ganetic.jobs.journal import Journal
from ganetic.loss.expression import Call, Const, Node, Var, to_text
from ganetic.loss.fingerprint import oriented_gradients
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.loss.numeric import grid, respond
from ganetic.loss.ops import Array
from ganetic.loss.screen import judge

REACH = 8.0
"""Largest |d| and |m| at which gradients are compared: few discriminators of short trainings are surer."""
RADII = (0.05, 0.1, 0.2, 0.3, 0.5)
BEST = 25


def location(formula: Formula, relativistic: bool) -> Array:
    """Where a loss lies among all: both players' gradients, each over its rms near 0, on a logarithmic scale.

    The Euclidean distance of two locations is the root mean square difference of asinh(gradient / rms) over the slots
    and the grid's points within `REACH`, D's higher output meaning real.

    Args:
        formula: the loss.
        relativistic: whether to look at m, too; the same for all losses that are compared.
    """
    points = grid(relativistic)
    slots = respond(formula, points.d, points.m)
    gradients = oriented_gradients(points, slots, judge(points, slots).orientation)
    within = _within_reach(relativistic)
    place: Array = np.arcsinh(gradients[:, within]).ravel()
    return place / math.sqrt(len(slots) * within.size)


@cache
def _within_reach(relativistic: bool) -> npt.NDArray[np.intp]:
    points = grid(relativistic)
    return np.flatnonzero((np.abs(points.d) <= REACH) & (np.abs(points.m) <= REACH))


def distance(first: Formula, second: Formula) -> float:
    """How differently two losses push; 0 for equal gradients up to a factor a player and d → -d."""
    relativistic = first.is_relativistic or second.is_relativistic
    return float(np.linalg.norm(location(first, relativistic) - location(second, relativistic)))


def occupied(formulas: Sequence[Formula], radius: float) -> int:
    """How many niches losses fill when each in turn opens one, unless it lies in one that is open."""
    relativistic = any(formula.is_relativistic for formula in formulas)
    centres: list[Array] = []
    for formula in formulas:
        place = location(formula, relativistic)
        if all(float(np.linalg.norm(place - centre)) > radius for centre in centres):
            centres.append(place)
    return len(centres)


def skeleton_of(formula: Formula) -> str:
    """The formula's text with ``+``, ``-`` or ``0`` for each constant."""
    return "; ".join(f"{name}={to_text(_bare(tree))}" for name, tree in formula.trees.items())


def _bare(node: Node) -> Node:
    if isinstance(node, Const):
        return Var("0" if node.value == 0 else "+" if node.value > 0 else "-")
    return Call(node.op, tuple(_bare(arg) for arg in node.args)) if isinstance(node, Call) else node


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
