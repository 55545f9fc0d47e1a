"""One loss on a few seeds: no evolution, no kill rules."""

import math
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ganetic.errors import UserError
from ganetic.evolution.chosen import as_known
from ganetic.evolution.individual import seed_trace
from ganetic.evolution.ledger import describe, trial_result
from ganetic.evolution.listener import Listener, Silence, Snapshot
from ganetic.evolution.runtime import Runtime
from ganetic.evolution.seeds import SEEDS_A_ROLE, training_seed
from ganetic.evolution.space import SearchSpace, load_space
from ganetic.jobs.executor import Executor
from ganetic.jobs.statistics import mean_interval
from ganetic.loss.card import resolve_loss
from ganetic.loss.formula import Formula
from ganetic.metrics.stability import Fitness, fitness
from ganetic.training.card_rates import found_at_other_rates, rates_of
from ganetic.training.result import TrialResult
from ganetic.training.spec import TrialSpec


@dataclass(frozen=True, eq=False)
class Score:
    """What came of it.

    Attributes:
        name: of the loss.
        readable: its formula.
        metric: with its protocol.
        floor_fd: real images against real ones.
        steps: of each training.
        seeds: a row a seed: seed, state, reason, fd, seconds.
        fitness: over the seeds, a failed one counting as the untrained generator.
        fd_low: end of the 95 % t interval of fitness.fd, of ln fd; NaN of one seed.
        fd_high: the other end.
    """

    name: str
    readable: str
    metric: str
    floor_fd: float
    steps: int
    seeds: pd.DataFrame
    fitness: Fitness
    fd_low: float
    fd_high: float


def score(
    loss: str | Path,
    data: str | None = None,
    seeds: int = 3,
    space: str | Path | SearchSpace = "quick",
    runtime: Runtime | None = None,
    listener: Listener | None = None,
) -> Score:
    """Train a proxy with one loss on a few seeds, which chose no loss of any run, for the steps of the space's finals.

    Of several proxies of a space the first alone is used; `ganetic.studies.compare.compare` trains on all.

    Args:
        loss: a name of the library, a card's path, or an expression.
        data: a data set; None for the space's own. A proxy that names its data keeps to it.
        seeds: how many, at most 100.
        space: whose proxy and finals are used.
        runtime: where.
        listener: who watches.

    Raises:
        UserError: something given is wrong.
    """
    listener, runtime = listener or Silence(), runtime or Runtime()
    space = space if isinstance(space, SearchSpace) else load_space(space)
    name, formula = resolve_loss(loss)
    if not 1 <= seeds <= SEEDS_A_ROLE:
        raise UserError(f"seeds is {seeds}; expected 1 to {SEEDS_A_ROLE}")
    space, data = as_known(space, data or space.data, runtime, listener)
    proxy = space.proxies[0]
    if len(space.proxies) > 1:
        listener.log(
            f"on {proxy.name}, the first of {len(space.proxies)} proxies; `ganetic compare` trains on all of them"
        )
    if said := found_at_other_rates(loss, [rates_of(proxy)], "trained here at"):
        listener.log(f"{said}; `ganetic compare --rates` chooses each loss's own")
    materials = runtime.materials(proxy.data or data, proxy.spec, listener)
    trials = _trials(formula, space, seeds)
    with runtime.executor(materials, space.finals.steps) as executor:
        results = _train(trials, executor, listener)
    traces = [seed_trace(result) for result in results]
    ends = [materials.start_fd if trace.failed else trace.points[-1][1] for trace in traces]
    interval = mean_interval([math.log(fd) for fd in ends])
    return Score(
        name=name,
        readable=formula.readable,
        metric=materials.protocol,
        floor_fd=materials.floor_fd,
        steps=space.finals.steps,
        seeds=pd.DataFrame(
            [_row(trial, result) for trial, result in zip(trials, results, strict=True)],
            columns=("seed", "state", "reason", "fd", "seconds"),
        ),
        fitness=fitness(traces, materials.start_fd, materials.floor_fd),
        fd_low=math.exp(interval.low),
        fd_high=math.exp(interval.high),
    )


def _trials(formula: Formula, space: SearchSpace, seeds: int) -> list[TrialSpec]:
    steps = space.finals.steps
    return [
        TrialSpec(
            formula=formula.text,
            seed=training_seed(0, "confirmation", number),
            steps=steps,
            checkpoints=space.checkpoints(steps),
            proxy=space.proxies[0].spec,
        )
        for number in range(seeds)
    ]


def _train(trials: list[TrialSpec], executor: Executor, listener: Listener) -> list[TrialResult]:
    began = time.monotonic()
    results: dict[int, TrialResult] = {}
    for number, trial in enumerate(trials):
        executor.submit(number, trial.model_dump(mode="json"))
    while executor.outstanding():
        for outcome in executor.wait(1.0):
            if outcome.status == "raised":
                raise RuntimeError(f"the trial of seed {trials[outcome.number].seed} raised:\n{outcome.error}")
            results[outcome.number] = trial_result(outcome.status, outcome.record, outcome.seconds)
        listener.update(
            Snapshot(
                phase="training",
                submitted=len(trials),
                finished=len(results),
                running=min(executor.outstanding(), executor.slots),
                target=len(trials),
                elapsed_seconds=time.monotonic() - began,
                states=dict(Counter(describe(result) for result in results.values())),
                rejections={},
                leaders=(),
                slots=executor.slots,
            )
        )
    return [results[number] for number in range(len(trials))]


def _row(trial: TrialSpec, result: TrialResult) -> tuple[int, str, str | None, float, float]:
    fd = result.trace[-1][1] if result.trace else math.nan
    return trial.seed, str(result.state), result.reason, fd, result.seconds
