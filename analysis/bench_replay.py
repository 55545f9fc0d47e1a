"""Measures how long a search of 100,000 trials takes to be resumed and to be shown.

Run it as ``python analysis/bench_replay.py [TRIALS]``. The trials are made up: 40 % complete, one loss in four of these
is trained on two more seeds, and the losses are distinct and cheap to generate.
"""

import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ganetic.callbacks import NullProgressCallback
from ganetic.errors import run_script
from ganetic.evolution.config import Measure, RunConfig
from ganetic.evolution.results import JOURNAL, open_run
from ganetic.evolution.search_loop import SearchLoop
from ganetic.evolution.space import SearchSpace, load_space
from ganetic.evolution.trial_queue import kept_of
from ganetic.evolution.trial_request import TrialRequest
from ganetic.jobs.executor import JobResult, Payload, SerialExecutor
from ganetic.jobs.journal import Journal, Submission
from ganetic.training.spec import PruningRule, TrialSpec

START_FD = 900.0
KILL = (PruningRule(step=100, above=0.85), PruningRule(step=200, above=0.4))


def configuration(space: SearchSpace) -> RunConfig:
    """What such a run would be a function of."""
    return RunConfig(
        space=space,
        data=space.data,
        measures=(
            Measure(
                proxy=space.proxies[0].name,
                images="mnist5k:0123456789ab",
                features="0" * 16,
                metric="fd@mnist5k-cnn64/2k",
                start_fd=START_FD,
                floor_fd=3.0,
                model="dcgan28-w16",
                kill=KILL,
            ),
        ),
        seed=0,
    )


def proposals(space: SearchSpace, count: int, stream: random.Random) -> Iterator[tuple[TrialRequest, bool]]:
    """Trials in order of submission, and whether they complete."""
    produced = individual = 0
    while produced < count:
        first, second = individual // 9000 + 1, individual % 9000 + 1000
        text = f"add(mul({first}, log(p)), sqrt(add(mul({second}, square(sub(p, y))), exp(neg(p)))))"
        completes = stream.random() < 0.4
        climbs = completes and stream.random() < 0.25
        for seed in range(min(3 if climbs else 1, count - produced)):
            proposal = TrialRequest(
                kind="reseed" if seed else "child",
                individual=individual,
                text=text,
                fingerprint=f"{individual:016x}",
                nodes=13,
                rung=1 if seed else 0,
                slot=seed,
                steps=space.rungs[0].steps,
                prunable=True,
                origin="crossover 1 2",
                rejections={} if seed else {"no_separation": 7, "vanishing": 3, "duplicate_text": 1},
            )
            yield proposal, completes
            produced += 1
        individual += 1


def trial_of(space: SearchSpace, proposal: TrialRequest) -> TrialSpec:
    """What a worker would be given."""
    return TrialSpec(
        formula=proposal.text,
        seed=proposal.slot,
        steps=proposal.steps,
        checkpoints=space.checkpoints(proposal.steps),
        kill=KILL,
        proxy=space.proxies[0].spec,
        materials=space.proxies[0].name,
    )


def record_of(trial: TrialSpec, completes: bool, stream: random.Random) -> dict[str, object]:
    """What it would return: the loss was stopped at the first kill rule, or trained to the end."""
    steps = [step for step in trial.measured if completes or step <= trial.kill[0].step]
    end = stream.uniform(40, 150)
    trace = [(0, START_FD), *((step, end * (1 + 20 * stream.random() / step)) for step in steps)]
    state = {"state": "completed"} if completes else {"state": "pruned", "reason": "non_convergence"}
    return {**state, "trace": trace, "steps": steps[-1], "seconds": 3.0, "peak_memory_bytes": 400_000_000}


def write_run(directory: Path, count: int) -> RunConfig:
    """Write the journal of a run that was stopped after so many trials."""
    space, stream = load_space("quick"), random.Random(0)
    config = configuration(space)
    submissions, outcomes = [], []
    for number, (proposal, completes) in enumerate(proposals(space, count, stream)):
        trial = trial_of(space, proposal)
        payload = kept_of(trial.model_dump(mode="json"), proposal.model_dump(mode="json"))
        submissions.append(Submission(number, proposal.kind, proposal.individual, proposal.text, payload, time.time()))
        record = record_of(trial, completes, stream)
        outcomes.append(JobResult(number, "done", record, None, 1, 3.0, "here"))
    meta = {"config": config.model_dump(mode="json"), "made_with": {}}
    with Journal.create(directory / JOURNAL, meta) as journal:
        journal.submit_all(submissions)
        journal.record_all(outcomes)
    return config


def replayed(directory: Path, config: RunConfig, count: int) -> SearchLoop:
    """A driver that has taken in the journal, as it stands before it asks for the next trial."""
    with (
        Journal.open(directory / JOURNAL) as journal,
        SerialExecutor(_never, None) as executor,
    ):
        driver = SearchLoop(config, journal, executor, NullProgressCallback(), count, None)
        driver.replay()
    return driver


def _never(context: None, payload: Payload) -> Payload:
    raise AssertionError(f"nothing is left to train, but {payload} of {context} was")


def main() -> None:
    """Write the journal, read it back twice, and print how long that took."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory(prefix="ganetic-") as folder:
        directory = Path(folder)
        config = write_run(directory, count)
        began = time.perf_counter()
        replayed(directory, config, count)
        print(f"replay of {count} trials: {time.perf_counter() - began:.1f} s")
        began = time.perf_counter()
        run = open_run(directory)
        print(f"open_run: {time.perf_counter() - began:.1f} s")
        began = time.perf_counter()
        front = run.front()
        print(f"front of {len(front)}: {time.perf_counter() - began:.1f} s")
        began = time.perf_counter()
        print(f"individuals ({len(run.individuals())}): {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    run_script(main)
