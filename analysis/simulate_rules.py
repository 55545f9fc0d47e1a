"""Tries rules for stopping, climbing and finals on the bank of losses: a thousand searches each, without training.

    python -m analysis.simulate_rules [BANK] [--searches N] [--workers N] [--only close] [--keep]

BANK is the name of a shipped bank, or a file. Rules at steps at which it measured nothing are left out.

Kill rules are judged on the recorded trainings themselves. Searches are simulated in worlds drawn from the bank
(`analysis.bank_worlds`), by the rules of the real search (`analysis.bank_search`): losses arrive in an
order that nothing influences, so that what better parents would bring is left out. All policies of a table search the
same worlds with the same budget in training steps, finals included; the bank's longest training stands for every longer
one. The columns:

    losses   tried, of which the truly best one is to be found
    top 3    how often it ends among the first three, with a 95 % interval
    wins     how often it ends first
    regret   how much larger the winner's true fd is than the best one's, in %: median, 10th to 90th percentile
    fd       the winner's true fd, geometric mean: what counts in the end, as more losses tried mean a better best one
    front    how much of the true front the first five cover, in %: hypervolume of (true ln fd, true instability) below
             the front's nadir, over that of all losses tried
"""

import argparse
import io
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, spearmanr

from analysis.bank_search import Outcome, Policy, Stage, Trials, search
from analysis.bank_worlds import Model, World
from ganetic.errors import run_script
from ganetic.evolution.nsga2 import Objectives, fronts, hypervolume
from ganetic.evolution.space import Rung
from ganetic.files import write_whole
from ganetic.stats import mean_interval
from ganetic.studies.bank import Bank, bank
from ganetic.training.spec import PruningRule

PAGES = {"mnist5k": Path(__file__).with_suffix(".md")}
"""Where what is printed of a bank is kept, if not in ``simulate_rules_BANK.md``."""
BEGIN, END = "<!-- printed -->", "<!-- end -->"
SEARCHES = 1000
BUDGET = 80_000
"""Steps: 200 trials to the end."""
LONG_BUDGET = 200_000
XRAY_BUDGET = 72_000
"""Steps: 180 trials to the end, about as many as a search of `analysis/better_loss` takes with its finals."""
TRUTH_TRAININGS = 20
"""Of each loss, which no search sees: they tell its true instability."""
COVERING = 5
"""Finalists who are held against the true front."""
NADIR_MARGIN = 0.1
"""The front's nadir is moved away by this share of the front's extent, so that its ends count, too."""
STEPS_A_LOSS = 150
"""No policy spends less on a loss, so that no world runs out of losses."""
FULL = 400
GAPS = (0.05, 0.1, 0.2)
KILL = (PruningRule(step=100, above=0.85), PruningRule(step=200, above=0.4))
RANKED_AT = (100, 200, 300, 400)
CHUNK = 20
Shares = dict[int, float]
"""A rule for each of some steps: above which share of the untrained generator's distance a training is stopped."""


def rules_at(shares: Shares) -> tuple[PruningRule, ...]:
    """The rules of these steps."""
    return tuple(PruningRule(step=step, above=above) for step, above in shares.items())


@dataclass(frozen=True)
class Rules:
    """Which rules are tried on a bank.

    Attributes:
        kill: those of the simulated searches.
        single: (step, shares): rules that stand alone.
        several: rules that stand together.
    """

    kill: tuple[PruningRule, ...] = KILL
    single: tuple[tuple[int, tuple[float, ...]], ...] = (
        (50, (0.7, 0.8, 0.9, 1.0)),
        (100, (0.5, 0.6, 0.7, 0.85)),
        (150, (0.4, 0.5, 0.6)),
        (200, (0.33, 0.4, 0.5)),
    )
    several: tuple[Shares, ...] = (
        {100: 0.85, 200: 0.4},
        {100: 0.7, 200: 0.4},
        {100: 0.6, 200: 0.4},
        {100: 0.6, 200: 0.33},
        {50: 0.9, 100: 0.7, 200: 0.4},
        {50: 0.8, 100: 0.6, 200: 0.4},
    )


XRAYS = Rules(
    kill=rules_at({100: 0.45, 200: 0.3}),  # those of analysis/better_loss.toml
    single=((100, (0.2, 0.25, 0.3, 0.45, 0.7)), (200, (0.12, 0.16, 0.2, 0.3, 0.4)), (300, (0.1, 0.15, 0.2))),
    several=({100: 0.85, 200: 0.4}, {100: 0.45, 200: 0.3}, {100: 0.3, 200: 0.2}, {100: 0.25, 200: 0.16}),
)


def rules_of(bank: Bank) -> Rules:
    """What is tried on this bank: on X-rays all trainings get much further from the start than on digits."""
    return XRAYS if str(bank.about["data"]).startswith("pneumonia") else Rules()


def ladder(*seeds: int, steps: int = FULL) -> tuple[Rung, ...]:
    """Rungs of equal steps and more and more seeds."""
    return tuple(Rung(steps=steps, seeds=count) for count in seeds)


def stages(*sizes: tuple[int, int]) -> tuple[Stage, ...]:
    """Finals in stages, each a number of losses and of seeds that they have had at its end."""
    return tuple(Stage(losses, seeds) for losses, seeds in sizes)


ONE_SEED = Policy("one seed each, the best wins", ladder(1), finals=(), by="fd")
KILLING = replace(ONE_SEED, name="the same with kill rules", kill=KILL)
FLAT = replace(KILLING, name="and with finals 5x5", finals=stages((5, 5)))
WIDE = replace(KILLING, name="or with finals 10x5", finals=stages((10, 5)))
QUICK = Policy("rungs 1-3 seeds, 1 in 3; finals 3x3", ladder(1, 3), 3.0, KILL, stages((3, 3)))
PAPER = Policy("rungs 1-3-5, 1 in 4; finals 5x5", ladder(1, 3, 5), 4.0, KILL)
RACING = Policy("rungs 1-2-3-5-8, 1 in 2; finals 5x5", ladder(1, 2, 3, 5, 8), 2.0, KILL)


def spending(seeds: tuple[int, ...], reduction: float, *finals: tuple[int, int]) -> list[Policy]:
    """Policies of these rungs, each with one of the finals (losses, seeds)."""
    rungs = "-".join(map(str, seeds))
    climb = f", 1 in {reduction:g}" if len(seeds) > 1 else ""
    return [
        Policy(f"{rungs}{climb}; finals {losses}x{each}", ladder(*seeds), reduction, KILL, stages((losses, each)))
        for losses, each in finals
    ]


XRAY = spending((1, 3), 4.0, (4, 3))[0]
"""That of `analysis/better_loss.toml`."""
SPENDING = [
    XRAY,
    *spending((1, 3), 4.0, (4, 6), (4, 12), (8, 3), (8, 6), (8, 12), (12, 6)),
    *spending((1, 3), 2.0, (4, 3), (4, 6)),
    *spending((1, 3), 8.0, (4, 3), (8, 6)),
    *spending((1, 3, 5), 4.0, (4, 3), (4, 6)),
    *spending((1, 3, 9), 3.0, (4, 3), (4, 6), (8, 6)),
    *spending((1,), 4.0, (4, 3), (10, 5), (16, 4)),
]
PLANTED = [
    XRAY,
    *spending((1, 3), 4.0, (4, 6), (8, 6)),
    *spending((1, 3, 5), 4.0, (4, 6)),
    *spending((1, 3, 9), 3.0, (4, 6)),
    *spending((1,), 4.0, (10, 5)),
]


def kill_rules(bank: Bank) -> None:
    """How much each rule saves, and whom it stops wrongly; the last by margins on the worst published training."""
    table = bank.losses
    viable = table["viable"].to_numpy(dtype=bool)
    good = viable & (table["fd"] <= table["fd"][viable].quantile(1 / 3)).to_numpy(dtype=bool)
    weights = bank.recorded / bank.recorded.sum(axis=1, keepdims=True)
    print(f"{'rule':34}{'steps saved':>12}{'dead':>8}{'viable':>9}{'best third':>12}")
    measured = set(bank.steps.tolist())
    for name, rules in (*named(fixed_rules(rules_of(bank))), *library_rules(bank)):
        if not {rule.step for rule in rules} <= measured:
            continue
        cost = np.full(bank.recorded.shape, float(bank.steps[-1]))
        for rule in sorted(rules, key=lambda rule: -rule.step):
            at = bank.steps.tolist().index(rule.step)
            cost[bank.fd[:, :, at] > rule.above * bank.fd[:, :, 0]] = rule.step
        stopped = ((cost < bank.steps[-1]) * weights).sum(axis=1)
        saved = 1 - (cost * weights).sum(axis=1).mean() / bank.steps[-1]
        shares = (stopped[~viable].mean(), stopped[viable].mean(), stopped[good].mean())
        print(f"{name:34}{saved:12.0%}{shares[0]:8.0%}{shares[1]:9.1%}{shares[2]:12.1%}")


def fixed_rules(tried: Rules) -> Iterator[tuple[PruningRule, ...]]:
    """Single rules, and some at several steps."""
    for step, shares in tried.single:
        yield from (rules_at({step: above}) for above in shares)
    yield from map(rules_at, tried.several)


def named(several: Iterable[tuple[PruningRule, ...]]) -> Iterator[tuple[str, tuple[PruningRule, ...]]]:
    """Rules with a text for tables."""
    for rules in several:
        yield ", ".join(f"{rule.step}: > {rule.above:.2g}" for rule in rules), rules


def library_rules(bank: Bank) -> Iterator[tuple[str, tuple[PruningRule, ...]]]:
    """Rules that follow from the worst training of the published losses that work."""
    works = ((bank.losses["origin"] == "library") & (bank.losses["failed"] == 0)).to_numpy(dtype=bool)
    shares, steps = bank.fd[works] / bank.fd[works][:, :, :1], bank.steps.tolist()
    for margin in (1.1, 1.25, 1.5):
        rules = []
        for step in (100, 200):
            if step not in steps:
                continue
            above = margin * float(np.nanmax(shares[:, :, steps.index(step)]))
            rules.append(PruningRule(step=step, above=above))
        ((text, _),) = named([tuple(rules)])
        yield f"{text} (x {margin:g})", tuple(rules)


Rows = list[tuple[float, ...]]
"""What `judged` says of each policy in one world."""


@dataclass(frozen=True)
class Setting:
    """In which worlds a table's policies search.

    Attributes:
        searches: of each policy.
        budget: of each search, in steps.
        gap: by how much of ln fd one of the losses is made the best; None for none.
        paired: whether all losses are tried on the same seeds.
        close: whether losses lie as close together as they truly do (`analysis.bank_worlds`).
    """

    searches: int
    budget: int = BUDGET
    gap: float | None = None
    paired: bool = True
    close: bool = False

    def world(self, model: Model, number: int, trainings: int) -> World:
        """The world of this number, for searches that see so many trainings of a loss."""
        planted = None if self.gap is None else (self.gap, self.budget // (3 * FULL))
        stream = np.random.default_rng((number, self.budget))
        size = self.budget // STEPS_A_LOSS
        count = trainings + TRUTH_TRAININGS
        return model.world(size, count, stream, paired=self.paired, planted=planted, close=self.close)


@dataclass(frozen=True)
class Bench:
    """What all tables share.

    Attributes:
        model: of the bank.
        play_all: a function that plays worlds, one after the other or side by side.
        kill: rules of the policies that have some.
    """

    model: Model
    play_all: Callable[[Callable[[int], Rows], Iterable[int]], Iterable[Rows]]
    kill: tuple[PruningRule, ...] = KILL

    def show(self, setting: Setting, policies: Sequence[Policy], title: str) -> NDArray[np.float64]:
        """Search and print a row for each policy; returns what `judged` says, ``(searches, policies, columns)``."""
        print(f"\n{title}\n{'policy':35}{'losses':>6}{'top 3':>13}{'wins':>5}{'regret':>10}{'fd':>5}{'front':>6}")
        policies = [replace(policy, kill=self.kill) if policy.kill else policy for policy in policies]
        play = partial(played, self.model, setting, policies)
        results = np.array(list(self.play_all(play, range(setting.searches))))
        for place, policy in enumerate(policies):
            print(row(policy.name, results[:, place]), flush=True)
        return results


def played(model: Model, setting: Setting, policies: Sequence[Policy], number: int) -> Rows:
    """Let each policy search one world."""
    trainings = max(policy.search_seeds + policy.final_seeds for policy in policies)
    world = setting.world(model, number, trainings)
    truth = true_points(world, trainings)
    return [judged(world, truth, search(world, policy, setting.budget)) for policy in policies]


def true_points(world: World, seen: int) -> list[Objectives]:
    """True ln fd of each loss, and its instability over trainings that come after those that are seen."""
    unseen = world.part(slice(None), slice(seen, None))
    points = Trials.of(unseen, FULL).objectives(TRUTH_TRAININGS, world)
    return [(level, instability) for level, (_, instability) in zip(world.truth.tolist(), points, strict=True)]


def coverage(points: Sequence[Objectives], found: Sequence[int]) -> float:
    """Hypervolume of the points with these numbers over that of all points."""
    front = np.array([points[i] for i in next(fronts(points))])
    first, second = front.max(axis=0) + NADIR_MARGIN * np.ptp(front, axis=0)
    every = hypervolume(points, (first, second))
    return hypervolume([points[i] for i in found], (first, second)) / every if every > 0 else math.nan


def judged(world: World, points: Sequence[Objectives], outcome: Outcome) -> tuple[float, ...]:
    """The columns of the table for one search: see the module."""
    assert outcome.drawn < len(world.truth), "a world ran out of losses"
    truth = world.truth[: outcome.drawn]
    best = int(truth.argmin())
    won = truth[outcome.ranking[0]] if outcome.ranking else math.log(world.start_fd)
    covered = coverage(points[: outcome.drawn], outcome.ranking[:COVERING])
    return outcome.drawn, best in outcome.ranking[:3], best in outcome.ranking[:1], won - truth.min(), won, covered


def row(name: str, values: NDArray[np.float64]) -> str:
    """A line of the table, from what `judged` says of each search."""
    drawn, top, wins, regret, won, covered = values.T
    interval = binomtest(int(top.sum()), len(top)).proportion_ci(method="wilson")
    low, median, high = np.expm1(np.quantile(regret, (0.1, 0.5, 0.9))) * 100
    share = f"{top.mean() * 100:.0f} ({interval.low * 100:.0f}-{interval.high * 100:.0f})"
    spread = f"{median:.0f} ({low:.0f}-{high:.0f})"
    fd = f" {np.exp(won.mean()):.1f}".rjust(5)
    columns = f"{wins.mean() * 100:5.0f}{spread:>10}{fd}{np.nanmean(covered) * 100:6.0f}"
    return f"{name:35}{drawn.mean():6.0f}{share:>13}{columns}"


def side_by_side(mine: NDArray[np.float64], theirs: NDArray[np.float64]) -> str:
    """A line on two policies in the same worlds: how often only one has the best in its top 3, and fd of the winners.

    The p is that of McNemar's test, exact; the ratio of fd has a 95 % interval.
    """
    only_mine, only_theirs = int((mine[:, 1] > theirs[:, 1]).sum()), int((mine[:, 1] < theirs[:, 1]).sum())
    p = binomtest(only_mine, only_mine + only_theirs).pvalue if only_mine + only_theirs else 1.0
    return f"  top 3 in one alone {only_mine}:{only_theirs}, p = {p:.2g}; fd {ratio_of_fd(mine, theirs)}"


def ratio_of_fd(mine: NDArray[np.float64], theirs: NDArray[np.float64]) -> str:
    """The ratio of the winners' fd in the same worlds, with a 95 % interval."""
    fd = mean_interval(mine[:, 4] - theirs[:, 4])
    low, ratio, high = np.exp((fd.low, fd.mean, fd.high))
    return f"x {ratio:.4f} ({low:.4f}-{high:.4f})"


def about(bank: Bank, model: Model) -> None:
    """What the bank holds, and how large its noise is."""
    steady = model.steady
    between, seeds, left = model.components
    print(f"{bank.metric}: {bank.recorded.sum()} trainings of {len(bank.losses)} losses")
    print(f"{bank.losses['viable'].sum()} of them are viable, and {steady.sum()} never fail. Of these, at the end:")
    print(f"sd of ln fd between losses {between:.3f}, by the seed {seeds:.3f}, by chance {left:.3f}")
    ends = np.log(bank.fd[steady].astype(np.float64))
    correlations = []
    measured = bank.steps.tolist()
    for at in (measured.index(step) for step in RANKED_AT if step in measured):
        others = [np.delete(ends[:, :, -1], seed, axis=1).mean(axis=1) for seed in range(ends.shape[1])]
        each = [spearmanr(ends[:, seed, at], mean).statistic for seed, mean in enumerate(others)]
        correlations.append(f"{np.mean(each):.2f} at {measured[at]}")
    print(f"rank correlation of a seed's fd with the last of the other seeds:\n    {', '.join(correlations)} steps")


def climbing(policy: Policy, *reductions: float) -> list[Policy]:
    """The policy with other shares that climb."""
    return [replace(policy, name=f"1 in {value:g}", reduction=value) for value in reductions]


def ending(policy: Policy, *finals: tuple[tuple[int, int], ...]) -> list[Policy]:
    """The policy with other finals."""
    return [
        replace(policy, name=", ".join(f"{losses} x {seeds}" for losses, seeds in sizes), finals=stages(*sizes))
        for sizes in finals
    ]


def tables(bench: Bench, searches: int) -> None:
    """Print all tables of simulated searches."""
    plain = Setting(searches)
    steps = [ONE_SEED, KILLING, FLAT, WIDE, QUICK, PAPER, RACING]
    bench.show(plain, steps, f"Step by step: searches of {BUDGET:,} steps")
    bench.show(plain, climbing(PAPER, 2, 3, 4, 6, 9, 15), "Rungs 1-3-5, finals 5 x 5: how many climb")
    bench.show(plain, climbing(RACING, 2, 3, 4, 6), "Rungs 1-2-3-5-8, finals 5 x 5: how many climb")
    flat = (((5, 5),), ((8, 3),), ((12, 2),), ((5, 10),), ((10, 5),), ((16, 3),))
    raced = (((8, 1), (4, 3), (2, 7)), ((16, 1), (8, 3), (4, 6)), ((24, 1), (8, 2), (4, 4), (2, 8)))
    bench.show(plain, ending(FLAT, *flat, *raced), "One seed each, then finals: losses x seeds, flat or in stages")
    by_fd = [replace(policy, name="  the same, but by fd alone", by="fd") for policy in (PAPER, RACING)]
    climbs = bench.show(plain, [PAPER, by_fd[0], RACING, by_fd[1]], "Who climbs: by both objectives, or by fd alone")
    print("by fd alone beside both objectives, in the same worlds:")
    for place, policy in ((0, PAPER), (2, RACING)):
        print(f"{policy.name}\n{side_by_side(climbs[:, place + 1], climbs[:, place])}")
    apart = replace(plain, paired=False)
    bench.show(apart, [KILLING, FLAT, WIDE, PAPER, RACING], "Every loss on seeds of its own")
    for gap in GAPS:
        title = f"A loss is planted, {gap:g} below all others in ln fd"
        bench.show(replace(plain, gap=gap), [ONE_SEED, FLAT, WIDE, PAPER, RACING], title)
    title = f"A loss is planted, {GAPS[0]:g} below all others, every loss on seeds of its own"
    bench.show(replace(apart, gap=GAPS[0]), [ONE_SEED, FLAT, WIDE, PAPER, RACING], title)
    longer = Setting(searches, LONG_BUDGET)
    bench.show(longer, [KILLING, FLAT, WIDE, PAPER, RACING], f"Longer: searches of {LONG_BUDGET:,} steps")


def close_tables(bench: Bench, searches: int) -> None:
    """Print how a search as long as those on X-rays best spends its seeds, with losses as measured and closer."""
    plain = Setting(searches, XRAY_BUDGET)
    close = replace(plain, close=True)
    for setting, where in ((plain, "as measured"), (close, "close")):
        results = bench.show(setting, SPENDING, f"Searches of {XRAY_BUDGET:,} steps, losses {where}")
        print(f"winner's fd beside that of {XRAY.name}, in the same worlds:")
        for place, policy in enumerate(SPENDING[1:], start=1):
            print(f"  {policy.name:33}{ratio_of_fd(results[:, place], results[:, 0])}")
    for gap in GAPS[:2]:
        title = f"The same, losses close, one planted {gap:g} below all others"
        bench.show(replace(close, gap=gap), PLANTED, title)


class Copy(io.StringIO):
    """Keeps what is printed, and passes it on."""

    def __init__(self, screen: TextIO) -> None:
        super().__init__()
        self._screen = screen

    def write(self, text: str) -> int:
        """Keep and pass on."""
        self._screen.write(text)
        return super().write(text)


def everything(source: str, searches: int, workers: int | None, only: str | None) -> None:
    """Print all tables for a bank, or some."""
    began = time.monotonic()
    recorded = bank(source)
    model = Model.of(recorded)
    if only is None:
        about(recorded, model)
        print("\nKill rules, on the recorded trainings: share of steps saved, and of losses stopped")
        kill_rules(recorded)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        bench = Bench(model, partial(pool.map, chunksize=CHUNK), rules_of(recorded).kill)
        if only is None:
            tables(bench, searches)
        close_tables(bench, searches)
    print(f"\n{searches} searches of each policy: {(time.monotonic() - began) / 60:.0f} minutes")


def page_of(source: str) -> Path:
    """Where what is printed of a bank is kept."""
    return PAGES.get(source, Path(__file__).with_name(f"simulate_rules_{Path(source).stem}.md"))


def keep(printed: str, page: Path) -> None:
    """Put what was printed into a page."""
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    write_whole(page, f"{before}{BEGIN}\n```\n{printed.strip()}\n```\n{END}{rest.split(END)[1]}")


def main() -> None:
    """Print everything, and keep it if asked to."""
    parser = argparse.ArgumentParser(description="Tries rules for stopping, climbing and finals on the bank of losses.")
    parser.add_argument("bank", nargs="?", default="mnist5k", help="a shipped bank, or a file; by default %(default)s")
    parser.add_argument("--searches", type=int, default=SEARCHES, help="of each policy; %(default)s by default")
    parser.add_argument("--workers", type=int, help="processes; by default one a core")
    parser.add_argument("--only", choices=("close",), help="the tables of searches as on X-rays alone")
    parser.add_argument("--keep", action="store_true", help="put the output into the page beside this script")
    arguments = parser.parse_args()
    if arguments.keep and arguments.only:
        parser.error("--keep keeps all tables; leave out --only")
    with redirect_stdout(Copy(sys.stdout)) as copy:
        everything(arguments.bank, arguments.searches, arguments.workers, arguments.only)
    if arguments.keep:
        keep(copy.getvalue(), page_of(arguments.bank))


if __name__ == "__main__":
    run_script(main)
