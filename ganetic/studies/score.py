"""One loss on a few seeds: no evolution, no kill rules."""

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import pandas as pd
from pydantic import Field

from ganetic.callbacks import NullProgressCallback, Progress, ProgressCallback, progress_of
from ganetic.config import Config
from ganetic.errors import UserError
from ganetic.evolution.chosen import as_known
from ganetic.evolution.individual import seed_trace
from ganetic.evolution.resources import Runtime
from ganetic.evolution.seeds import SEEDS_A_ROLE, training_seed
from ganetic.evolution.space import SearchSpace, load_space
from ganetic.evolution.trial_queue import trial_result
from ganetic.jobs.executor import Executor
from ganetic.jobs.grid import Cell, run_grid
from ganetic.jobs.journal import Record
from ganetic.loss.card import resolve_loss
from ganetic.loss.formula import Formula
from ganetic.metrics.fitness import Fitness, fitness
from ganetic.stats import mean_interval
from ganetic.studies.study import STUDIES, Study, StudyPage, Surroundings
from ganetic.training.card_rates import found_at_other_rates, rates_of
from ganetic.training.proxy_data import ProxyData
from ganetic.training.result import TrialResult
from ganetic.training.spec import TrialSpec

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Score:
    """What came of a score.

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
    callback: ProgressCallback[Progress] | None = None,
) -> Score:
    """Train a proxy with one loss on a few seeds, which chose no loss of any run, for the steps of the space's finals.

    Of several proxies of a space the first alone is used; `ganetic.studies.compare.compare` trains on all.

    Args:
        loss: a name of the library, a card's path, or an expression.
        data: a data set; None for the space's own. A proxy that names its data keeps to it.
        seeds: how many, at most 100.
        space: whose proxy and finals are used.
        runtime: where.
        callback: its ``update`` is told where the trainings stand; sentences go to `logging`, see `ganetic.callbacks`.

    Raises:
        UserError: something given is wrong.
    """
    callback, runtime = callback or NullProgressCallback(), runtime or Runtime()
    space = space if isinstance(space, SearchSpace) else load_space(space)
    name, formula = resolve_loss(loss)
    if not 1 <= seeds <= SEEDS_A_ROLE:
        raise UserError(f"seeds is {seeds}; expected 1 to {SEEDS_A_ROLE}")
    space, data = as_known(space, data or space.data, runtime)
    proxy = space.proxies[0]
    if len(space.proxies) > 1:
        _logger.info(
            f"on {proxy.name}, the first of {len(space.proxies)} proxies; `ganetic compare` trains on all of them"
        )
    if said := found_at_other_rates(loss, [rates_of(proxy)], "trained here at"):
        _logger.warning(f"{said}; `ganetic compare --rates` chooses each loss's own")
    proxy_data = runtime.proxy_data(proxy.data or data, proxy.spec)
    trials = _trials(formula, space, seeds)
    with runtime.executor(proxy_data, space.finals.steps) as executor:
        results = _train(trials, executor, callback)
    return _score_of(name, formula, trials, results, proxy_data)


def _score_of(
    name: str, formula: Formula, trials: list[TrialSpec], results: list[TrialResult], proxy_data: ProxyData
) -> Score:
    traces = [seed_trace(result) for result in results]
    ends = [proxy_data.start_fd if trace.failed else trace.points[-1][1] for trace in traces]
    interval = mean_interval([math.log(fd) for fd in ends])
    return Score(
        name=name,
        readable=formula.readable,
        metric=proxy_data.protocol,
        floor_fd=proxy_data.floor_fd,
        steps=trials[0].steps,
        seeds=pd.DataFrame(
            [_row(trial, result) for trial, result in zip(trials, results, strict=True)],
            columns=("seed", "state", "reason", "fd", "seconds"),
        ),
        fitness=fitness(traces, proxy_data.start_fd, proxy_data.floor_fd),
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


def _train(trials: list[TrialSpec], executor: Executor, callback: ProgressCallback[Progress]) -> list[TrialResult]:
    cells = [Cell(0, trial.formula, trial.model_dump(mode="json")) for trial in trials]
    with TemporaryDirectory(prefix="ganetic-score-") as folder:
        records = run_grid(
            Path(folder) / "journal.db",
            {},
            cells,
            executor,
            lambda grid: callback.update(progress_of("training", grid)),
        )
    return [_result(trial, record) for trial, record in zip(trials, records, strict=True)]


def _result(trial: TrialSpec, record: Record) -> TrialResult:
    if record.status == "raised":
        raise RuntimeError(f"the trial of seed {trial.seed} raised:\n{record.error}")
    return trial_result(record.state, record.record, record.seconds)


def _row(trial: TrialSpec, result: TrialResult) -> tuple[int, str, str | None, float, float]:
    fd = result.trace[-1][1] if result.trace else math.nan
    return trial.seed, str(result.state), result.reason, fd, result.seconds


class ScoreConfig(Config):
    """What a score is a function of; see `score`."""

    loss: str
    """A published loss, a card's path, or an expression."""
    data: str | None = None
    """A data set; None for the space's own."""
    seeds: Annotated[int, Field(ge=1, le=100)] = 3
    """Trainings."""
    space: str = "quick"
    """Whose proxy and finals are used."""


@STUDIES.register("score")
class ScoreStudy(Study[ScoreConfig, Score]):
    """One loss on a few seeds."""

    config = ScoreConfig
    keeps = "no trainings"

    def run(self, config: ScoreConfig, folder: Path, surroundings: Surroundings) -> Score:  # noqa: ARG002
        """Train; nothing is kept."""
        return score(config.loss, config.data, config.seeds, config.space, surroundings.runtime, surroundings.callback)

    def page(self, results: Score) -> StudyPage:
        """Say how the seeds did, and what they say together beside the floor."""
        low, high, floor = results.fd_low, results.fd_high, results.floor_fd
        return (
            f"{results.name}: {results.readable}",
            results.seeds,
            f"{results.metric}: {results.fitness.fd:.1f}, 95 % interval {low:.1f} to {high:.1f} (real against real: "
            f"{floor:.1f}); instability {results.fitness.instability:.2f}; {results.fitness.failed} of "
            f"{len(results.seeds)} seeds failed; {results.steps} steps each",
        )
