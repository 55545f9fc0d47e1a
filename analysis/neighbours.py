"""Does choosing and estimating losses by their neighbours help a search? Asked of a bank, a few hundred searches each.

    python -m analysis.neighbours [BANK.npz] [--searches N] [--recording DIRECTORY] [--keep NAME]
    python -m analysis.neighbours --runs RUN … [--keep NAME]

First what `ganetic.evolution.neighbours` predicts, and how results that are pulled towards their neighbours compare
with plain ones. Then simulated searches: losses of a bank arrive in pools of K, of which one is trained; one in three
climbs to three seeds; the best three are trained on three fresh seeds, of whom the best wins. Worlds are those of
`analysis.bank_worlds`, but that each loss of the bank stands in them once: trainings are drawn from what was
recorded of it, and its true level is their mean, which no rule sees. All rules of a table search the same worlds, meet
the same first candidates, and choose by the results of all but the last eight trainings.

`--recording` reads the bank of X-rays from the journals of `analysis/record_bank.py pneumonia`, complete or not.

A bank holds no children. `--runs` asks the same of searches that were made without choice: each child is predicted from
the first trainings of those before it, as choice would have known them, and of each ten children in turn the best
predicted is held against all ten, by one training each.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from analysis.bank_worlds import Model
from analysis.diversity import skeleton_of
from analysis.pulled import Pulled, shrunk
from analysis.record_bank import RECIPES, collected, entries
from analysis.simulate_rules import Copy
from ganetic.errors import run_script
from ganetic.evolution.neighbours import FORCES, NEIGHBOURS, Neighbours, ToldTrial, curve
from ganetic.evolution.results import JOURNAL
from ganetic.evolution.trial_queue import trial_result
from ganetic.files import write_whole
from ganetic.jobs.journal import Journal
from ganetic.loss.formula import Formula
from ganetic.loss.numeric import responses
from ganetic.loss.ops import Array
from ganetic.loss.screen import judge
from ganetic.stats import mean_interval
from ganetic.studies.bank import Bank, bank
from ganetic.training.result import TrialState

PAGE = Path(__file__).with_suffix(".md")
SEARCHES = 400
TRAININGS = 90
"""Of a search, before its finals."""
TWO_THIRDS = 2 / 3
CLIMBS = 3
"""One in so many of the losses tried gets more seeds."""
SEEDS = 3
FINALISTS = 3
FINAL_SEEDS = 3
WINDOW = 8
POOL = 30
FIFTH = 0.2
FAR = 0.1
FIRST, TEN = 20, 10
"""Of the children of a run the first that is foretold, and of how many the best predicted is taken."""
NEAREST = 10
"""A child is one of so many untried losses nearest to its parent."""
TOURNAMENT = 3
FOLDS, REPEATS = 10, 5
CURVE_SIZES = (20, 40, 80, 150)
CURVE_REPEATS = 60
Places = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Field:
    """The losses of a bank with where they lie.

    Attributes:
        model: the bank taken apart.
        curves: of each loss.
        distances: between them, ``(L, L)``.
        skeletons: of each loss.
        forms: ``label`` or ``logit``.
    """

    model: Model
    curves: list[Array]
    distances: Array
    skeletons: list[str]
    forms: list[str]

    @staticmethod
    def of(bank: Bank) -> "Field":
        """Find out where losses lie."""
        formulas = [Formula.from_text(text) for text in bank.losses["text"]]
        curves = [curve_of(formula) for formula in formulas]
        stacked = np.stack(curves)
        distances = np.array([np.sqrt(np.square(stacked - own).sum(axis=1) / FORCES) for own in stacked])
        skeletons, forms = [skeleton_of(formula) for formula in formulas], [str(formula.form) for formula in formulas]
        return Field(Model.of(bank), curves, distances, skeletons, forms)

    @property
    def viable(self) -> NDArray[np.bool_]:
        """Which losses count as trained."""
        return self.model.bank.losses["viable"].to_numpy(dtype=bool)

    @property
    def untrained(self) -> float:
        """Of an untrained generator, ln fd."""
        return math.log(self.model.bank.start_fd)

    def trainings(self, count: int, stream: np.random.Generator) -> tuple[Array, NDArray[np.bool_]]:
        """The ends and failures of so many trainings of each loss, ``(L, count)``; a seed moves all losses alike."""
        model = self.model
        rows = (stream.random((len(self.curves), count)) * model.counts[:, None]).astype(np.intp)
        seeds = model.seed_effects[stream.integers(len(model.seed_effects), size=count), -1]
        losses = np.arange(len(self.curves))[:, None]
        ends = model.levels[:, -1][:, None] + model.residuals[losses, rows, -1] + seeds * model.trains[:, None]
        failed = model.failed[losses, rows]
        return np.where(failed, self.untrained, ends), failed


def curve_of(formula: Formula) -> Array:
    """The curve of a formula."""
    points, slots = responses(formula)
    return curve(points, slots, judge(points, slots).orientation)


def regression(distances: Array, values: Array, close: float = 0.02) -> Array:
    """Means of the nearest by 1 / distance; ``(N, M)`` distances from what is asked to what is known."""
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :NEIGHBOURS]
    weights = 1 / np.maximum(np.take_along_axis(distances, nearest, axis=1), close)
    return np.asarray((weights * values[nearest]).sum(axis=1) / weights.sum(axis=1))


def told(field: Field, numbers: Sequence[int], ends: Array, failed: NDArray[np.bool_]) -> Neighbours:
    """What knows the trainings ``(L, seeds)`` of these losses."""
    known = Pulled()
    for number in numbers:
        known.tell(result(field, number, ends[number], failed[number]))
    return known


def result(field: Field, number: int, ends: Array, failed: NDArray[np.bool_]) -> ToldTrial:
    """A loss with so many trainings."""
    return ToldTrial(number, field.curves[number], tuple(ends.tolist()), int(failed.sum()))


def means(known: Neighbours, field: Field, numbers: Sequence[int]) -> Array:
    """Predictions of the module."""
    return np.array([one.mean for one in known.predict([field.curves[number] for number in numbers])])


def rank_correlation(first: Array, second: Array) -> float:
    """Spearman's."""
    return float(spearmanr(first, second).statistic)


def about(field: Field) -> None:
    """What the bank holds."""
    model, viable = field.model, field.viable
    between, seeds, left = model.components
    print(f"{model.bank.metric}: {model.bank.recorded.sum()} trainings of {len(viable)} losses, {viable.sum()} viable")
    print(f"sd of ln fd between losses that never fail {between:.3f}, by the seed {seeds:.3f}, by chance {left:.3f}")
    apart = np.sort(field.distances + np.where(np.eye(len(viable)) > 0, np.inf, 0), axis=1)[:, 0]
    text = ", ".join(f"{value:.2f}" for value in np.quantile(apart, (0.1, 0.25, 0.5, 0.75, 0.9)))
    print(f"distance to the nearest other: {text} (10, 25, 50, 75, 90 %)")


def variogram(field: Field) -> None:
    """How much two viable losses differ that lie so far apart."""
    rows = np.flatnonzero(field.viable)
    first, second = np.triu_indices(len(rows), 1)
    apart = field.distances[rows[first], rows[second]]
    gaps = np.abs(field.model.expected[rows[first]] - field.model.expected[rows[second]])
    print("\nTwo viable losses by their distance: |difference of ln fd|")
    print(f"{'distance':>12}{'pairs':>8}{'mean':>8}{'median':>8}")
    edges = (0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 1, 2)
    for low, high in pairwise(edges):
        within = (apart >= low) & (apart < high)
        if within.any():
            columns = f"{within.sum():8}{gaps[within].mean():8.3f}{np.median(gaps[within]):8.3f}"
            print(f"{f'{low:g}-{high:g}':>12}{columns}")


def foretelling(field: Field) -> None:
    """The table of EVIDENCE §8, with the module."""
    model, rows = field.model, np.flatnonzero(field.viable)
    all_ends = np.where(model.failed, field.untrained, model.levels[:, -1:] + model.residuals[:, :, -1])
    truth = model.expected
    level, none = truth[:, None], np.zeros((len(truth), 1), dtype=bool)
    print("\nWhat predicts the mean ln fd of viable losses: Spearman")
    singles, halves = [], []
    whole = rows[model.counts[rows] >= SEEDS]
    for seed in range(all_ends.shape[1]):
        have = whole[model.counts[whole] > seed]
        others = (all_ends[have].sum(axis=1) - all_ends[have, seed]) / (model.counts[have] - 1)
        if len(have) > FOLDS and (model.counts[have] == all_ends.shape[1]).all():
            singles.append(rank_correlation(all_ends[have, seed], others))
    full = whole[model.counts[whole] == all_ends.shape[1]]
    half = all_ends.shape[1] // 2
    for repeat in range(CURVE_REPEATS):
        order = np.random.default_rng(repeat).permutation(all_ends.shape[1])
        two = (all_ends[full][:, order[:half]].mean(axis=1), all_ends[full][:, order[half : 2 * half]].mean(axis=1))
        halves.append(rank_correlation(*two))
    print(f"{'one training, against the others of the loss':52}{np.mean(singles or [math.nan]):6.2f}")
    print(f"{f'{half} against {half}':52}{np.mean(halves):6.2f}")
    print(f"{'kNN, 10-fold':52}{np.mean([folded(field, rows, level, none, n) for n in range(REPEATS)]):6.2f}")
    for apart in (0.1, 0.2):
        print(f"{f'kNN, no neighbour nearer than {apart:g}':52}{left_out(field, rows, level, none, apart):6.2f}")
    print(f"{'kNN, leaving out all of the same skeleton':52}{by_skeleton(field, rows, level, none):6.2f}")
    every = np.arange(len(truth))
    for size in CURVE_SIZES:
        plain: list[float] = []
        mixed: list[float] = []
        for repeat in range(CURVE_REPEATS):
            stream = np.random.default_rng((repeat, size))
            ends, failed = field.trainings(1, stream)
            for among, found in ((rows, plain), (every, mixed)):
                order = stream.permutation(among)
                if size <= len(among) * 3 // 4:
                    asked = [number for number in order[size:].tolist() if field.viable[number]]
                    known = told(field, order[:size].tolist(), ends, failed)
                    found.append(rank_correlation(means(known, field, asked), truth[asked]))
        if plain or mixed:
            columns = "".join(f"{np.mean(one):6.2f}" if one else f"{'-':>6}" for one in (plain, mixed))
            print(f"{f'kNN of {size} losses of one seed: viable ones, all':52}{columns}")


def folded(field: Field, rows: Places, ends: Array, failed: NDArray[np.bool_], repeat: int) -> float:
    """Spearman of predictions in ten folds."""
    fold = np.random.default_rng(repeat).integers(FOLDS, size=len(rows))
    predicted = np.zeros(len(rows))
    for number in range(FOLDS):
        known = told(field, rows[fold != number].tolist(), ends, failed)
        predicted[fold == number] = means(known, field, rows[fold == number].tolist())
    return rank_correlation(predicted, ends[rows, 0])


def left_out(field: Field, rows: Places, ends: Array, failed: NDArray[np.bool_], apart: float) -> float:
    """Spearman of predictions from all that are so far away."""
    predicted = []
    for number in rows:
        known = told(field, [one for one in rows if field.distances[number, one] > apart], ends, failed)
        predicted += means(known, field, [number]).tolist()
    return rank_correlation(np.array(predicted), ends[rows, 0])


def by_skeleton(field: Field, rows: Places, ends: Array, failed: NDArray[np.bool_]) -> float:
    """Spearman of predictions from all of other skeletons."""
    predicted = []
    for number in rows:
        others = [one for one in rows if field.skeletons[one] != field.skeletons[number]]
        predicted += means(told(field, others, ends, failed), field, [number]).tolist()
    return rank_correlation(np.array(predicted), ends[rows, 0])


def failures(field: Field, size: int = 60, repeats: int = SEARCHES) -> None:
    """What failures and bad losses should count as: the best predicted of a pool, from one training each."""
    print(f"\nWhat a failure counts as: of {POOL} new losses the best predicted, from {size} of one training each")
    print(f"{'a failure counts as':40}{'Spearman':>9}{'fd of the pick':>15}{'viable':>8}")
    caps: dict[str, Callable[[Array], float]] = {
        "an untrained generator": lambda _: math.inf,
        "the worst that trained": lambda trained: float(trained.max()),
        "median + (median - best), as all worse": lambda trained: float(2 * np.median(trained) - trained.min()),
        "the median, as all worse": lambda trained: float(np.median(trained)),
        "nothing: it is left out": lambda _: math.nan,
    }
    for name, cap in caps.items():
        rows = []
        for repeat in range(repeats):
            stream = np.random.default_rng((repeat, size))
            all_ends, all_failed = field.trainings(1, stream)
            ends, failed = all_ends[:, 0], all_failed[:, 0]
            order = stream.permutation(len(ends))
            known, rest = order[:size], order[size:]
            highest = cap(ends[known][~failed[known]])
            if math.isnan(highest):
                known, highest = known[~failed[known]], math.inf
            predicted = regression(field.distances[np.ix_(rest, known)], np.minimum(ends[known], highest))
            pick = rest[predicted[:POOL].argmin()]
            good = field.viable[rest]
            correlation = rank_correlation(predicted[good], field.model.expected[rest][good])
            rows.append((correlation, field.model.expected[pick], field.viable[pick]))
        correlation, level, viable = np.mean(rows, axis=0)
        print(f"{name:40}{correlation:9.2f}{math.exp(level):15.1f}{viable:8.0%}")


def estimates(field: Field, repeats: int = SEARCHES) -> None:
    """Results of a few dozen losses, plain and pulled: who is best?"""
    print("\nEstimates of viable losses, a quarter of them (the best by one training) known by three trainings.")
    print("Spearman with the true level among the truly better half; rms error there; fd of the best by the estimate")
    print(f"{'':34}{'Spearman':>9}{'rmse':>7}{'best 5':>8}{'best':>7}{'  best as a ratio of plain (95 %)'}")
    for size in (40, 80):
        for good in (False, True):
            kinds: dict[str, list[tuple[float, ...]]] = {}
            for repeat in range(repeats):
                for name, row in estimated(field, size, good, repeat).items():
                    kinds.setdefault(name, []).append(row)
            print(f"{size} losses, {'seven of ten among the best third of the bank' if good else 'drawn from all'}:")
            plain = np.array(kinds["plain"])
            for name, rows in kinds.items():
                values = np.array(rows)
                correlation, error, five, best = values.mean(axis=0)
                ratio = "" if name == "plain" else ratio_text(values[:, 3] - plain[:, 3])
                print(f"  {name:32}{correlation:9.2f}{error:7.3f}{math.exp(five):8.2f}{math.exp(best):7.2f}  {ratio}")


def estimated(field: Field, size: int, good: bool, repeat: int) -> dict[str, tuple[float, ...]]:
    """One draw: by the kind of estimate its columns of the table."""
    stream = np.random.default_rng((repeat, size, good))
    truth = field.model.expected
    numbers = stream.permutation(len(truth))[:size]
    if good:
        best = np.argsort(truth)[: len(truth) // 3]
        numbers = np.concatenate((stream.permutation(best)[: size * 7 // 10], numbers[: size * 3 // 10]))
        numbers = np.unique(numbers)
    ends, failed = field.trainings(SEEDS, stream)
    order = numbers[np.argsort(ends[numbers, 0], kind="stable")]
    seeds = dict.fromkeys(numbers.tolist(), 1) | dict.fromkeys(order[: len(order) // 4].tolist(), SEEDS)
    results = [result(field, number, ends[number, :count], failed[number, :count]) for number, count in seeds.items()]
    known = Pulled()
    for one in results:
        known.tell(one)
    alive = [one for one in results if one.failed < len(one.ends) and field.viable[one.number]]
    level = truth[[one.number for one in alive]]
    plain = np.array([one.value for one in alive])
    others = without_itself(known, alive)
    error = own_error(known, results)
    kinds = {
        "plain": plain,
        "pulled": np.array(known.shrunk(alive)),
        "pulled, error as estimated": np.array(
            [
                one.value if one.value > known.cap else shrunk(one.value, len(one.ends), mean, known.noise, error)
                for one, mean in zip(alive, others.tolist(), strict=True)
            ]
        ),
        "the neighbours alone": others,
    }
    better = level < np.median(level)
    found: dict[str, tuple[float, ...]] = {}
    for name, values in kinds.items():
        leading = np.argsort(values, kind="stable")
        rmse = math.sqrt(np.mean((values[better] - level[better]) ** 2))
        correlation = rank_correlation(values[better], level[better])
        found[name] = (correlation, rmse, float(level[leading[:5]].mean()), float(level[leading[0]]))
    return found


def without_itself(known: Neighbours, results: Sequence[ToldTrial]) -> Array:
    """What the others predict of each of some results, which are told."""
    predictions = known.predict([one.curve for one in results], [one.number for one in results])
    return np.array([one.mean for one in predictions])


def own_error(known: Pulled, results: Sequence[ToldTrial]) -> float:
    """The variance of prediction errors as leaving one out estimates it, however small."""
    others = without_itself(known, results)
    values = np.array([np.minimum(one.ends, known.cap).mean() for one in results])
    excess = (values - others) ** 2 - known.noise / np.array([len(one.ends) for one in results])
    return max(float(excess.mean()), known.noise / 20)


@dataclass(frozen=True)
class Rule:
    """How a search chooses.

    Attributes:
        name: for tables.
        pool: candidates for each training; 1 for no choice.
        random: how often the first of them is taken anyway.
        climbers: whether who climbs is chosen by pulled estimates.
        finalists: whether who enters the finals is.
        trainings: share of the trainings that the others have.
        capacity: results that are kept.
        least: results before which all are taken at random.
    """

    name: str
    pool: int = 1
    random: float = 0.0
    climbers: bool = False
    finalists: bool = False
    trainings: float = 1.0
    capacity: int = 500
    least: int = 0


PLAIN = Rule("no choice")
FEWER = replace(PLAIN, name="no choice, two thirds of the trainings", trainings=TWO_THIRDS)
"""What a rule that allows two thirds must be held against."""
CHOICE = Rule(f"of {POOL}", POOL)
FIFTHS = Rule(f"of {POOL}, a fifth at random", POOL, FIFTH)
BOTH = replace(FIFTHS, name="  both pulled", climbers=True, finalists=True)
RULES = (
    PLAIN,
    replace(PLAIN, name="  climbers by pulled estimates", climbers=True),
    replace(PLAIN, name="  finalists by pulled estimates", finalists=True),
    replace(PLAIN, name="  both pulled", climbers=True, finalists=True),
    FEWER,
    *(Rule(f"of {pool}", pool) for pool in (10, 20, 30, 50)),
    Rule("of 10, a fifth at random", 10, FIFTH),
    FIFTHS,
    replace(FIFTHS, name="  and all before 20 results", least=20),
    replace(FIFTHS, name="  climbers by pulled estimates", climbers=True),
    replace(FIFTHS, name="  finalists by pulled estimates", finalists=True),
    BOTH,
    replace(BOTH, name="  both pulled, 20 results kept", capacity=20),
    replace(CHOICE, name=f"of {POOL}, two thirds of the trainings", trainings=TWO_THIRDS),
    replace(FIFTHS, name=f"of {POOL}, a fifth, two thirds", trainings=TWO_THIRDS),
    replace(BOTH, name="  both pulled, two thirds", trainings=TWO_THIRDS),
)
SHORT = (PLAIN, FEWER, *(rule for rule in RULES if rule.pool == POOL and rule.capacity > 20 and not rule.least))


@dataclass(frozen=True)
class Arrival:
    """Which losses arrive.

    Attributes:
        title: of the table.
        parents: whether candidates are near to parents chosen by tournaments; else they are drawn from all.
        apart: candidates are further than that from everything that was trained.
        trainings: of a search.
        form: only losses of this form.
    """

    title: str
    parents: bool = False
    apart: float = 0.0
    trainings: int = TRAININGS
    form: str = ""


class Search:
    """A search of a world."""

    def __init__(self, field: Field, arrival: Arrival, rule: Rule, world: int) -> None:
        self._field, self._arrival, self._rule, self._world = field, arrival, rule, world
        stream = np.random.default_rng((world, 1))
        self._ends, self._failed = field.trainings(SEEDS + FINAL_SEEDS, stream)
        fits = np.array([arrival.form in ("", form) for form in field.forms])
        self._untried = fits
        self._trials: list[tuple[int, int]] = []
        self._seen = 0
        self._heard: dict[int, int] = {}
        self._climbers: dict[int, None] = {}
        self._known = Pulled(rule.capacity)
        self.tried: list[int] = []

    def run(self) -> tuple[float, ...]:
        """True ln fd of the winner, the finalists, what was tried; the share of it that is viable; trained losses."""
        budget = round(self._arrival.trainings * self._rule.trainings)
        while len(self._trials) < budget:
            self._hear(len(self._trials) - WINDOW)
            climber = self._climber()
            if climber is not None:
                self._climbers[climber] = None
                self._trials += [(climber, seed) for seed in range(1, SEEDS)]
                continue
            loss = self._child(len(self._trials))
            if loss is None:
                break
            self._untried[loss] = False
            self.tried.append(loss)
            self._trials.append((loss, 0))
        self._hear(len(self._trials))
        truth = self._field.model.expected
        finalists = self._finalists()
        fresh = self._ends[:, SEEDS:].mean(axis=1)
        winner = min(finalists, key=lambda loss: fresh[loss]) if finalists else None
        won = self._field.untrained if winner is None else truth[winner]
        return (
            won,
            float(truth[finalists].mean()) if finalists else self._field.untrained,
            float(truth[self.tried].mean()),
            float(self._field.viable[self.tried].mean()),
            float(truth[self.tried].min()),
            len(self.tried),
        )

    def _hear(self, until: int) -> None:
        while self._seen < until:
            loss, seed = self._trials[self._seen]
            self._seen += 1
            self._heard[loss] = seed + 1
            if seed in (0, SEEDS - 1):  # as an individual is judged at a rung
                self._known.tell(self._result(loss))

    def _result(self, loss: int) -> ToldTrial:
        count = SEEDS if self._heard[loss] == SEEDS else 1
        return result(self._field, loss, self._ends[loss, :count], self._failed[loss, :count])

    def _alive(self) -> list[int]:
        """Those that are not dead, in order of their trainings."""
        return [loss for loss, count in self._heard.items() if self._failed[loss, :count].mean() <= 1 / 2]

    def _climber(self) -> int | None:
        quota = len(self._heard) // CLIMBS
        if len(self._climbers) >= quota:
            return None
        alive = self._alive()
        if self._rule.climbers:
            values = self._known.shrunk([self._result(loss) for loss in alive])
        else:
            values = [float(self._ends[loss, 0]) for loss in alive]
        leading = [loss for _, loss in sorted(zip(values, alive, strict=True))][:quota]
        return next((loss for loss in leading if loss not in self._climbers), None)

    def _finalists(self) -> list[int]:
        """The best of the highest rung, and then of the one below."""
        alive = self._alive()
        results = [self._result(loss) for loss in alive]
        values = self._known.shrunk(results) if self._rule.finalists else [one.value for one in results]
        places = sorted(range(len(alive)), key=lambda place: (-len(results[place].ends), values[place]))
        return [alive[place] for place in places[:FINALISTS]]

    def _child(self, index: int) -> int | None:
        stream = np.random.default_rng((self._world, 2, index))
        free = self._untried
        if self._arrival.apart and self.tried:
            free = free & (self._field.distances[self.tried].min(axis=0) > self._arrival.apart)
        rows = np.flatnonzero(free)
        if not rows.size:
            return None
        pool = self._bred(rows, stream) if self._arrival.parents and len(self._alive()) > 1 else None
        if pool is None:
            pool = stream.permutation(rows)[: self._rule.pool].tolist()
        if self._rule.pool == 1 or len(self._known) < self._rule.least or stream.random() < self._rule.random:
            return int(pool[0])
        return int(pool[self._known.pick([self._field.curves[loss] for loss in pool])])

    def _bred(self, rows: Places, stream: np.random.Generator) -> list[int]:
        """Untried losses near to parents."""
        alive = self._alive()
        values = [float(self._ends[loss, : self._heard[loss]].mean()) for loss in alive]
        pool: dict[int, None] = {}
        for _ in range(self._rule.pool):
            parent = alive[min(stream.integers(len(alive), size=TOURNAMENT).tolist(), key=values.__getitem__)]
            near = rows[np.argsort(self._field.distances[parent, rows], kind="stable")[:NEAREST]]
            pool[int(near[int(stream.integers(near.size))])] = None
        return list(pool)


def played(field: Field, arrival: Arrival, rules: Sequence[Rule], world: int) -> list[tuple[float, ...]]:
    """Each rule's search of a world."""
    return [Search(field, arrival, rule, world).run() for rule in rules]


def ratio_text(differences: Array) -> str:
    """A ratio of geometric means with its 95 % interval."""
    found = mean_interval(differences)
    low, ratio, high = np.exp((found.low, found.mean, found.high))
    return f"{ratio:.3f} ({low:.3f}-{high:.3f})"


Map = Callable[..., Iterator[list[tuple[float, ...]]]]


def show(field: Field, arrival: Arrival, rules: Sequence[Rule], searches: int, side_by_side: Map) -> None:
    """Print a table of searches."""
    rows = np.array(list(side_by_side(partial(played, field, arrival, rules), range(searches))))
    print(f"\n{arrival.title}: {arrival.trainings} trainings")
    head = f"{'rule':38}{'losses':>7}{'viable':>8}{'fd tried':>9}{'finalists':>10}{'best':>7}{'winner':>8}"
    print(f"{head}  winner as a ratio of no choice (95 %)")
    for place, rule in enumerate(rules):
        won, finalists, tried, viable, best, losses = rows[:, place].mean(axis=0)
        columns = f"{losses:7.0f}{viable:8.0%}{math.exp(tried):9.1f}{math.exp(finalists):10.1f}"
        ratio = "" if place == 0 else ratio_text(rows[:, place, 0] - rows[:, 0, 0])
        print(f"{rule.name:38}{columns}{math.exp(best):7.1f}{math.exp(won):8.1f}  {ratio}", flush=True)


def tables(field: Field, searches: int, side_by_side: Map) -> None:
    """Print all tables of searches."""
    count = len(field.curves)
    few = max(20, min(60, count // 5))
    usual = max(20, min(TRAININGS, count // 3))
    show(field, Arrival("Candidates drawn from all losses", trainings=usual), RULES, searches, side_by_side)
    show(field, Arrival("Shorter", trainings=few), SHORT, searches, side_by_side)
    title = f"Candidates further than {FAR:g} from everything trained"
    show(field, Arrival(title, apart=FAR, trainings=few), SHORT, searches, side_by_side)
    title = "Candidates near to parents, chosen by tournaments of three"
    show(field, Arrival(title, parents=True, trainings=usual), SHORT, searches, side_by_side)
    title = f"Candidates near to parents, further than {FAR:g} from everything trained"
    show(field, Arrival(title, parents=True, apart=FAR, trainings=few), SHORT, searches, side_by_side)


def everything(source: Bank, searches: int, workers: int) -> None:
    """Print all tables for a bank."""
    began = time.monotonic()
    field = Field.of(source)
    about(field)
    variogram(field)
    foretelling(field)
    failures(field)
    estimates(field)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        tables(field, searches, partial(pool.map, chunksize=10))
    print(f"\n{searches} searches of each rule: {(time.monotonic() - began) / 60:.0f} minutes")


@dataclass(frozen=True, eq=False)
class Born:
    """A child of a search with its first training.

    Attributes:
        curve: where it lies.
        end: ln fd; of a failed or stopped training that of the untrained generator.
        trained: whether it completed.
    """

    curve: Array
    end: float
    trained: bool


def children(run: Path) -> list[Born]:
    """The children of a run in order."""
    with Journal.open_readonly(run / JOURNAL) as journal:
        submissions = [one for one in journal.submissions() if one.kind == "child"]
        records = {one.number: one for one in journal.records()}
    found = []
    for one in submissions:
        record = records.get(one.number)
        if record is None:
            continue
        trace = trial_result(record.state, record.record, record.seconds).trace
        if trace:
            trained = record.state == TrialState.COMPLETED
            end = math.log(trace[-1 if trained else 0][1])
            found.append(Born(curve_of(Formula.from_text(one.text)), end, trained))
    return found


def before(born: Sequence[Born], place: int) -> Neighbours:
    """What is known when the child of this place is chosen."""
    known = Pulled()
    for number, one in enumerate(born[: max(0, place - WINDOW)]):
        known.tell(ToldTrial(number, one.curve, (one.end,), int(not one.trained)))
    return known


def of_runs(runs: Sequence[Path]) -> None:
    """A row a run: how well children are foretold, and what choosing one of ten would have given."""
    print(f"Children of searches, from the {FIRST}th on, foretold from those before; the best predicted of each {TEN}.")
    print("ρ: Spearman with ln fd of those that train; AUC: of telling those that do not; below: ln fd of the picked")
    print(
        f"one minus the mean of those of its {TEN} that train; best: the same of the best of them, which luck flatters"
    )
    head = f"{'run':14}{'children':>9}{'ρ':>6}{'AUC':>6}{'tens':>6}{'trained: all':>14}{'picked':>8}"
    print(f"{head}{'below (95 %)':>26}{'best':>8}")
    tens: list[tuple[float, ...]] = []
    for run in runs:
        born = children(run)
        rows = tens_of(born)
        tens += rows
        print(f"{run.name:14}{len(born):9}{foretold(born)}{columns_of(rows)}", flush=True)
    print(f"{'all':35}{columns_of(tens)}")


def foretold(born: Sequence[Born]) -> str:
    """How well the children of a run are: the columns ρ and AUC."""
    later = range(FIRST, len(born))
    predicted = np.array([before(born, place).predict([born[place].curve])[0].mean for place in later])
    ends, trained = np.array([born[place].end for place in later]), np.array([born[place].trained for place in later])
    alive, dead = predicted[trained], predicted[~trained]
    told_apart = np.mean((dead[:, None] > alive) + 0.5 * (dead[:, None] == alive))
    return f"{rank_correlation(alive, ends[trained]):6.2f}{told_apart:6.2f}"


def tens_of(born: Sequence[Born]) -> list[tuple[float, ...]]:
    """Of each ten: whether the picked one trains, the share that does, and where it and the best lie; see `of_runs`."""
    rows: list[tuple[float, ...]] = []
    for start in range(FIRST, len(born) - TEN + 1, TEN):
        block = born[start : start + TEN]
        pick = block[before(born, start).pick([one.curve for one in block])]
        good = [one.end for one in block if one.trained]
        middle = fmean(good) if good else math.nan
        below = pick.end - middle if pick.trained else math.nan
        rows.append((float(pick.trained), len(good) / TEN, below, min(good, default=math.nan) - middle))
    return rows


def columns_of(rows: Sequence[tuple[float, ...]]) -> str:
    """The columns of `of_runs` on tens."""
    picked, share, below, best = np.array(rows).T
    found = mean_interval(below[np.isfinite(below)])
    interval = f"{found.mean:.3f} ({found.low:.3f} to {found.high:.3f})"
    return f"{len(rows):6}{share.mean():14.0%}{picked.mean():8.0%}{interval:>26}{np.nanmean(best):8.3f}"


def keep(name: str, printed: str) -> None:
    """Put what was printed into the page, between the marks of this name."""
    begin, end = f"<!-- {name} -->", "<!-- end -->"
    before, rest = PAGE.read_text(encoding="utf-8").split(begin)
    write_whole(PAGE, f"{before}{begin}\n```\n{printed.strip()}\n```\n{end}{rest.split(end, 1)[1]}")


def recorded_so_far(directory: Path) -> Bank:
    """The bank of X-rays as far as its journals go."""
    recipe = RECIPES["pneumonia"]
    return collected(recipe, directory, entries()[: recipe.most])


def main() -> None:
    """Print everything, and keep it if asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("bank", type=Path, nargs="?", help="a bank; by default the one of digits that is shipped")
    parser.add_argument("--recording", type=Path, metavar="DIRECTORY", help="instead, X-rays that are being recorded")
    parser.add_argument("--runs", type=Path, nargs="+", metavar="RUN", help="instead, children of these searches")
    parser.add_argument("--searches", type=int, default=SEARCHES, help="of each rule; %(default)s by default")
    parser.add_argument("--workers", type=int, default=1, help="processes; %(default)s by default")
    parser.add_argument("--keep", metavar="NAME", help=f"put the output into {PAGE.name}, where NAME is marked")
    given = parser.parse_args()
    with redirect_stdout(Copy(sys.stdout)) as copy:
        if given.runs:
            of_runs(given.runs)
        else:
            source = recorded_so_far(given.recording) if given.recording else bank(given.bank)
            everything(source, given.searches, given.workers)
    if given.keep:
        keep(given.keep, copy.getvalue())


if __name__ == "__main__":
    run_script(main)
