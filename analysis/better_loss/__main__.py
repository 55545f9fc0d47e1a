"""Searches for losses of chest X-rays, as `analysis/better_loss.md` lays down.

    GANETIC_DATA=DIR python -m analysis.better_loss STEP FOLDER [--workers N] [--set NAME]

STEP is one of these, in this order; stopped or killed, each goes on where it was:

    digits            the published losses and the winners of the first searches on mnist5k, each at its own best rates
    search            the runs of the plan on one set at a time, a folder each under FOLDER
    joint             the run of the plan on three sets together
    neighbours        prints whether the choice among children is kept, and how random search does, from finished runs
    select            of each set whose searches are finished: the six best finalists beside each other
    confirm           the winner of each set beside its rivals
    r1                the winner, BCE and relativistic hinge with R1, at weights of a list
    margin            the winner of the chest X-rays beside relativistic hinge with its margin
    margin-elsewhere  relativistic hinge with and without that margin on the sets of the joint search
    margin-alone      the same on one set after another, photographs among them, at rates for each set
    cards             writes the cards of the winners, of the margin and of the photographs, and prints their paths
    twins             prints how many individuals of each search train as another one did
    margin-figure     draws the margin on all sets, and prints the picture's path
    rivals            the margin beside the other published losses, on sets on which it beat relativistic hinge
    colour            the search on colour photographs, and what it found beside published losses
    tables            prints what may be claimed
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

from analysis.better_loss.colour import colour, colour_card, colour_table
from analysis.better_loss.confirmation import confirm, is_searched, select, tables, winner_cards
from analysis.better_loss.digits import digits
from analysis.better_loss.figure import margin_figure
from analysis.better_loss.finals import neighbours, random_table, twins
from analysis.better_loss.margin import (
    margin,
    margin_alone,
    margin_alone_table,
    margin_card,
    margin_elsewhere,
    margin_elsewhere_table,
    margin_table,
)
from analysis.better_loss.plan import JOINT_SEARCH, SETS, make, searches
from analysis.better_loss.r1 import penalised, penalised_tables
from analysis.better_loss.rivals import rivals, rivals_table
from ganetic.errors import run_script


def search(folder: Path, workers: int | None) -> None:
    """Make the searches on one set at a time."""
    for one in searches():
        make(one, folder, workers)


def joint(folder: Path, workers: int | None) -> None:
    """Make the search on three sets together."""
    make(JOINT_SEARCH, folder, workers)


TRAINED: dict[str, Callable[[Path, int | None], None]] = {
    "digits": digits,
    "search": search,
    "joint": joint,
    "margin": margin,
    "margin-elsewhere": margin_elsewhere,
    "margin-alone": margin_alone,
    "rivals": rivals,
    "colour": colour,
}
TRAINED_ON_A_SET: dict[str, Callable[[str, Path, int | None], None]] = {
    "select": select,
    "confirm": confirm,
    "r1": penalised,
}
PRINTED: dict[str, tuple[Callable[[Path], Iterator[str]], ...]] = {
    "neighbours": (neighbours, random_table),
    "cards": (winner_cards, margin_card, colour_card),
    "twins": (twins,),
    "margin-figure": (margin_figure,),
    "tables": (
        tables,
        penalised_tables,
        margin_table,
        margin_elsewhere_table,
        margin_alone_table,
        rivals_table,
        colour_table,
    ),
}


def main() -> None:
    """Make a step of the plan, or print what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("step", choices=(*TRAINED, *TRAINED_ON_A_SET, *PRINTED))
    parser.add_argument("folder", type=Path, help="where the runs are, or will be")
    parser.add_argument("--workers", type=int, help="trials at once; by default one a core")
    parser.add_argument("--set", choices=SETS, help="select, confirm, r1: on this set alone; by default on each")
    given = parser.parse_args()
    if given.step in PRINTED:
        print("\n".join(line for part in PRINTED[given.step] for line in part(given.folder)))
    elif given.step in TRAINED:
        TRAINED[given.step](given.folder, given.workers)
    else:
        for name in SETS if given.set is None else [given.set]:
            if is_searched(name, given.folder):
                TRAINED_ON_A_SET[given.step](name, given.folder, given.workers)


if __name__ == "__main__":
    run_script(main)
