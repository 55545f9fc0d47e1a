"""How many seeds are worth their trainings when each loss is given its best learning rate and β₁.

    python analysis/tuning_seeds.py [RUN ...]

`tuning_seeds.csv` holds 36 trainings on chest X-rays: BCE and relativistic hinge at six pairs of rates on three seeds.
They tell how far the pairs of a loss lie apart. Directories of searches add the contestants whose tuning has ended.
The noise between seeds is that of the better half of the bank of X-rays, which is known from more trainings. Choices
are simulated with the effects of both losses, and with drawn ones:

    regret   how far the chosen pair's true ln fd lies above the best pair's, in %: mean, and 90th percentile
    fd       of the winner of finals, whose contestants were tuned: how far its true ln fd at its chosen rates lies
             above the best that there is, in %: mean
    error    of the difference of two losses in a confirmation, in %: root mean square of what noise and wrong rates add
"""

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ganetic.errors import run_script
from ganetic.evolution.results import open_run

Floats = NDArray[np.float64]
MEASURED = Path(__file__).with_suffix(".csv")
NOISE = 0.067
"""Sd of ln fd of one training, what a seed does to all losses alike taken out."""
PAIRS = 6
DRAWS = 40_000
SPREADS = (0.03, 0.06, 0.1, 0.2)
"""Standard deviations of ln fd over the pairs of a loss."""
PLANS = ((6,), (6, 6), (6, 6, 6), (6, 6, 6, 6), (6, 2, 2), (6, 3, 2, 2))
"""How many pairs are trained on each of the seeds: all of them, or after the first ones the best so far."""
LEVELS_SD = 0.05
"""Of contestants, at the best rates of each."""
FINALISTS = (4, 8)
FINAL_SEEDS = (3, 6, 12)
CONFIRMATION = 84
"""Trainings of each loss in a confirmation: 4 tuning seeds at 6 pairs, and 60 seeds."""


@dataclass(frozen=True)
class Effects:
    """What rates do to a loss.

    Attributes:
        means: ``(P,)``, mean ln fd at each pair, of mean 0.
        noise: sd of what neither pair nor seed explains.
        spread: sd over pairs of the true effects, the noise of the means taken out; 0 where there is none left.
    """

    means: Floats
    noise: float
    spread: float

    @staticmethod
    def of(ln_fd: Floats) -> "Effects":
        """Take ``(P, S)`` trainings apart; all pairs on the same seeds."""
        pairs, seeds = ln_fd.shape
        means = ln_fd.mean(axis=1)
        left = ln_fd - means[:, None] - ln_fd.mean(axis=0) + ln_fd.mean()
        variance = float((left**2).sum()) / ((pairs - 1) * (seeds - 1))
        spread = math.sqrt(max(0.0, float(means.var(ddof=1)) - variance / seeds))
        return Effects(means - means.mean(), math.sqrt(variance), spread)

    @property
    def shrunk(self) -> Floats:
        """The means as far apart as the true effects are."""
        width = float(self.means.std(ddof=1))
        return self.means * (self.spread / width if width > 0 else 0.0)


def measured(path: Path = MEASURED) -> dict[str, Effects]:
    """What was measured, by loss."""
    table = pd.read_csv(path)
    return {
        str(loss): Effects.of(np.log(rows.pivot_table("fd", ["learning_rate", "beta1"], "seed").to_numpy()))
        for loss, rows in table.groupby("loss", sort=False)
    }


def chosen(truth: Floats, noise: float, plan: Sequence[int], stream: np.random.Generator) -> NDArray[np.intp]:
    """Which pair each loss is given.

    Args:
        truth: ``(N, P)``, true ln fd.
        noise: of one training.
        plan: how many pairs are trained on each seed, never more than on the one before: the best so far.
        stream: where all chance comes from.

    Returns:
        ``(N,)``, the pair of the lowest mean among those that were trained on all seeds.
    """
    sums = np.zeros_like(truth)
    ahead = np.tile(np.arange(truth.shape[1]), (len(truth), 1))
    for count in plan:
        ahead = np.take_along_axis(ahead, np.take_along_axis(sums, ahead, axis=1).argsort(axis=1), axis=1)[:, :count]
        new = np.take_along_axis(truth, ahead, axis=1) + noise * stream.normal(size=ahead.shape)
        np.put_along_axis(sums, ahead, np.take_along_axis(sums, ahead, axis=1) + new, axis=1)
    best = np.take_along_axis(sums, ahead, axis=1).argmin(axis=1)
    return np.asarray(np.take_along_axis(ahead, best[:, None], axis=1)[:, 0])


def regrets(truth: Floats, noise: float, plan: Sequence[int], stream: np.random.Generator) -> Floats:
    """How far each choice lies above the best in true ln fd; ``(N,)``."""
    pairs = chosen(truth, noise, plan, stream)
    return np.asarray(np.take_along_axis(truth, pairs[:, None], axis=1)[:, 0] - truth.min(axis=1))


def finals(
    spread: float, noise: float, plan: Sequence[int], finalists: int, seeds: int, stream: np.random.Generator
) -> float:
    """Mean over searches of the winner's true ln fd, above that of the best contestant at its best rates."""
    searches = DRAWS // 8
    effects = spread * stream.normal(size=(searches * finalists, PAIRS))
    effects -= effects.min(axis=1, keepdims=True)
    lost = regrets(effects, noise, plan, stream).reshape(searches, finalists)
    best = LEVELS_SD * stream.normal(size=(searches, finalists))
    truth = best + lost
    seen = truth + noise / math.sqrt(seeds) * stream.normal(size=truth.shape)
    won = np.take_along_axis(truth, seen.argmin(axis=1)[:, None], axis=1)[:, 0]
    return float((won - best.min(axis=1)).mean())


def confirmation(spread: float, noise: float, tuning_seeds: int, stream: np.random.Generator) -> float:
    """Root mean square error of the difference in ln fd of two losses, as that of both at their best rates."""
    lost = regrets(spread * stream.normal(size=(2 * DRAWS, PAIRS)), noise, (PAIRS,) * tuning_seeds, stream)
    wrong = float((np.diff(lost.reshape(DRAWS, 2)) ** 2).mean())
    return math.sqrt(wrong + 2 * noise**2 / (CONFIRMATION - PAIRS * tuning_seeds))


def said(plan: Sequence[int]) -> str:
    """A plan for tables: ``2 seeds``, or ``6+2+2``."""
    if len(set(plan)) > 1:
        return "+".join(map(str, plan))
    return f"{len(plan)} seed{'s' if len(plan) > 1 else ''}"


def tuned(directory: Path) -> Iterator[tuple[str, int, int, float]]:
    """The contestants of a search whose tuning has ended: name, pairs, seeds and the sd of ln fd over the pairs."""
    for name, rows in open_run(directory).tuning().groupby("contestant"):
        ln_fd = np.log(rows["fd"].to_numpy(dtype=float))
        yield str(name), len(rows), int(rows["seeds"].iloc[0]), float(ln_fd.std(ddof=1))


def show_measured(effects: dict[str, Effects], runs: Sequence[Path], noise: float) -> None:
    """Print how far pairs lie apart."""
    print(f"{'sd of ln fd':42}{'over pairs':>11}{'true':>7}{'noise':>7}")
    for name, one in effects.items():
        print(f"{name:42}{one.means.std(ddof=1):11.3f}{one.spread:7.3f}{one.noise:7.3f}")
    for directory in runs:
        for name, pairs, seeds, width in tuned(directory):
            true = math.sqrt(max(0.0, width**2 - noise**2 / seeds))
            print(f"{f'{directory.name}, {name}, {pairs} x {seeds}':42}{width:11.3f}{true:7.3f}")


def show_regrets(effects: dict[str, Effects], noise: float) -> None:
    """Print what each plan costs and loses, a loss."""
    rows = {name: np.tile(one.shrunk, (DRAWS, 1)) for name, one in effects.items()}
    for spread in SPREADS:
        rows[f"drawn, sd {spread:g}"] = spread * np.random.default_rng(0).normal(size=(DRAWS, PAIRS))
    print(
        f"\nregret in %, noise {noise:.3f}\n{'plan':10}{'trainings':>10}" + "".join(f"{name[:18]:>20}" for name in rows)
    )
    for plan in PLANS:
        cells = ""
        for truth in rows.values():
            lost = np.expm1(regrets(truth, noise, plan, np.random.default_rng(1))) * 100
            cells += f"{f'{lost.mean():.1f} ({np.quantile(lost, 0.9):.1f})':>20}"
        print(f"{said(plan):10}{sum(plan):10}{cells}")


def show_finals(noise: float) -> None:
    """Print what finals lose, by what is spent on tuning and on final seeds."""
    for finalists in FINALISTS:
        head = f"{'plan':10}{'final seeds':>12}{'trainings':>10}" + "".join(f"{f'sd {one:g}':>10}" for one in SPREADS)
        print(f"\nwinner's fd above the best, in %: {finalists} contestants, sd {LEVELS_SD:g} between them\n{head}")
        for seeds in FINAL_SEEDS:
            for plan in PLANS:
                losses = [finals(spread, noise, plan, finalists, seeds, np.random.default_rng(2)) for spread in SPREADS]
                cells = "".join(f"{math.expm1(one) * 100:10.1f}" for one in losses)
                print(f"{said(plan):10}{seeds:12}{finalists * (sum(plan) + seeds):10}{cells}")


def show_confirmation(noise: float) -> None:
    """Print how the trainings of a confirmation are best divided."""
    head = f"{'tuning seeds':14}{'seeds':>6}" + "".join(f"{f'sd {one:g}':>10}" for one in SPREADS)
    print(f"\nerror of a difference in %, {CONFIRMATION} trainings of each loss\n{head}")
    for count in range(1, 13):
        errors = [confirmation(spread, noise, count, np.random.default_rng(3)) for spread in SPREADS]
        cells = "".join(f"{math.expm1(one) * 100:10.2f}" for one in errors)
        print(f"{count:<14}{CONFIRMATION - PAIRS * count:6}{cells}")


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description="How many seeds choose a loss's rates.")
    parser.add_argument("runs", type=Path, nargs="*", help="directories of searches with genes")
    arguments = parser.parse_args()
    effects = measured()
    show_measured(effects, arguments.runs, NOISE)
    show_regrets(effects, NOISE)
    show_finals(NOISE)
    show_confirmation(NOISE)


if __name__ == "__main__":
    run_script(main)
