"""The searches of the plan, their sets and rivals, and comparisons of losses on them."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from ganetic.errors import UserError
from ganetic.evolution.resources import Runtime
from ganetic.evolution.results import Run, open_run
from ganetic.evolution.search import resume, search
from ganetic.evolution.space import SearchSpace, load_space
from ganetic.report.progress.search import progress_on
from ganetic.report.progress.sentences import sentences_on
from ganetic.studies.compare import Comparison, compare, open_comparison
from ganetic.studies.formatting import interval, p_value
from ganetic.training.rates import RateList
from ganetic.training.spec import PruningRule

SPACE = Path(__file__).parents[1] / "better_loss.toml"
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
COLOUR_RULES = {100: 0.85, 200: 0.6}
SEEDS = (7101, 7102, 7103)
CANDIDATES = 20
TRIALS = {"plain": 150, "neighbours": 100, "random": 150}
JOINT_INDIVIDUALS = 120
"""Of the search on three sets together, each of which trains once on each of them."""
RELATIVISTIC_HINGE = "relativistic-hinge"
RIVALS = ("bce", "hinge", "lsgan", RELATIVISTIC_HINGE, "ganetic")
RATES = RateList(learning_rates=(5e-4, 1e-3, 2e-3), beta1s=(0.0, 0.5))
REFERENCE_RUNS = Path(__file__).parents[2] / "runs" / "reference"


@dataclass(frozen=True)
class Seeds:
    """The seeds of a comparison: they follow from a run seed, which no other step has."""

    run: int
    compared: int
    """How many there are to compare on."""
    tuning: int
    """How many there are, besides, to choose the rates of each loss on."""


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
        return data_set(self.set)

    @property
    def trials(self) -> int:
        """Trainings before the finals."""
        return JOINT_INDIVIDUALS * len(JOINT_PROXIES) if self.set == JOINT else TRIALS[self.arm]


def data_set(name: str) -> str:
    """The data set of a set of the plan; one that comes with the package goes by its own name.

    Raises:
        UserError: the variable that names the folder of the others is not there.
    """
    if name not in DATA:
        return name
    if not (folder := os.environ.get("GANETIC_DATA")):
        raise UserError(
            "GANETIC_DATA is not set; expected the folder of pneumoniamnist28, chest_xray128 and cifar10_10k"
        )
    return DATA[name].format(folder)


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


JOINT_SEARCH = Search(JOINT, "neighbours", SEEDS[0])
COLOUR_SEARCH = Search(COLOUR, "neighbours", SEEDS[0])


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
    seeds: Seeds,
    workers: int | None,
    *,
    r1: float = 0.0,
    space: SearchSpace | None = None,
    reference: str | None = None,
    rates: RateList = RATES,
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
            seeds=seeds.compared,
            space=space.model_copy(update={"proxies": proxies}),
            directory=directory,
            runtime=Runtime(workers),
            callback=callback,
            rates=rates,
            tuning_seeds=seeds.tuning,
            seed=seeds.run,
            reference=reference,
        )


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


def compared_table(found: Comparison, arms: Sequence[str]) -> Iterator[str]:
    """Yield how each loss of a comparison does, and how they differ, a line each.

    Args:
        found: all of whose trainings have ended.
        arms: what its losses are called, in its order.
    """
    names = dict(zip(found.settings.names, arms, strict=True))
    is_joint = found.summary()["proxy"].nunique() > 1
    for row in found.summary().to_dict("records"):
        place = f"{row['proxy']:10} " if is_joint else ""
        rates = f"{row['learning_rate']:g}, {row['beta1']:g}"
        own = f"fd {row['geometric_mean']:.1f}, instability {row['instability']:.2f}, failed {row['failed']}"
        yield f"  {place}{names[row['loss']]:30} rates {rates:10} {own}"
    for one in found.differences().to_dict("records"):
        sides = f"{names[one['first']]} over {names[one['second']]}"
        ends = f"{one['ratio']:.3f} {interval(one['low'], one['high'])}, Holm p {p_value(one['holm_p'])}"
        place = f"{one['proxy']:10} " if is_joint else ""
        yield f"  {place}{sides}: {ends}, would have been found {one['detectable']:.3f}"
