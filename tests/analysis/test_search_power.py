import math
import signal
from pathlib import Path

import pandas as pd
import pytest

from analysis.search_power import REFERENCE, arm_space, arms, final_ratio, main, measures, merged, run_arm
from ganetic.errors import UserError
from ganetic.evolution.results import open_run
from ganetic.evolution.space import load_space
from ganetic.jobs.executor import Executor, JobResult, SerialExecutor
from tests.evolution.fakes import SPACE, runtime, searched, serial, work

ANALYSIS = Path(__file__).parents[2] / "analysis"
STEPS = 2000
SPACE_TOML = """
name = "tiny"
data = "nothing"
form = "label"
operators = ["add", "sub", "mul", "div", "neg", "square", "cube", "sqrt", "log"]
vanishing_bound = 0.0
trees = { max_nodes = 16, initial_depth = [1, 4] }
evolution = { population = 8, window = 8, reduction_factor = 3 }
checkpoint_every = 10
kill = [{ step = 20, above = 0.6 }]
rungs = [{ steps = 40, seeds = 1 }, { steps = 40, seeds = 3 }]
finals = { steps = 80 }
stop = { max_trials = 40 }
"""


def nobody(_: object) -> Executor:
    raise AssertionError("a finished arm was run again")


def test_an_arm_changes_the_keys_that_it_names() -> None:
    base = load_space("paper")
    spaces = {name: arm_space(base, changes) for name, changes in arms(base).items()}
    assert spaces["random"].evolution == base.randomised().evolution
    assert [proxy.batch_norm for proxy in spaces["proxies"].proxies] == [base.proxies[0].batch_norm, False]
    assert all(space.finals.references == (REFERENCE,) for space in spaces.values())
    assert merged({"a": {"b": 1, "c": 2}, "d": [1]}, {"a": {"b": 3}, "d": [2]}) == {"a": {"b": 3, "c": 2}, "d": [2]}


def test_arms_spend_the_same_and_are_not_run_again(tmp_path: Path) -> None:
    runs = {
        name: run_arm(tmp_path / name, arm_space(SPACE, changes), 0, STEPS, runtime())
        for name, changes in arms(SPACE).items()
    }
    for name, run in runs.items():
        assert run.status == "finished"
        assert STEPS <= run.steps <= STEPS + 40 * 10, name  # what was under way comes to its end
        assert (run.config.space.evolution.random, len(run.config.space.proxies)) == (
            name == "random",
            1 + (name == "proxies"),
        )

    again = run_arm(tmp_path / "base", arm_space(SPACE, {}), 0, STEPS, runtime(nobody))
    assert again.steps == runs["base"].steps


def test_what_is_there_must_be_the_arm(tmp_path: Path) -> None:
    base = arm_space(SPACE, {})
    run_arm(tmp_path / "base", base, 0, 1000, runtime())
    for space, seed in ((base.randomised(), 0), (base, 1)):
        with pytest.raises(UserError, match="another space or seed"):
            run_arm(tmp_path / "base", space, seed, 1000, runtime())
    assert run_arm(tmp_path / "base", base, 0, STEPS, runtime()).steps >= STEPS, "a larger budget goes on"


class Impatient(SerialExecutor):
    """Somebody presses Ctrl-C after 20 trials."""

    ended = 0

    def wait(self, timeout: float | None = None) -> list[JobResult]:
        outcomes = super().wait(timeout)
        self.ended += len(outcomes)
        if self.ended == 20:
            signal.raise_signal(signal.SIGINT)
        return outcomes


def test_an_arm_that_was_stopped_goes_on(tmp_path: Path) -> None:
    space = arm_space(SPACE, {})
    whole = run_arm(tmp_path / "whole", space, 0, STEPS, runtime())
    with pytest.raises(KeyboardInterrupt):
        run_arm(tmp_path / "part", space, 0, STEPS, runtime(lambda context: Impatient(work, context)))
    assert open_run(tmp_path / "part").steps < STEPS / 2
    run = run_arm(tmp_path / "part", space, 0, STEPS, runtime())
    assert run.status == "finished" and run.stop_reason == whole.stop_reason == "max_trials"
    first, second = searched(tmp_path / "whole"), searched(tmp_path / "part")
    assert first[: len(second)] == second[: len(first)]
    assert run.steps >= STEPS


def test_measures_of_a_search(tmp_path: Path) -> None:
    run = run_arm(tmp_path / "base", arm_space(SPACE, {}), 0, STEPS, runtime())
    found = measures(run, 1)
    table = run.individuals()
    assert found["losses"] <= len(table)
    assert 0.4 < found["viable"] <= 1
    assert 1 <= found["niches"] <= 25 and 1 <= found["skeletons"] <= 25
    assert 0 < found["hypervolume"] < math.log(900)
    best = run.finals().set_index("contestant")["fd"]
    assert found["ratio"] == best[[name for name in best.index if name != REFERENCE]].min() / best[REFERENCE]


def test_the_page_prints_what_the_shipped_searches_hold(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    space = str(ANALYSIS / "search_power.toml")
    main([str(ANALYSIS / "search_power_runs"), "--space", space, "--steps", "40000"], runtime(nobody))
    table = "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines())
    assert table.count("seed") >= 9 and table in (ANALYSIS / "search_power.md").read_text(encoding="utf-8")


def test_without_a_reference_there_is_no_ratio() -> None:
    table = pd.DataFrame({"name": ["", ""], "fd": [40.0, 50.0], "reference": [False, False]})
    assert math.isnan(final_ratio(table))
    assert final_ratio(table.assign(name=["", REFERENCE], reference=[False, True])) == 0.8


def test_the_experiment_prints_a_row_an_arm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = tmp_path / "tiny.toml"
    space.write_text(SPACE_TOML, encoding="utf-8")
    arguments = [str(tmp_path / "runs"), "--space", str(space), "--steps", "1000", "--seeds", "2", "--arms"]
    main([*arguments, "base", "random"], runtime(serial))
    printed = capsys.readouterr().out
    assert "base (2)" in printed and "random (2)" in printed and "descriptive, no test" in printed
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == [
        "base-s0",
        "base-s1",
        "random-s0",
        "random-s1",
    ]
    main([*arguments, "base", "random"], runtime(serial))
    assert capsys.readouterr().out == printed
    assert open_run(tmp_path / "runs" / "base-s1").config.seed == 1
