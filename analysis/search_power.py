"""What helps a search? Real searches with and without each device, with equal budgets of training steps.

    python -m analysis.search_power DIR [--minutes 10] [--seeds 3] [--arms base random …]

Searches with every arm and seed, one after another, into DIR/ARM-sSEED, and goes on where it was stopped; then prints a
table. An arm is a space that differs from the base in the keys that stand in `arms`. The budget is counted in training
steps, not in time: `--minutes` are turned into steps at a fixed rate, and `--steps` says them outright. Finals come on
top, as many for each arm and each of its proxies. With few seeds the table describes these searches and proves nothing;
it shows the spread over them.
"""

import argparse
import math
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from analysis.diversity import BEST, occupied, skeleton_of
from ganetic.errors import UserError, unknown
from ganetic.evolution.nsga2 import hypervolume
from ganetic.evolution.resources import Runtime
from ganetic.evolution.results import EXHAUSTED, JOURNAL, Run, open_run
from ganetic.evolution.search import resume, search
from ganetic.evolution.space import SearchSpace, load_space
from ganetic.jobs.executor import Executor, JobResult, Payload
from ganetic.loss.formula import Formula
from ganetic.plots.beside import WORST_INSTABILITY

STEPS_A_MINUTE = 12_000
"""An estimate for two workers on two idle cores: about 9 ms a step and 10 % for measurements. Other nets take other
times, which changes how long an arm takes, and not how much it may spend."""

REFERENCE = "bce"
PLAIN_RATE = 2e-3
"""Of the second proxy of the arm `proxies`, without batch norm: of the rates of `analysis/proxies.md` the only one with
which most losses train there."""
RADIUS = 0.2
"""Of the niches that are counted: less than half of 0.53, the smallest distance between two published losses, and far
above 0.01, that of wordings of one (`python -m analysis.diversity`)."""

COMMON: dict[str, Any] = {
    "finals": {"finalists": 3, "seeds": 5, "references": [REFERENCE]},
    "stop": {"max_trials": 1_000_000},
}
"""Keys that all arms share."""


def arms(base: SearchSpace) -> dict[str, dict[str, Any]]:
    """The keys in which each arm differs from the base."""
    proxy = base.proxies[0].model_dump(mode="json")
    plain = {**proxy, "name": "plain", "batch_norm": False, "learning_rate": PLAIN_RATE}
    return {
        "base": {},
        "random": {"evolution": {"random": True}},
        "proxies": {"proxies": [proxy, plain]},
    }


def arm_space(base: SearchSpace, changes: Mapping[str, Any]) -> SearchSpace:
    """The base with what all arms share and what this one changes."""
    return SearchSpace.model_validate(merged(merged(base.model_dump(mode="json"), COMMON), changes))


def merged(old: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy with some keys changed, tables key by key, lists as a whole."""
    both = dict(old)
    for key, value in changes.items():
        before = both.get(key)
        both[key] = merged(before, value) if isinstance(before, Mapping) and isinstance(value, Mapping) else value
    return both


class StepBudget(Executor):
    """Another executor, which asks the search to stop, as Ctrl-C does, once trials have taken so many steps."""

    def __init__(self, inner: Executor, steps: int) -> None:
        self._inner, self._left = inner, steps

    @property
    def slots(self) -> int:
        """Of the other."""
        return self._inner.slots

    def submit(self, number: int, payload: Payload) -> None:
        """Submit to the other."""
        self._inner.submit(number, payload)

    def wait(self, timeout: float | None = None) -> list[JobResult]:
        """Wait for the other, and count the steps of what ended."""
        outcomes = self._inner.wait(timeout)
        had_some = self._left > 0
        self._left -= sum(int((outcome.record or {}).get("steps", 0)) for outcome in outcomes)
        if had_some and self._left <= 0:
            signal.raise_signal(signal.SIGINT)
        return outcomes

    def outstanding(self) -> int:
        """Of the other."""
        return self._inner.outstanding()

    def close(self) -> None:
        """Close the other."""
        self._inner.close()


def run_arm(directory: Path, space: SearchSpace, seed: int, steps: int, runtime: Runtime) -> Run:
    """Search until the steps are spent, then run the finals; goes on with what is there already.

    Raises:
        KeyboardInterrupt: it was stopped before its end.
        UserError: what is there is another search.
    """
    begun = (directory / JOURNAL).exists()
    there = open_run(directory) if begun else None
    if there and (there.config.space, there.config.seed) != (space, seed):
        raise UserError(f"{directory}: is a search with another space or seed; name a new directory")
    left = steps - (there.steps if there else 0)
    if there and there.status == "finished" and (left <= 0 or there.stop_reason == EXHAUSTED):
        return there
    if left > 0:
        longest = max(space.rungs[-1].steps, space.finals.steps)
        most = space.stop.max_trials
        limited = replace(
            runtime, max_trials=most, make_executor=lambda context: StepBudget(runtime.executor(context, longest), left)
        )
        run = resume(directory, limited) if begun else search(space, run=directory, seed=seed, runtime=limited)
        if run.status == "finished":  # it ran out of losses before it ran out of steps
            return run
        if run.steps < steps:
            raise KeyboardInterrupt
    run = resume(directory, replace(runtime, max_trials=open_run(directory).asked))
    if run.status != "finished":
        raise KeyboardInterrupt
    return run


def measures(run: Run, rung: int) -> dict[str, float]:
    """What the table says of one search; losses are compared at the given rung."""
    individuals, history, finals = run.individuals(), run.history(), run.finals()
    tried = individuals[(individuals["rung"] >= 0) | (individuals["failed"] > 0)]
    best = individuals[individuals["viable"]].sort_values(["rung", "fd"], ascending=[False, True]).head(BEST)
    formulas = [Formula.from_text(text) for text in best["formula"]]
    at_rung = history[history["rung"] == rung]
    points = list(zip(np.log(at_rung["fd"]), at_rung["instability"], strict=True))
    return {
        "steps": run.steps,
        "losses": len(tried),
        "viable": float(tried["viable"].mean()) if len(tried) else math.nan,
        "niches": occupied(formulas, RADIUS),
        "skeletons": len({skeleton_of(formula) for formula in formulas}),
        "hypervolume": hypervolume(points, (math.log(run.config.start_fd), WORST_INSTABILITY)),
        "ratio": final_ratio(finals),
    }


def final_ratio(finals: pd.DataFrame) -> float:
    """The lowest fd of a finalist over that of BCE on the same seeds; NaN where one of them is missing."""
    reference, found = (
        finals.loc[finals["name"] == REFERENCE, "fd"],
        finals.loc[~finals["reference"].astype(bool), "fd"],
    )
    return float(found.min() / reference.iloc[0]) if len(reference) and len(found) else math.nan


FORMATS: dict[str, Callable[[float], str]] = {
    "losses": lambda value: f"{value:.0f}",
    "viable": lambda value: f"{value:.0%}",
    "niches": lambda value: f"{value:.0f}",
    "skeletons": lambda value: f"{value:.0f}",
    "hypervolume": lambda value: f"{value:.2f}",
    "ratio": lambda value: f"{value:.3f}",
}
HEADS = {
    "losses": "losses",
    "viable": "viable",
    "niches": "niches",
    "skeletons": "skeletons",
    "hypervolume": "volume",
    "ratio": f"best / {REFERENCE}",
}


def table(results: Mapping[str, Sequence[Mapping[str, float]]]) -> Table:
    """A row an arm, the mean over its searches, and below it a row a search, in order of seeds."""
    laid = Table(box=None, pad_edge=False, header_style="dim")
    laid.add_column("arm", no_wrap=True)
    for head in HEADS.values():
        laid.add_column(head, justify="right", no_wrap=True)
    for arm, runs in results.items():
        laid.add_row(f"{arm} ({len(runs)})", *[_mean([run[key] for run in runs], FORMATS[key]) for key in HEADS])
        for seed, run in enumerate(runs):
            laid.add_row(f"  seed {seed}", *[_mean([run[key]], FORMATS[key]) for key in HEADS], style="dim")
    return laid


def _mean(values: Sequence[float], form: Callable[[float], str]) -> str:
    known = [value for value in values if not math.isnan(value)]
    return form(sum(known) / len(known)) if known else "-"


def _parser(known: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--space", default="paper", help="the base of all arms")
    parser.add_argument("--minutes", type=float, default=10.0, help="about how long a search takes on two cores")
    parser.add_argument("--steps", type=int, help="training steps of a search, instead of --minutes")
    parser.add_argument("--seeds", type=int, default=3, help="searches of each arm")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--arms", nargs="+", default=list(known), metavar="ARM", help=f"some of {', '.join(known)}")
    return parser


def main(arguments: Sequence[str] | None = None, runtime: Runtime | None = None) -> None:
    """Run what is missing, and print the table."""
    names = list(arms(load_space("quick")))
    options = _parser(names).parse_args(arguments)
    base = load_space(options.space)
    for name in options.arms:
        if name not in names:
            raise unknown("arm", name, names)
    budget = options.steps or round(options.minutes * STEPS_A_MINUTE)
    runtime = runtime or Runtime(workers=options.workers)
    spaces = {name: arm_space(base, arms(base)[name]) for name in options.arms}
    rung = min(1, len(base.rungs) - 1)  # the first on which losses are ranked on several seeds
    results: dict[str, list[dict[str, float]]] = {name: [] for name in spaces}
    options.directory.mkdir(parents=True, exist_ok=True)
    for seed in range(options.seeds):
        for name, space in spaces.items():
            print(f"{name}, seed {seed}, {budget} steps", file=sys.stderr, flush=True)
            run = run_arm(options.directory / f"{name}-s{seed}", space, seed, budget, runtime)
            results[name].append(measures(run, rung))
    console = Console()
    console.print(table(results), markup=False, highlight=False)
    several = "; fd over several proxies is a mean of its own" if "proxies" in spaces else ""
    seeds, steps = base.rungs[rung].seeds, base.rungs[rung].steps
    console.print(
        f"Each search and the mean of an arm: descriptive, no test. {budget:,} steps each; losses trained, the viable "
        f"share; niches within {RADIUS:g} and skeletons among the best {BEST}; the best "
        f"finalist's fd over that of {REFERENCE}. Volume: hypervolume of (ln fd, instability) after {steps} steps on "
        f"{seeds} seeds below the untrained generator's fd and {WORST_INSTABILITY:g}{several}.",
        markup=False,
        highlight=False,
    )


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"search_power: error: {error}")
    except KeyboardInterrupt:
        sys.exit("search_power: stopped; the same command goes on from here")
