"""The winner of a set, chosen among finalists, and what may be claimed of it beside its rivals."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from scipy.stats import binomtest

from analysis.better_loss.plan import RIVALS, SETS, Search, Seeds, compared, data_set, ended, finished, searches
from ganetic.errors import UserError
from ganetic.evolution.selection import pick_card
from ganetic.loss.card import read_card, write_card
from ganetic.loss.equivalence import published_name
from ganetic.loss.fingerprint import fingerprint
from ganetic.studies.confirm import with_results
from ganetic.studies.formatting import interval, p_value
from ganetic.studies.ratios import Pair, Ratio, ratios

CHOOSING_SEEDS = (7101,)
"""Run seeds of the searches that the winner of a set is chosen from."""
SELECTED = 6
SELECTION_SEEDS = Seeds(7201, 12, 2)
CONFIRMATION_SEEDS = Seeds(7301, 60, 6)
CLAIM = 0.01
"""Largest p value, adjusted by Holm's procedure over sets and rivals, of what is called better."""
EQUAL = 1.05
"""Largest upper end of the 95 % interval against a set's best rival of what is called as good."""


def choosing(name: str) -> list[Search]:
    """The searches of a set that its winner is chosen from."""
    return [one for one in searches() if one.set == name and one.arm != "random" and one.seed in CHOOSING_SEEDS]


def is_searched(name: str, folder: Path) -> bool:
    """Whether all searches of a set that choose its winner are finished."""
    runs = finished(folder)
    return all(one in runs for one in choosing(name))


def finalists(name: str, folder: Path) -> list[Path]:
    """Write the cards of the finalists of a set that are compared, the best in their own finals first."""
    rows = [
        (float(row["fd"]), int(row["individual"]), run)
        for one, run in finished(folder).items()
        if one in choosing(name)
        for row in run.finals().to_dict("records")
        if not row["failed"]
    ]
    cards: dict[str, Path] = {}
    for _, number, run in sorted(rows, key=lambda row: row[0]):
        card = pick_card(run, str(number))
        key = fingerprint(card.formula)
        if key not in cards and not published_name(card.formula) and len(cards) < SELECTED:
            cards[key] = folder / f"{name}-{run.directory.name.removeprefix(f'{name}-')}-{number}.json"
            write_card(card, cards[key])
    return [*cards.values()]


def select(name: str, folder: Path, workers: int | None) -> None:
    """Compare the best finalists of a set."""
    cards = [str(card) for card in finalists(name, folder)]
    compared(cards, data_set(name), folder / f"{name}-selection", SELECTION_SEEDS, workers)


def winner(name: str, folder: Path) -> Path:
    """The card of the winner of a set: the lowest fd of those selected that failed on no seed.

    Raises:
        UserError: the selection has not ended, or each of them failed.
    """
    selection = ended(folder / f"{name}-selection")
    texts = {loss.name: loss.text for loss in selection.settings.losses}  # arms of one seed share names
    for one in selection.summaries():
        if not one.failed:
            return next(card for card in finalists(name, folder) if read_card(card).formula.text == texts[one.loss])
    raise UserError(f"{folder}: each of the losses selected on {name} failed on a seed; there is no winner")


def confirm(name: str, folder: Path, workers: int | None) -> None:
    """Compare the winner of a set with its rivals."""
    losses = [str(winner(name, folder)), *RIVALS]
    compared(losses, data_set(name), folder / f"{name}-confirmation", CONFIRMATION_SEEDS, workers)


def winner_cards(folder: Path) -> Iterator[str]:
    """Write the card of each winner with what its confirmation measured of it and of its rivals, and yield its path."""
    for name in SETS:
        if (folder / f"{name}-confirmation").is_dir():
            yield measured_card(winner(name, folder), folder / f"{name}-confirmation")


def measured_card(found: Path, comparison: Path) -> str:
    """Write a card again, by its own name, with what a comparison beside it measured of all its losses; its path."""
    card = with_results(read_card(found), ended(comparison))
    path = comparison.parent / f"{card.name}.json"
    write_card(card, path)
    return str(path)


def family(folder: Path) -> list[Ratio]:
    """The winner over each rival on each set that is confirmed, as one family."""
    tables, failed = {}, {}
    for name in SETS:
        place = folder / f"{name}-confirmation"
        if not place.is_dir():
            continue
        comparison = ended(place)
        own, runs = comparison.settings.names[0], comparison.runs()
        runs["untrained"] = runs["state"] != "completed"
        tables[name], failed[name] = (
            runs.pivot(index="seed", columns="loss", values=values).rename(columns={own: "winner"})
            for values in ("counted_fd", "untrained")
        )
    return ratios(tables, [Pair("winner", rival) for rival in RIVALS], failed)


def tables(folder: Path) -> Iterator[str]:
    """Yield what was found, and what may be claimed, a line each."""
    found = family(folder)
    yield f"{'set':10} {'winner over':20} {'ratio':>6} {'95 % interval':>14} {'Holm p':>8}  would have been found"
    for one in found:
        ends = interval(one.low, one.high)
        sides = f"{one.ratio:6.3f} {ends:>14} {p_value(one.holm_p):>8}"
        yield f"{one.proxy:10} {one.second:20} {sides}  {one.detectable:.3f}"
    names = list(dict.fromkeys(one.proxy for one in found))
    for name in names:
        own = [one for one in found if one.proxy == name]
        is_better = all(one.ratio < 1 and one.holm_p < CLAIM for one in own)
        yield f"{name}: {'better than each rival' if is_better else 'not shown to be better than each rival'}"
    hardest = [max((one for one in found if one.proxy == name), key=lambda one: one.ratio) for name in names]
    if hardest:
        is_equal = all(one.high < EQUAL for one in hardest)
        yield f"as good everywhere: {'yes' if is_equal else 'not shown'}"
    yield from failures(folder)


def failures(folder: Path) -> Iterator[str]:
    """Yield how many trainings of each loss failed, over all sets, with exact intervals, a line each."""
    opened = [ended(place) for name in SETS if (place := folder / f"{name}-confirmation").is_dir()]
    runs = [one.runs().replace({"loss": {one.settings.names[0]: "winner"}}) for one in opened]
    if not runs:
        return
    for loss, own in pd.concat(runs).groupby("loss", sort=False):
        failed = int((own["state"] != "completed").sum())
        ends = binomtest(failed, len(own)).proportion_ci(0.95, method="exact")
        share = f"{100 * ends.low:.1f} to {100 * ends.high:.1f} %, 95 % exact"
        yield f"failed: {loss:20} {failed:3} of {len(own)} ({share})"
