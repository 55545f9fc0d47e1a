"""Curves first: are the players' gradients easier to find as curves than as symbols?

    pip install cma
    GANETIC_DATA=DIR python -m analysis.curves search FOLDER [--generations N]     goes on where it was
    python -m analysis.curves fit FOLDER                                           symbols for the winner
    GANETIC_DATA=DIR python -m analysis.curves check FOLDER                        both beside relativistic hinge

A loss over r = d - m, the logit above the mean logit of the other batch, is three curves: D's gradient on real and on
generated images, and G's; G's gradient on real images is that on generated ones mirrored, as in relativistic hinge,
where the search begins. Each curve is linear between knots, and the covariance matrix adaptation of Hansen (2016,
https://arxiv.org/abs/1604.00772, the library cma) moves their heights. Such a loss is a formula like any other, a sum
of squared rectifiers, so that it is trained, compared and exported as any other is.

All losses of a generation train on one seed, those of the next on another; what is ranked is fd. Rates are those at
which relativistic hinge was best in `analysis/better_loss.md`.
"""

import argparse
import math
import os
import random
from collections.abc import Iterator, Sequence
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.better_loss.plan import RELATIVISTIC_HINGE, Seeds, compared
from ganetic.data import load_images
from ganetic.errors import UserError, run_script
from ganetic.evolution.genome import Genome, Trees, drawing_from
from ganetic.evolution.seeds import training_seed
from ganetic.evolution.space import SearchSpace, load_space
from ganetic.evolution.trial_queue import trial_result
from ganetic.jobs.executor import Executor
from ganetic.jobs.grid import Cell, GridProgress, read_grid, run_grid
from ganetic.jobs.lock import run_lock
from ganetic.jobs.ray_executor import RayExecutor
from ganetic.loss.expression import node_count, round4
from ganetic.loss.formula import Formula
from ganetic.loss.numeric import along, grid, responses
from ganetic.reproducible import versions
from ganetic.training.proxy_data import ProxyData, prepare
from ganetic.training.result import TrialState
from ganetic.training.spec import ProxySpec, TrialSpec
from ganetic.training.trial import trial_job

Floats = NDArray[np.float64]

KNOTS = (-4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0)
"""Of each curve; beyond the outer ones it is level."""
CURVES = ("d_real", "d_fake", "g_fake")
HINGE = (-1.0, -1.0, -1.0, -1.0, -0.5, 0.0, 0.0)
"""Heights of D's gradient on real images, and of G's, of relativistic hinge, whose corner lies at 1."""
START = (*HINGE, *(-height for height in reversed(HINGE)), *HINGE)
SIGMA = 0.3
"""First standard deviation of a height."""
POPULATION, GENERATIONS = 12, 20
SEED = 7401
DATA = "npz:{}/pneumoniamnist28/pneumoniamnist28.npz"
PROXY = ProxySpec(
    width=32, batch=16, learning_rate=2e-3, beta1=0.0, ema_decay=0.98, features="imagenet32", images=1000
)  # fmt: skip
STEPS = 400
WALL_SECONDS = 900.0
CHECK_SEEDS = Seeds(7402, 24, 2)
FIT_POPULATION, FIT_GENERATIONS, FIT_RESTARTS = 300, 60, 3
MOST_NODES = 16
SIZE_PRICE = 0.002
"""What a node costs in root mean square error of a fitted curve."""


def integral(heights: Sequence[float], argument: str) -> str:
    """The text of a function whose derivative has these heights at the knots and is linear between them."""
    slopes = [(after - before) / (high - low) for (before, after), (low, high) in zip(
        pairwise(heights), pairwise(KNOTS), strict=True
    )]  # fmt: skip
    bends = [after - before for before, after in pairwise((0.0, *slopes, 0.0))]
    text = f"mul({round4(heights[0])}, {argument})"
    for bend, knot in zip(bends, KNOTS, strict=True):
        text = f"add({text}, mul({round4(bend / 2)}, square(relu(sub({argument}, {knot})))))"
    return text


def formula_of(heights: Sequence[float]) -> Formula:
    """The loss of all heights, curve after curve."""
    count, above = len(KNOTS), "sub(d, m)"
    curves = {name: heights[place * count : (place + 1) * count] for place, name in enumerate(CURVES)}
    texts = {name: integral(own, above) for name, own in curves.items()}
    texts["g_real"] = integral(curves["g_fake"], "sub(m, d)")
    return Formula.of("logit", texts)


def generation_cells(candidates: Sequence[Sequence[float]], generation: int) -> list[Cell]:
    """A training of each candidate, all on the seed of the generation."""
    seed = training_seed(SEED, "search", generation)
    texts = [formula_of(heights).text for heights in candidates]
    return [
        Cell(
            place,
            text,
            TrialSpec(formula=text, seed=seed, steps=STEPS, checkpoints=(STEPS,), proxy=PROXY).model_dump(mode="json"),
        )
        for place, text in enumerate(texts)
    ]


def generations(folder: Path) -> Iterator[tuple[int, "Strategy"]]:
    """The strategy before each generation, told of all before it."""
    strategy = Strategy()
    for generation in range(100):
        yield generation, strategy
        strategy.tell(values(folder / f"generation-{generation:02d}.db"))


class Strategy:
    """cma's strategy, of which only what was told matters."""

    def __init__(self) -> None:
        try:
            cma = import_module("cma")  # by name: it has no types, and only this script needs it
        except ModuleNotFoundError:
            raise UserError("cma is not installed; `pip install cma`") from None
        options = {"popsize": POPULATION, "seed": SEED, "verbose": -9}
        self._strategy = cma.CMAEvolutionStrategy(list(START), SIGMA, options)
        self.candidates: list[list[float]] = []

    def ask(self) -> list[list[float]]:
        """The next generation."""
        self.candidates = [[round4(float(height)) for height in one] for one in self._strategy.ask()]
        return self.candidates

    def tell(self, values: Sequence[float]) -> None:
        """Learn the ln fd of the generation that was asked for last."""
        self._strategy.tell([np.array(one) for one in self.candidates], list(values))

    @property
    def favourite(self) -> list[float]:
        """The mean of the distribution: what the strategy takes to be best, less flattered than a best candidate."""
        return [round4(float(height)) for height in self._strategy.result.xfavorite]


def values(path: Path) -> list[float]:
    """The ln fd of a generation's candidates; a failed one counts as the untrained generator."""
    _, _, records = read_grid(path)
    found = []
    for record in records:
        result = trial_result(record.state, record.record, record.seconds)
        place = -1 if result.state is TrialState.COMPLETED else 0
        found.append(math.log(result.trace[place][1]))
    return found


def search(folder: Path, count: int, proxy_data: ProxyData, executor: Executor) -> None:
    """Make generations until there are so many."""
    meta = {"kind": "curves", "metric": proxy_data.protocol, "data": proxy_data.data, "made_with": versions()}
    for generation, strategy in generations(folder):
        if generation == count:
            return
        cells = generation_cells(strategy.ask(), generation)
        path = folder / f"generation-{generation:02d}.db"
        run_grid(path, meta, cells, executor, _unwatched)
        ends = sorted(values(path))
        print(
            f"generation {generation}: fd best {math.exp(ends[0]):.1f}, median {math.exp(ends[len(ends) // 2]):.1f}",
            flush=True,
        )


def _unwatched(progress: GridProgress) -> None:
    """A generation says a line when it has ended."""


def last(folder: Path) -> tuple[int, "Strategy"]:
    """The strategy after the generations that are complete, and their number.

    Raises:
        UserError: there are none.
    """
    for generation, strategy in generations(folder):
        path = folder / f"generation-{generation:02d}.db"
        if not path.exists() or len(read_grid(path)[2]) < POPULATION:
            if generation == 0:
                raise UserError(f"{folder}: holds no complete generation; `search` makes them")
            return generation, strategy
        strategy.ask()
    raise AssertionError("there are fewer generations")


class Fit:
    """A small expression whose derivative is close to a curve, by evolution without any training.

    Args:
        heights: of the curve at the knots.
        space: gives operators and variation.
    """

    def __init__(self, heights: Sequence[float], space: SearchSpace) -> None:
        points = grid(False)
        self._axis = along(points.d, points.m, KNOTS[-1])
        self._target = np.interp(points.d[self._axis], KNOTS, heights)
        self._genome = Genome(space)

    def run(self, seed: int) -> tuple[float, str]:
        """Evolve; returns the root mean square error, in heights, and the expression over d."""
        stream, known = random.Random(seed), dict[str, float]()
        with drawing_from(stream):
            members = [{CURVES[0]: self._genome.random()[CURVES[0]]} for _ in range(FIT_POPULATION)]
            for _ in range(FIT_GENERATIONS):
                ranked = sorted(members, key=lambda trees: self._score(trees, known))
                kept = ranked[: FIT_POPULATION // 4]
                members = [*kept, *(self._child(kept) for _ in range(FIT_POPULATION - len(kept)))]
        best = min(members, key=lambda trees: self._score(trees, known))
        text = self._genome.formula(dict.fromkeys(CURVES, best[CURVES[0]])).expressions[CURVES[0]]
        error, scale = self._error(text)
        return error, f"mul({round4(scale)}, {text})"

    def _child(self, kept: Sequence[Trees]) -> Trees:
        operator = self._genome.draw_operator()
        first = random.choice(kept)
        if operator == "crossover":
            return self._genome.cross(first, random.choice(kept))
        return self._genome.mutate(first, operator)

    def _score(self, trees: Trees, known: dict[str, float]) -> float:
        try:
            formula = self._genome.formula(dict.fromkeys(CURVES, trees[CURVES[0]]))
        except UserError:
            return math.inf
        text = formula.expressions["d_real"]
        if text not in known:
            nodes = node_count(formula.trees["d_real"])
            known[text] = math.inf if nodes > MOST_NODES else self._error(text)[0] + SIZE_PRICE * nodes
        return known[text]

    def _error(self, text: str) -> tuple[float, float]:
        """Root mean square error at the best scale, and that scale: what Adam does not see costs nothing."""
        _, slots = responses(Formula.of("logit", dict.fromkeys(CURVES, text)))
        found = slots["d_real"].by_d[self._axis]
        if not np.isfinite(found).all() or not found.any():
            return math.inf, 1.0
        scale = float(found @ self._target / (found @ found))
        return float(np.sqrt(np.mean((scale * found - self._target) ** 2))), scale


def fit(folder: Path) -> tuple[Formula, Formula]:
    """Print the winner as curves and as symbols, and return both."""
    count, strategy = last(folder)
    heights = strategy.favourite
    print(f"after {count} generations of {POPULATION}: heights at r = {KNOTS}")
    space = load_space("logit").model_copy(update={"genes": None})
    texts = {}
    for place, name in enumerate(CURVES):
        own = heights[place * len(KNOTS) : (place + 1) * len(KNOTS)]
        error, text = min(Fit(own, space).run(seed) for seed in range(FIT_RESTARTS))
        print(f"  {name:7} {own}\n          {text}, error {error:.3f}")
        texts[name] = text
    symbols = {name: above(text) for name, text in texts.items()}
    symbols["g_real"] = above(texts["g_fake"], "sub(m, d)")
    found = formula_of(heights), Formula.of("logit", symbols)
    for name, formula in zip(("curves", "symbols"), found, strict=True):
        print(f"{name}: {formula.text}")
    return found


def check(folder: Path, workers: int | None) -> None:
    """Compare both with relativistic hinge, each at its own best rates, on seeds that chose nothing, and print it."""
    losses = [RELATIVISTIC_HINGE, *(formula.text for formula in fit(folder))]
    data = DATA.format(os.environ["GANETIC_DATA"])
    found = compared(losses, data, folder / "check", CHECK_SEEDS, workers)
    print(found.summary().to_string())
    print(found.differences().to_string())


def above(text: str, argument: str = "sub(d, m)") -> str:
    """The expression over d as one over the logit above the other batch's mean."""
    words = text.replace("(", " ( ").replace(")", " ) ").replace(",", " , ").split()
    return "".join(argument if word == "d" else word for word in words)


def main() -> None:
    """Search, fit symbols, or compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("step", choices=("search", "fit", "check"))
    parser.add_argument("folder", type=Path, help="where the generations are, or will be")
    parser.add_argument("--generations", type=int, default=GENERATIONS)
    parser.add_argument("--workers", type=int, help="trainings at once; by default one a core")
    given = parser.parse_args()
    if given.step == "fit":
        fit(given.folder)
        return
    if not os.environ.get("GANETIC_DATA"):
        raise UserError("GANETIC_DATA is not set; expected the folder of pneumoniamnist28")
    if given.step == "check":
        check(given.folder, given.workers)
        return
    given.folder.mkdir(parents=True, exist_ok=True)
    proxy_data = prepare(load_images(DATA.format(os.environ["GANETIC_DATA"])), PROXY)
    with (
        run_lock(given.folder),
        RayExecutor(trial_job, proxy_data, workers=given.workers, wall_seconds=WALL_SECONDS) as executor,
    ):
        search(given.folder, given.generations, proxy_data, executor)


if __name__ == "__main__":
    run_script(main)
