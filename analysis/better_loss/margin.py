"""Relativistic hinge with the discriminator's margin that the winner of the chest X-rays has."""

from collections.abc import Iterator
from pathlib import Path

from analysis.better_loss.confirmation import winner
from analysis.better_loss.plan import JOINT, JOINT_SEARCH, RELATIVISTIC_HINGE, compared, compared_table, data_set, ended
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY

MARGIN = 3.43
"""D's on real images in the winner of the chest X-rays; 1 in relativistic hinge."""
MARGIN_SEED, MARGIN_SEEDS, MARGIN_TUNING = 7901, 24, 2
MARGIN_ARMS = (RELATIVISTIC_HINGE, "the winner", "with the margin on real images", "with the margin on all images")
JOINT_SEED, JOINT_SEEDS, JOINT_TUNING = 7701, 12, 2


def with_margins(real: float, fake: float) -> str:
    """Relativistic hinge with other margins of D on real and on generated images, as an expression."""
    expressions = dict(LIBRARY[RELATIVISTIC_HINGE].formula.expressions)
    expressions["d_real"] = f"relu(sub({real}, sub(d, m)))"
    expressions["d_fake"] = f"relu(add({fake}, sub(d, m)))"
    return Formula.of("logit", expressions).text


def margin(folder: Path, workers: int | None) -> None:
    """Compare relativistic hinge, the winner of the chest X-rays, and the first with the margin of the second."""
    losses = [RELATIVISTIC_HINGE, str(winner("chest", folder)), with_margins(MARGIN, 1), with_margins(MARGIN, MARGIN)]
    compared(losses, data_set("chest"), folder / "chest-margin", MARGIN_SEED, MARGIN_SEEDS, MARGIN_TUNING, workers)


def margin_table(folder: Path) -> Iterator[str]:
    """Yield how relativistic hinge does with the margin of the winner of the chest X-rays, a line each."""
    if not (folder / "chest-margin").is_dir():
        return
    found = ended(folder / "chest-margin")
    yield "chest, margins of D"
    yield from compared_table(found, MARGIN_ARMS)


def margin_elsewhere(folder: Path, workers: int | None) -> None:
    """Compare relativistic hinge with and without the margin of chest X-rays on the sets of the joint search.

    Each has one pair of rates for all sets.
    """
    losses, rest = [RELATIVISTIC_HINGE, with_margins(MARGIN, 1)], (JOINT_SEED, JOINT_SEEDS, JOINT_TUNING, workers)
    compared(losses, JOINT_SEARCH.data, folder / f"{JOINT}-margin", *rest, space=JOINT_SEARCH.space)


def margin_elsewhere_table(folder: Path) -> Iterator[str]:
    """Yield how the margin does on the sets of the joint search, a line each."""
    if not (folder / f"{JOINT}-margin").is_dir():
        return
    found = ended(folder / f"{JOINT}-margin")
    yield "sets of the joint search, margin of D on real images"
    yield from compared_table(found, (RELATIVISTIC_HINGE, "with the margin on real images"))
