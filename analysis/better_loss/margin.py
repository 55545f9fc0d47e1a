"""Relativistic hinge with the discriminator's margin that the winner of the chest X-rays has."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
from scipy.stats import gmean

from analysis.better_loss.confirmation import winner
from analysis.better_loss.plan import (
    COLOUR,
    JOINT,
    JOINT_SEARCH,
    RELATIVISTIC_HINGE,
    Seeds,
    compared,
    compared_table,
    data_set,
    ended,
)
from ganetic.loss.card import LossCard, Reference, Result, write_card
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.studies.confirm import results_of
from ganetic.studies.formatting import interval, p_value
from ganetic.studies.ratios import Pair, Ratio, ratios
from ganetic.training.rates import RateList

MARGIN = 3.43
"""D's on real images in the winner of the chest X-rays; 1 in relativistic hinge."""
CARD = f"{RELATIVISTIC_HINGE}-margin"
MARGIN_SEEDS = Seeds(7901, 24, 2)
MARGIN_ARMS = (RELATIVISTIC_HINGE, "the winner", "with the margin on real images", "with the margin on all images")
PAIR_ARMS = (RELATIVISTIC_HINGE, "with the margin on real images")
"""What the losses of a comparison are called: of `margin`, and of those of relativistic hinge and one more."""
ELSEWHERE_SEEDS = Seeds(7701, 12, 2)
ALONE_SEEDS = Seeds(7751, 30, 4)
SAME_RATES_SEEDS = Seeds(7751, 30, 1)
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
    """Compare relativistic hinge with and without the margin on one set after another, at rates for each set.

    Where the two have different rates, both are trained at those of the loss with the margin, too, on the same seeds.
    """
    losses = [RELATIVISTIC_HINGE, with_margins(MARGIN, 1)]
    for name, beta1s in ALONE.items():
        rates = RateList(learning_rates=ALONE_LEARNING_RATES, beta1s=beta1s)
        found = compared(losses, data_set(name), alone_in(folder, name), ALONE_SEEDS, workers, rates=rates)
        own, other = (loss.rates for loss in found.settings.losses)
        if other is not None and own != other:
            rates = RateList(learning_rates=(other.learning_rate,), beta1s=(other.beta1,))
            compared(losses, data_set(name), same_rates_in(folder, name), SAME_RATES_SEEDS, workers, rates=rates)


def margin_card(folder: Path) -> Iterator[str]:
    """Write the card of relativistic hinge with the margin, with what both did on each set, and yield its path.

    Relativistic hinge has the better of its rates there, too.
    """
    text, own, published = with_margins(MARGIN, 1), list[Result](), list[Result]()
    places = [(alone_in(folder, name), same_rates_in(folder, name)) for name in ALONE]
    for place, other in ((folder / "chest-margin", None), *places):
        found = ended(place)
        (name,) = (loss.name for loss in found.settings.losses if loss.text == text)
        own += results_of(found, name)
        rivals = results_of(found, RELATIVISTIC_HINGE)
        if other is not None and other.is_dir():
            rivals += results_of(ended(other), RELATIVISTIC_HINGE)
        published.append(min(rivals, key=lambda one: float(gmean(one.values))))
    references = [Reference(name=RELATIVISTIC_HINGE, results=tuple(published))]
    path = folder / f"{CARD}.json"
    write_card(LossCard.of(CARD, Formula.from_text(text), own, references), path)
    yield str(path)


def alone_in(folder: Path, name: str) -> Path:
    """Where the two are compared on a set, each at its own rates."""
    return folder / f"{name}-margin-alone"


def same_rates_in(folder: Path, name: str) -> Path:
    """Where the two are compared on a set at the rates of the loss with the margin."""
    return folder / f"{name}-margin-same-rates"


def margin_alone_table(folder: Path) -> Iterator[str]:
    """Yield how the margin does on one set after another, a line each, and all of them as one family of Holm's.

    Relativistic hinge counts at the better of its rates.
    """
    names = [name for name in ALONE if alone_in(folder, name).is_dir()]
    if not names:
        return
    yield "margin of D on real images, a set at a time"
    for name in names:
        runs = _alone_runs(folder, name)
        for (loss, rates), own in runs.groupby(["loss", "rates"], sort=False):
            fd, lost = gmean(own["counted_fd"]), int(own["untrained"].sum())
            yield f"  {name:10} {loss:30} rates {rates:10} fd {fd:.1f}, failed {lost}"
    for found in alone_ratios(folder, names):
        ends = f"{found.ratio:.3f} {interval(found.low, found.high)}, Holm p {p_value(found.holm_p)}"
        yield f"  {found.proxy:10} over relativistic hinge: {ends}, would have been found {found.detectable:.3f}"


def alone_ratios(folder: Path, names: Sequence[str]) -> list[Ratio]:
    """The margin over relativistic hinge at the better of its rates, on each of some sets, as one family."""
    counted = {name: alone_counted(folder, name) for name in names}
    tables, failed = (
        {name: runs.pivot(index="seed", columns="loss", values=values) for name, runs in counted.items()}
        for values in ("counted_fd", "untrained")
    )
    return ratios(tables, [Pair(*reversed(PAIR_ARMS))], failed)


def alone_counted(folder: Path, name: str) -> pd.DataFrame:
    """The trainings that count on a set, a row each: those of each loss at the better of its rates."""
    runs = _alone_runs(folder, name)
    best = set(runs.groupby(["loss", "rates"])["counted_fd"].agg(gmean).groupby("loss").idxmin())
    return runs[[pair in best for pair in zip(runs["loss"], runs["rates"], strict=True)]]


def _alone_runs(folder: Path, name: str) -> pd.DataFrame:
    """The trainings of both losses on a set, a row each; at the same rates relativistic hinge's alone are new."""
    found = ended(alone_in(folder, name))
    own, other = (loss.rates for loss in found.settings.losses)
    parts = [(found, [*PAIR_ARMS])]
    if own != other:
        parts.append((ended(same_rates_in(folder, name)), [RELATIVISTIC_HINGE]))
    rows = []
    for comparison, wanted in parts:
        arms = dict(zip(comparison.settings.names, PAIR_ARMS, strict=True))
        rates = {arms[loss.name]: loss.rates.short for loss in comparison.settings.losses if loss.rates is not None}
        runs = comparison.runs().replace({"loss": arms})
        runs["rates"], runs["untrained"] = runs["loss"].map(rates), runs["state"] != "completed"
        rows.append(runs[runs["loss"].isin(wanted)])
    return pd.concat(rows)
