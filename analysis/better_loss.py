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
    colour            the search on colour photographs, and what it found beside published losses
    tables            prints what may be claimed
"""

import argparse
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from scipy.stats import binomtest

from ganetic.errors import UserError, run_script
from ganetic.evolution.resources import Runtime
from ganetic.evolution.results import Run, open_run
from ganetic.evolution.search import resume, search
from ganetic.evolution.selection import pick_card
from ganetic.evolution.space import SearchSpace, load_space
from ganetic.loss.card import read_card, write_card
from ganetic.loss.equivalence import published_name
from ganetic.loss.fingerprint import fingerprint
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.report.progress.search import progress_on
from ganetic.report.progress.sentences import sentences_on
from ganetic.stats import mean_interval
from ganetic.studies.compare import Comparison, compare, open_comparison
from ganetic.studies.formatting import interval, p_value
from ganetic.studies.ratios import Pair, Ratio, ratios
from ganetic.training.rates import RateList
from ganetic.training.spec import PruningRule

SPACE = Path(__file__).with_suffix(".toml")
SETS = {
    "pneumonia": "npz:{}/pneumoniamnist28/pneumoniamnist28.npz",
    "chest": "npz:{}/chest_xray128/chest_xray128.npz?size=28",
}
JOINT = "joint"
JOINT_PROXIES = {"xray": None, "digits": "mnist5k", "histology": "histology"}
"""The proxies of the search on three sets together, and their data; None for that of the run."""
COLOUR = "colour"
DATA = SETS | {JOINT: SETS["pneumonia"], COLOUR: "npz:{}/cifar10_10k/cifar10_10k.npz"}
"""The data set of a run, by the set of its search."""
SEEDS = (7101, 7102, 7103)
CANDIDATES = 20
RELATIVISTIC_HINGE = "relativistic-hinge"
RIVALS = ("bce", "hinge", "lsgan", RELATIVISTIC_HINGE, "ganetic")
RATES = RateList(learning_rates=(5e-4, 1e-3, 2e-3), beta1s=(0.0, 0.5))
REFERENCE_RUNS = Path(__file__).parents[1] / "runs" / "reference"
CHOOSING_SEEDS = (7101,)
"""Run seeds of the searches that the winner of a set is chosen from."""
SELECTED, SELECTION_SEED, SELECTION_SEEDS, SELECTION_TUNING = 6, 7201, 12, 2
CONFIRMATION_SEED, CONFIRMATION_SEEDS, CONFIRMATION_TUNING = 7301, 60, 6
DIGITS_SEED = 7501
R1_SEED, R1_SEEDS, R1_TUNING = 7601, 12, 2
R1_WEIGHTS = (0.1, 1.0, 10.0)
R1_LOWER = 0.03
"""Added for all losses of a set where the lowest of the weights is best for one of them."""
R1_RIVALS = ("bce", RELATIVISTIC_HINGE)
JOINT_SEED, JOINT_SEEDS, JOINT_TUNING = 7701, 12, 2
MARGIN_SEED, MARGIN_SEEDS, MARGIN_TUNING = 7901, 24, 2
MARGIN = 3.43
"""D's on real images in the winner of the chest X-rays; 1 in relativistic hinge."""
COLOUR_SEED, COLOUR_SEEDS, COLOUR_TUNING = 7851, 24, 2
COLOUR_ARMS = ("the found loss", "with the margin on real images", RELATIVISTIC_HINGE, "bce")
COLOUR_RULES = {100: 0.85, 200: 0.6}
MARGIN_ARMS = (RELATIVISTIC_HINGE, "the winner", "with the margin on real images", "with the margin on all images")
CLAIM = 0.01
"""Largest p value, adjusted by Holm's procedure over sets and rivals, of what is called better."""
EQUAL = 1.05
"""Largest upper end of the 95 % interval against a set's best rival of what is called as good."""
TRIALS = {"plain": 150, "neighbours": 100, "random": 150}
JOINT_INDIVIDUALS = 120
"""Of the search on three sets together, each of which trains once on each of them."""


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
        space = space.model_copy(update={"evolution": space.evolution.model_copy(update={"candidates": candidates})})
        changed = {JOINT: with_joint_proxies, COLOUR: with_rules_for_colour}
        return changed[self.set](space) if self.set in changed else space

    @property
    def data(self) -> str:
        """The data set of the run."""
        return DATA[self.set].format(os.environ["GANETIC_DATA"])

    @property
    def trials(self) -> int:
        """Trainings before the finals."""
        return JOINT_INDIVIDUALS * len(JOINT_PROXIES) if self.set == JOINT else TRIALS[self.arm]


JOINT_SEARCH = Search(JOINT, "neighbours", SEEDS[0])
COLOUR_SEARCH = Search(COLOUR, "neighbours", SEEDS[0])


def with_joint_proxies(space: SearchSpace) -> SearchSpace:
    """The space with its one proxy on each of three sets."""
    (proxy,) = space.proxies
    proxies = tuple(proxy.model_copy(update={"name": name, "data": data}) for name, data in JOINT_PROXIES.items())
    return space.model_copy(update={"name": f"{space.name}-{JOINT}", "proxies": proxies})


def with_rules_for_colour(space: SearchSpace) -> SearchSpace:
    """The space with its steps of stopping, which are passed at a higher fd: photographs are learnt more slowly.

    The six losses of `analysis/fitness_journals` stand at .77 and .51 at most there, three seeds each.
    """
    kill = tuple(PruningRule(step=step, above=above) for step, above in COLOUR_RULES.items())
    return space.model_copy(update={"name": f"{space.name}-{COLOUR}", "kill": kill})


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
    runtime = Runtime(workers, max_trials=one.trials)
    directory = folder / one.name
    screen = Console(stderr=True)
    with sentences_on(screen), progress_on(screen) as callback:
        if not (directory / "journal.db").exists():
            search(one.space, one.data, directory, one.seed, runtime, callback)
        elif open_run(directory).status_when_idle != "finished":
            resume(directory, Runtime(workers), callback)


def finished(folder: Path) -> dict[Search, Run]:
    """The runs of the plan that are finished."""
    runs = {one: folder / one.name for one in searches()}
    opened = {one: open_run(path) for one, path in runs.items() if (path / "journal.db").exists()}
    return {one: run for one, run in opened.items() if run.status_when_idle == "finished"}


def compared(
    losses: Sequence[str],
    data: str,
    directory: Path,
    seed: int,
    seeds: int,
    tuning: int,
    workers: int | None,
    r1: float = 0.0,
    space: SearchSpace | None = None,
    reference: str | None = None,
) -> Comparison:
    """Losses at their own best rates, on the proxy of the plan or those of another space, or on the same with R1.

    Without a reference they are compared with that of `ganetic compare`.
    """
    screen, space = Console(stderr=True), space or load_space(SPACE)
    proxies = tuple(proxy.model_copy(update={"r1": r1}) for proxy in space.proxies)
    with sentences_on(screen), progress_on(screen) as callback:
        return compare(
            losses,
            data,
            seeds=seeds,
            space=space.model_copy(update={"proxies": proxies}),
            directory=directory,
            runtime=Runtime(workers),
            callback=callback,
            rates=RATES,
            tuning_seeds=tuning,
            seed=seed,
            reference=reference,
        )


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


def compared_table(found: Comparison, arms: Sequence[str]) -> Iterator[str]:
    """Yield how each loss of a comparison does, and how they differ, a line each.

    Args:
        found: all of whose trainings have ended.
        arms: what its losses are called, in its order.
    """
    names = dict(zip(found.settings.names, arms, strict=True))
    is_joint = found.summary()["proxy"].nunique() > 1
    for row in found.summary().to_dict("records"):
        rates = f"{row['learning_rate']:g}, {row['beta1']:g}"
        own = f"fd {row['geometric_mean']:.1f}, instability {row['instability']:.2f}, failed {row['failed']}"
        place = f"{row['proxy']:10} " if is_joint else ""
        yield f"  {place}{names[row['loss']]:30} rates {rates:10} {own}"
    for one in found.differences().to_dict("records"):
        sides = f"{names[one['first']]} over {names[one['second']]}"
        ends = f"{one['ratio']:.3f} {interval(one['low'], one['high'])}, Holm p {p_value(one['holm_p'])}"
        place = f"{one['proxy']:10} " if is_joint else ""
        yield f"  {place}{sides}: {ends}, would have been found {one['detectable']:.3f}"


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
    rest = (COLOUR_SEED, COLOUR_SEEDS, COLOUR_TUNING, workers)
    compared(losses, COLOUR_SEARCH.data, folder / f"{COLOUR}-check", *rest, reference=RELATIVISTIC_HINGE)


def colour_table(folder: Path) -> Iterator[str]:
    """Yield how what was found on photographs does beside published losses, a line each."""
    if (folder / f"{COLOUR}-check").is_dir():
        yield "photographs"
        yield from compared_table(ended(folder / f"{COLOUR}-check"), COLOUR_ARMS)


def digits(folder: Path, workers: int | None) -> None:
    """Do the order of the published losses on digits, and the old winners, stand at each loss's own rates?"""
    winners = [str(REFERENCE_RUNS / name / "best.json") for name in ("paper", "logit")]
    found = compared(
        [*RIVALS, *winners], "mnist5k", folder / "digits", DIGITS_SEED, SELECTION_SEEDS, SELECTION_TUNING, workers
    )
    print(found.summary().to_string())


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
    data = SETS[name].format(os.environ["GANETIC_DATA"])
    compared(cards, data, folder / f"{name}-selection", SELECTION_SEED, SELECTION_SEEDS, SELECTION_TUNING, workers)


def ended(directory: Path) -> Comparison:
    """A comparison of the plan, all of whose trainings have ended: a part of its seeds chooses and claims nothing.

    Raises:
        UserError: there is no such comparison, or it has trainings that have not ended.
    """
    comparison = open_comparison(directory)
    if not comparison.finished:
        count = f"{comparison.ended} of {comparison.total} trainings have ended"
        raise UserError(f"{directory}: {count}; nothing is read from it before all have; run its step again")
    return comparison


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
    data = SETS[name].format(os.environ["GANETIC_DATA"])
    rest = (CONFIRMATION_SEED, CONFIRMATION_SEEDS, CONFIRMATION_TUNING, workers)
    compared(losses, data, folder / f"{name}-confirmation", *rest)


def penalised(name: str, folder: Path, workers: int | None) -> None:
    """Compare the winner of a set with BCE and relativistic hinge, all with R1, at each of the weights."""
    losses = [str(winner(name, folder)), *R1_RIVALS]
    data = SETS[name].format(os.environ["GANETIC_DATA"])

    def at(weight: float) -> Comparison:
        rest = (R1_SEED, R1_SEEDS, R1_TUNING, workers, weight)
        return compared(losses, data, folder / f"{name}-r1-{weight:g}", *rest)

    made = {weight: at(weight) for weight in R1_WEIGHTS}
    if min(R1_WEIGHTS) in best_weights(made).values():
        at(R1_LOWER)


def best_weights(made: dict[float, Comparison]) -> dict[str, float]:
    """The weight of R1 at which each loss has its lowest fd on the tuning seeds."""
    losses = next(iter(made.values())).settings.names
    return {loss: min(made, key=lambda weight: tuned_fd(made[weight], loss)) for loss in losses}


def margin(folder: Path, workers: int | None) -> None:
    """Compare relativistic hinge, the winner of the chest X-rays, and the first with the margin of the second."""
    losses = [RELATIVISTIC_HINGE, str(winner("chest", folder)), with_margins(MARGIN, 1), with_margins(MARGIN, MARGIN)]
    data = SETS["chest"].format(os.environ["GANETIC_DATA"])
    compared(losses, data, folder / "chest-margin", MARGIN_SEED, MARGIN_SEEDS, MARGIN_TUNING, workers)


def margin_table(folder: Path) -> Iterator[str]:
    """Yield how relativistic hinge does with the margin of the winner of the chest X-rays, a line each."""
    if not (folder / "chest-margin").is_dir():
        return
    found = ended(folder / "chest-margin")
    yield "chest, margins of D"
    yield from compared_table(found, MARGIN_ARMS)


def with_margins(real: float, fake: float) -> str:
    """Relativistic hinge with other margins of D on real and on generated images, as an expression."""
    expressions = dict(LIBRARY[RELATIVISTIC_HINGE].formula.expressions)
    expressions["d_real"] = f"relu(sub({real}, sub(d, m)))"
    expressions["d_fake"] = f"relu(add({fake}, sub(d, m)))"
    return Formula.of("logit", expressions).text


def penalised_tables(folder: Path) -> Iterator[str]:
    """Yield the losses with R1, each at the weight and the rates that the tuning seeds choose, a line each."""
    for name in SETS:
        directories = {weight: folder / f"{name}-r1-{weight:g}" for weight in (R1_LOWER, *R1_WEIGHTS)}
        if not all(directories[weight].is_dir() for weight in R1_WEIGHTS):
            continue
        opened = {weight: ended(directory) for weight, directory in directories.items() if directory.is_dir()}
        losses = next(iter(opened.values())).settings.names
        chosen = best_weights(opened)
        runs = {loss: opened[weight].runs() for loss, weight in chosen.items()}
        runs = {loss: own[own["loss"] == loss] for loss, own in runs.items()}
        table = pd.DataFrame({loss: own.set_index("seed")["counted_fd"] for loss, own in runs.items()})
        failed = pd.DataFrame({loss: own.set_index("seed")["state"] != "completed" for loss, own in runs.items()})
        yield f"{name}, with R1"
        for loss, weight in chosen.items():
            own = opened[weight].summary().set_index("loss").loc[loss]
            rates = f"{own['learning_rate']:g}, {own['beta1']:g}"
            found = f"fd {own['geometric_mean']:.0f}, failed {own['failed']}"
            yield f"  {loss:20} weight {weight:4g}  rates {rates:10} {found}"
        for one in ratios({name: table}, [Pair(losses[0], rival) for rival in R1_RIVALS], {name: failed}):
            yield f"  over {one.second:15} {one.ratio:6.3f} {interval(one.low, one.high)}, Holm p {p_value(one.holm_p)}"


def tuned_fd(comparison: Comparison, loss: str) -> float:
    """The lowest fd of a loss over its rates on the tuning seeds."""
    tuning = comparison.tuning()
    return float(tuning[tuning["loss"] == loss]["geometric_mean"].min())


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


PRINTED = {
    "neighbours": (neighbours, random_table),
    "tables": (tables, penalised_tables, margin_table, margin_elsewhere_table, colour_table),
}
"""What the steps print that train nothing."""


def main() -> None:
    """Search, or print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    steps = (
        "digits",
        "search",
        "joint",
        "neighbours",
        "select",
        "confirm",
        "r1",
        "margin",
        "margin-elsewhere",
        "colour",
        "tables",
    )
    parser.add_argument("step", choices=steps)
    parser.add_argument("folder", type=Path, help="where the runs are, or will be")
    parser.add_argument("--workers", type=int, help="trials at once; by default one a core")
    parser.add_argument("--set", choices=SETS, help="select, confirm, r1: on this set alone; by default on each")
    given = parser.parse_args()
    if given.step in PRINTED:
        print("\n".join(line for part in PRINTED[given.step] for line in part(given.folder)))
        return
    if given.step == "digits":
        digits(given.folder, given.workers)
        return
    if not os.environ.get("GANETIC_DATA"):
        raise UserError("GANETIC_DATA is not set; expected the folder of pneumoniamnist28 and chest_xray128")
    if given.step in ("search", "joint"):
        for one in searches() if given.step == "search" else [JOINT_SEARCH]:
            make(one, given.folder, given.workers)
        return
    alone = {"margin": margin, "margin-elsewhere": margin_elsewhere, "colour": colour}
    if given.step in alone:
        alone[given.step](given.folder, given.workers)
        return
    for name in SETS if given.set is None else [given.set]:
        if is_searched(name, given.folder):
            {"select": select, "confirm": confirm, "r1": penalised}[given.step](name, given.folder, given.workers)


if __name__ == "__main__":
    run_script(main)
