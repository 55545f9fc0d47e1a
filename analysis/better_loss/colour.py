"""The search on photographs, and what it found beside published losses."""

from collections.abc import Iterator
from pathlib import Path

from analysis.better_loss.confirmation import measured_card
from analysis.better_loss.margin import MARGIN, with_margins
from analysis.better_loss.plan import (
    COLOUR,
    COLOUR_SEARCH,
    RELATIVISTIC_HINGE,
    Seeds,
    compared,
    compared_table,
    ended,
    make,
)
from ganetic.errors import UserError
from ganetic.evolution.results import open_run
from ganetic.evolution.selection import pick_card
from ganetic.loss.card import write_card
from ganetic.loss.equivalence import published_name
from ganetic.loss.formula import Formula

COLOUR_SEEDS = Seeds(7851, 24, 2)
COLOUR_ARMS = ("the found loss", "with the margin on real images", RELATIVISTIC_HINGE, "bce")


def colour_winner(folder: Path) -> Path:
    """Write the card of the best finalist on photographs that failed on no seed and is no published loss.

    Raises:
        UserError: there is none.
    """
    run = open_run(folder / COLOUR_SEARCH.name)
    finals = run.finals().sort_values("fd")
    found = (
        int(row["individual"])
        for row in finals.to_dict("records")
        if not row["failed"] and not published_name(Formula.from_text(row["formula"]))
    )
    number = next(found, None)
    if number is None:
        raise UserError(f"{run.directory}: no finalist is a new loss that failed on no seed; there is no winner")
    path = folder / f"{COLOUR_SEARCH.name}-{number}.json"
    write_card(pick_card(run, str(number)), path)
    return path


def colour(folder: Path, workers: int | None) -> None:
    """Search on photographs, and compare what is found with published losses and the margin of chest X-rays."""
    make(COLOUR_SEARCH, folder, workers)
    losses = [str(colour_winner(folder)), with_margins(MARGIN, 1), RELATIVISTIC_HINGE, "bce"]
    place = folder / f"{COLOUR}-check"
    compared(losses, COLOUR_SEARCH.data, place, COLOUR_SEEDS, workers, reference=RELATIVISTIC_HINGE)


def colour_card(folder: Path) -> Iterator[str]:
    """Write the card of what was found on photographs with what was measured there of all, and yield its path."""
    if (folder / f"{COLOUR}-check").is_dir():
        yield measured_card(colour_winner(folder), folder / f"{COLOUR}-check")


def colour_table(folder: Path) -> Iterator[str]:
    """Yield how what was found on photographs does beside published losses, a line each."""
    if (folder / f"{COLOUR}-check").is_dir():
        yield "photographs"
        yield from compared_table(ended(folder / f"{COLOUR}-check"), COLOUR_ARMS)
