"""Relativistic hinge with the discriminator's margin that the winner of the chest X-rays has."""

from collections.abc import Iterator
from pathlib import Path

from analysis.better_loss.confirmation import winner
from analysis.better_loss.plan import (
    COLOUR,
    DATA,
    JOINT,
    JOINT_SEARCH,
    RELATIVISTIC_HINGE,
    Seeds,
    compared,
    compared_table,
    data_set,
    ended,
    fd_of,
)
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.studies.formatting import interval, p_value
from ganetic.studies.ratios import Pair, ratios
from ganetic.training.rates import RateList

MARGIN = 3.43
"""D's on real images in the winner of the chest X-rays; 1 in relativistic hinge."""
MARGIN_SEEDS = Seeds(7901, 24, 2)
MARGIN_ARMS = (RELATIVISTIC_HINGE, "the winner", "with the margin on real images", "with the margin on all images")
PAIR_ARMS = (RELATIVISTIC_HINGE, "with the margin on real images")
"""What the losses of a comparison are called: of `margin`, and of those of relativistic hinge and one more."""
ELSEWHERE_SEEDS = Seeds(7701, 12, 2)
ALONE_SEEDS = Seeds(7751, 30, 4)
ALONE_LEARNING_RATES = (1e-3, 2e-3, 4e-3)
ALONE = {"pneumonia": (0.0,), "mnist5k": (0.0,), "histology": (0.0,), COLOUR: (0.0, 0.5)}
"""Sets, none of which had a say in the margin, and the β₁ of their lists."""


def with_margins(real: float, fake: float) -> str:
    """Relativistic hinge with other margins of D on real and on generated images, as an expression."""
    expressions = dict(LIBRARY[RELATIVISTIC_HINGE].formula.expressions)
    expressions["d_real"] = f"relu(sub({real}, sub(d, m)))"
    expressions["d_fake"] = f"relu(add({fake}, sub(d, m)))"
    return Formula.of("logit", expressions).text


def margin(folder: Path, workers: int | None) -> None:
    """Compare relativistic hinge, the winner of the chest X-rays, and the first with the margin of the second."""
    losses = [RELATIVISTIC_HINGE, str(winner("chest", folder)), with_margins(MARGIN, 1), with_margins(MARGIN, MARGIN)]
    compared(losses, data_set("chest"), folder / "chest-margin", MARGIN_SEEDS, workers)


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
    losses, place = [RELATIVISTIC_HINGE, with_margins(MARGIN, 1)], folder / f"{JOINT}-margin"
    compared(losses, JOINT_SEARCH.data, place, ELSEWHERE_SEEDS, workers, space=JOINT_SEARCH.space)


def margin_elsewhere_table(folder: Path) -> Iterator[str]:
    """Yield how the margin does on the sets of the joint search, a line each."""
    if not (folder / f"{JOINT}-margin").is_dir():
        return
    found = ended(folder / f"{JOINT}-margin")
    yield "sets of the joint search, margin of D on real images"
    yield from compared_table(found, PAIR_ARMS)


def margin_alone(folder: Path, workers: int | None) -> None:
    """Compare relativistic hinge with and without the margin on one set after another, at rates for each set."""
    losses = [RELATIVISTIC_HINGE, with_margins(MARGIN, 1)]
    for name, beta1s in ALONE.items():
        data = data_set(name) if name in DATA else name
        rates = RateList(learning_rates=ALONE_LEARNING_RATES, beta1s=beta1s)
        compared(losses, data, folder / f"{name}-margin-alone", ALONE_SEEDS, workers, rates=rates)


def margin_alone_table(folder: Path) -> Iterator[str]:
    """Yield how the margin does on one set after another, a line each, and all of them as one family of Holm's."""
    opened = {name: ended(place) for name in ALONE if (place := folder / f"{name}-margin-alone").is_dir()}
    if not opened:
        return
    yield "margin of D on real images, a set at a time"
    tables, failed = {}, {}
    for name, one in opened.items():
        names = dict(zip(one.settings.names, PAIR_ARMS, strict=True))
        for row in one.summary().to_dict("records"):
            yield f"  {name:10} {names[row['loss']]:30} {fd_of(row)}"
        runs = one.runs().replace({"loss": names})
        runs["untrained"] = runs["state"] != "completed"
        tables[name], failed[name] = (
            runs.pivot(index="seed", columns="loss", values=values) for values in ("counted_fd", "untrained")
        )
    for found in ratios(tables, [Pair(*reversed(PAIR_ARMS))], failed):
        ends = f"{found.ratio:.3f} {interval(found.low, found.high)}, Holm p {p_value(found.holm_p)}"
        yield f"  {found.proxy:10} over relativistic hinge: {ends}, would have been found {found.detectable:.3f}"
