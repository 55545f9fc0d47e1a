"""What does not grow with the number of trials, counted; analysis/scale.md has the times."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from analysis.bench_replay import configuration
from analysis.sleeping import SPREAD, Skipping, SleepingExecutor, StopAtTheEnd
from ganetic.evolution import nsga2, sampler, variation
from ganetic.evolution.individual import Scale
from ganetic.evolution.results import JOURNAL
from ganetic.evolution.sampler import NSGA2Sampler
from ganetic.evolution.search_loop import SearchLoop
from ganetic.evolution.space import SearchSpace, load_space
from ganetic.evolution.trial_request import TrialRequest
from ganetic.interrupt import Interrupt
from ganetic.jobs.journal import Journal
from ganetic.training.result import TrialResult, TrialState

SLOTS = 16


def space() -> SearchSpace:
    quick = load_space("quick")
    evolution = quick.evolution.model_copy(update={"window": 4 * SLOTS})
    return quick.model_copy(update={"evolution": evolution})


def driven(folder: Path, rounds: int) -> tuple[SleepingExecutor, StopAtTheEnd, SearchLoop, int]:
    """A search of sleeping trials, and the bytes of its journal."""
    executor, interrupt = SleepingExecutor(SLOTS, 30.0, Skipping()), Interrupt()
    watch, config = StopAtTheEnd(executor, interrupt), configuration(space())
    with Journal.create(folder / JOURNAL, {"config": config.model_dump(mode="json"), "made_with": {}}) as journal:
        loop = SearchLoop(config, journal, executor, watch, rounds * SLOTS, None)
        loop.drive(interrupt)
    return executor, watch, loop, (folder / JOURNAL).stat().st_size


def test_sleeping_slots_are_busy_while_a_search_asks(tmp_path: Path) -> None:
    executor, watch, loop, size = driven(tmp_path, rounds=12)
    first, last = executor.filled, watch.last
    assert first is not None and last is not None and last.at > first.at
    busy = (last.busy - first.busy) / SLOTS / (last.at - first.at)
    assert 0.95 < busy <= 1.0
    assert len(loop.evolution.individuals) > 100
    assert size / (12 * SLOTS) < 1024  # of which the configuration and empty pages are a part


def test_trials_that_sleep_vary_eightfold_about_their_mean() -> None:
    executor = SleepingExecutor(500, 30.0, Skipping())
    payload = {"formula": "p", "seed": 0, "checkpoints": [50], "steps": 50}
    for number in range(500):
        executor.submit(number, payload)
    seconds = []
    while executor.outstanding():
        seconds += [ended.seconds for ended in executor.wait()]
    assert SPREAD * 0.9 < max(seconds) / min(seconds) <= SPREAD
    assert 27 < sum(seconds) / 500 < 33


@pytest.mark.parametrize("before", [100, 3000])
def test_asking_and_telling_look_at_the_population_alone(before: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []

    def counted(function: Callable[[Sequence[Any]], Any]) -> Callable[[Sequence[Any]], Any]:
        def called(members: Sequence[Any]) -> Any:
            lengths.append(len(members))
            return function(members)

        return called

    for module, name in ((sampler, "rank"), (sampler, "worst"), (variation, "rank")):
        monkeypatch.setattr(module, name, counted(getattr(nsga2, name)))
    own = space()
    search, stream = NSGA2Sampler(own, 0, (Scale(900.0, 3.0),)), random.Random(0)
    for number in range(before):
        text = f"add(mul({number // 9000 + 1}, log(p)), mul({number % 9000 + 1000}, square(sub(p, y))))"
        proposal = TrialRequest(
            kind="child", individual=number, text=text, fingerprint=f"{number:016x}", nodes=11, rung=0, slot=0,
            steps=own.rungs[0].steps, prunable=True,
        )  # fmt: skip
        search.register(proposal)
        search.tell(proposal, completed(stream, own))
    individuals = Visited(search.individuals)
    search.individuals = individuals
    lengths.clear()
    for number in range(before, before + 20):
        asked = search.ask(number)
        search.tell(asked, completed(stream, own))
    assert max(lengths) <= own.evolution.population + 1
    assert individuals.visits <= 60


class Visited(list[Any]):
    """A list that counts how often one of it was looked up, and cannot be gone through."""

    visits = 0

    def __getitem__(self, place: Any) -> Any:
        self.visits += 1
        return super().__getitem__(place)

    def __iter__(self) -> Any:
        raise AssertionError("went through all individuals")


def completed(stream: random.Random, own: SearchSpace) -> TrialResult:
    steps = own.rungs[0].steps
    return TrialResult(state=TrialState.COMPLETED, trace=((0, 900.0), (steps, stream.uniform(40, 150))), steps=steps)
