"""Whole searches in a second: real evolution, journal and finals, but what a training measures is made up."""

import hashlib
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ganetic.evolution.events import TIMING_AFFECTED
from ganetic.evolution.individual import Scale
from ganetic.evolution.resources import Context, MakeExecutor, Runtime
from ganetic.evolution.results import JOURNAL, open_run
from ganetic.evolution.space import Evolution, Finals, Rung, SearchSpace, Stop, Trees
from ganetic.evolution.trial_maker import TrialMaker
from ganetic.evolution.trial_queue import submissions_in
from ganetic.jobs.executor import Executor, JobResult, Payload, SerialExecutor
from ganetic.jobs.journal import Journal, Submission
from ganetic.metrics.diversity import Diversity
from ganetic.metrics.frechet import FeatureStatistics
from ganetic.training.proxy_data import ProxyData
from ganetic.training.spec import ProxySpec, PruningRule, TrialSpec
from tests.jobs.simulated import SimulatedExecutor

SCALE = Scale(start_fd=900.0, floor_fd=3.0)

KILL = (PruningRule(step=20, above=0.6),)

SPACE = SearchSpace(
    name="tiny",
    data="nothing",
    form="label",
    operators=("add", "sub", "mul", "div", "neg", "square", "cube", "sqrt", "log"),
    vanishing_bound=0.0,
    trees=Trees(max_nodes=16, initial_depth=(1, 4)),
    evolution=Evolution(population=8, window=8, reduction_factor=3),
    checkpoint_every=10,
    kill=KILL,
    rungs=(Rung(steps=40, seeds=1), Rung(steps=40, seeds=3)),
    finals=Finals(finalists=2, seeds=3, steps=80),
    stop=Stop(max_trials=40),
)

PROXY_DATA = ProxyData(
    images=np.zeros((4, 8, 8, 1), dtype=np.uint8),
    weights={},
    inception=None,
    reference=FeatureStatistics(np.zeros(1), np.eye(1), np.eye(1)),
    diversity=Diversity(None, 1.0),
    sample_size=100,
    start_fd=SCALE.start_fd,
    floor_fd=SCALE.floor_fd,
    protocol="fd@nothing-made-up/100",
    data="nothing:0123456789ab",
    features_hash="0" * 16,
    accuracy=None,
    shared="",
)


def noise(*what: object) -> float:
    """A number in [0, 1) that depends on what is given, and on nothing else."""
    return int.from_bytes(hashlib.sha256(repr(what).encode()).digest()[:6]) / 2**48


def work(context: Context | None, payload: Payload) -> dict[str, Any]:
    """A trial's record: from formula, seed and rates alone; a longer trial has a shorter one's trace as its beginning.

    Every loss is best at the proxy's default rates.
    """
    formula, seed = payload["formula"], payload["seed"]
    where = () if payload["materials"] == "main" else (payload["materials"],)
    fate, luck = noise(formula), noise(formula, seed, *where)
    steps = [0, *payload["checkpoints"]]
    if payload["kill"] and 0.1 < fate < 0.2:
        first = payload["kill"][0]["step"]
        steps = [step for step in steps if step <= first]
        return _record("pruned", "non_convergence", [(step, 880.0) for step in steps], first)
    rates = payload.get("proxy", ProxySpec().model_dump())
    off = abs(math.log2(rates["learning_rate"] / 2e-3)) + abs(rates["beta1"] - 0.5)
    end = (40 + 80 * noise(formula, "quality") + 30 * luck) * (1 + 0.5 * off)
    trace = [(step, _fd(end, formula, seed, step)) for step in steps]
    fragile = 0.2 < fate < 0.35 and seed % 100 > 0  # trains on the first seed only
    if fate < 0.1 or luck < 0.1 or fragile:
        return _record("failed", "mode_collapse", trace, steps[-1])
    return _record("completed", None, trace, steps[-1])


def mishap(payload: Payload) -> str | None:
    """What befalls the worker of a trial."""
    chance = noise(payload["formula"], payload["seed"], "mishap")
    return "timed_out" if chance < 0.03 else "crashed" if chance < 0.06 else None


class Mishaps(Executor):
    """Another executor, some of whose trials time out or crash."""

    def __init__(self, inner: Executor) -> None:
        self.inner = inner
        self._payloads: dict[int, Payload] = {}

    @property
    def slots(self) -> int:
        return self.inner.slots

    def submit(self, number: int, payload: Payload) -> None:
        self._payloads[number] = payload
        self.inner.submit(number, payload)

    def wait(self, timeout: float | None = None) -> list[JobResult]:
        return [self._befall(outcome) for outcome in self.inner.wait(timeout)]

    def outstanding(self) -> int:
        return self.inner.outstanding()

    def close(self) -> None:
        self.inner.close()

    def _befall(self, outcome: JobResult) -> JobResult:
        what = mishap(self._payloads[outcome.number])
        if what == "timed_out":
            return JobResult(outcome.number, "timed_out", None, "it ran too long", 2, 9.0, outcome.node)
        if what == "crashed":
            return JobResult(outcome.number, "crashed", None, "it killed three workers", 3, 0.1, outcome.node)
        return outcome


@dataclass(frozen=True)
class FakeRuntime(Runtime):
    """Where nothing is trained."""

    def proxy_data(self, data: str, proxy: ProxySpec) -> ProxyData:
        logging.getLogger(Runtime.__module__).info(f"preparing {data}")
        return PROXY_DATA


def serial(proxy_data: Context) -> Executor:
    return SerialExecutor(work, proxy_data)


def serial_with_mishaps(proxy_data: Context) -> Executor:
    return Mishaps(SerialExecutor(work, proxy_data))


class Counting:
    """Makes serial executors and counts their trainings."""

    def __init__(self, work: Callable[[Any, Payload], dict[str, Any]]) -> None:
        self._work, self.trained = work, 0

    def __call__(self, context: Context) -> Executor:
        return SerialExecutor(self._train, context)

    def _train(self, context: Context, payload: Payload) -> dict[str, Any]:
        self.trained += 1
        return self._work(context, payload)


def eightfold(number: int, payload: Payload) -> float:
    """Seconds of a trial: between 1 and 8, another for each."""
    return math.exp(noise(number, payload["formula"]) * math.log(8))


def simulated(slots: int, duration: Callable[[int, Payload], float] = eightfold) -> MakeExecutor:
    """Makes executors on a virtual clock, with mishaps."""
    return lambda proxy_data: Mishaps(SimulatedExecutor(slots, duration, partial(work, proxy_data)))


def runtime(make_executor: MakeExecutor = serial, **options: Any) -> FakeRuntime:
    return FakeRuntime(make_executor=make_executor, **options)


def trials_of(directory: Path) -> list[tuple[Submission, TrialSpec]]:
    """All submissions of a run, each with the trial that it asked for."""
    with Journal.open_readonly(directory / JOURNAL) as journal:
        made = TrialMaker(open_run(directory).config)
        return [(submission, made.of(submission)) for submission in submissions_in(journal)]


def journal_of(directory: Path) -> dict[str, Any]:
    """A whole journal, but for timings, nodes and attempts."""
    with Journal.open_readonly(directory / JOURNAL) as journal:
        return {
            "config": journal.meta["config"],
            "submissions": [tuple(submission[:5]) for submission in journal.submissions()],
            "records": [(*record[:4], _timeless(record.record), record.error) for record in journal.records()],
            # A timeout is noted when it comes, which is a matter of the clock; what it was that timed out is not.
            "events": [
                (event.at, event.name, event.detail) for event in journal.events() if event.name != TIMING_AFFECTED
            ],
            "timed_out": sorted(event.detail["number"] for event in journal.events() if event.name == TIMING_AFFECTED),
        }


def searched(directory: Path) -> list[tuple[Any, ...]]:
    """What evolution asked for, and what came of it, whatever numbers it had in the journal."""
    journal = journal_of(directory)
    records = {record[0]: record[1:] for record in journal["records"]}
    return [(*row[1:], records[row[0]]) for row in journal["submissions"] if row[1] != "final"]


def _timeless(record: dict[str, Any] | None) -> dict[str, Any] | None:
    clock = ("seconds", "peak_memory_bytes")
    return record and {key: value for key, value in record.items() if key not in clock}


def _fd(end: float, formula: str, seed: int, step: int) -> float:
    if step == 0:
        return SCALE.start_fd
    return (end + (SCALE.start_fd - end) * math.exp(-step / 6)) * (1 + 0.1 * noise(formula, seed, step))


def _record(state: str, reason: str | None, trace: list[tuple[int, float]], steps: int) -> dict[str, Any]:
    return {"state": state, "reason": reason, "trace": trace, "steps": steps, "seconds": 1.0, "peak_memory_bytes": 0}
