from pathlib import Path

import pytest

from analysis.beside_random import finals_of, row
from analysis.search_power import arm_space, arms
from ganetic.errors import UserError
from ganetic.evolution.resources import Context
from ganetic.evolution.search import search
from ganetic.jobs.executor import Payload, SerialExecutor
from tests.evolution.fakes import SPACE, runtime, work


def test_before_a_loss_has_climbed_to_the_top_there_is_no_number(tmp_path: Path) -> None:
    short = search(SPACE, run=tmp_path / "short", seed=3, runtime=runtime(max_trials=3))
    long = search(SPACE, run=tmp_path / "long", seed=3, runtime=runtime())
    top = long.history()
    top = top[top["rung"] == 1]
    assert row(short, short.steps)[4:] == ["-"] * 4
    assert row(long, short.steps)[4:6] == ["-", "-"] and row(long, short.steps)[6] == f"{top['fd'].min():.3g}"
    assert row(long, long.steps)[4:6] == row(long, long.steps)[6:]


def test_finals_of_several_proxies_are_their_mean(tmp_path: Path) -> None:
    two = arm_space(SPACE, arms(SPACE)["proxies"])
    run = search(two, run=tmp_path / "run", seed=3, runtime=runtime(max_trials=40))
    table, best, _ = finals_of(run)
    finals = run.finals()
    assert best == finals[~finals["reference"].astype(bool)].iloc[0]["contestant"]
    assert len(table) == two.finals.seeds


def test_without_a_finalist_it_says_so(tmp_path: Path) -> None:
    def fails(context: Context, payload: Payload) -> Payload:
        return {**work(context, payload), "state": "failed", "reason": "non_finite"}

    run = search(SPACE, run=tmp_path / "run", runtime=runtime(lambda context: SerialExecutor(fails, context)))
    with pytest.raises(UserError, match="there was no finalist"):
        finals_of(run)
