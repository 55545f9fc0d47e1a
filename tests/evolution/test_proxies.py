"""Searches that try each loss on more than one proxy."""

import math
from collections import Counter
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganetic.config import validate
from ganetic.errors import UserError
from ganetic.evolution.individual import DEAD_SHARE, Individual, Scale
from ganetic.evolution.resources import Context
from ganetic.evolution.results import Run, open_run
from ganetic.evolution.search import plan, search
from ganetic.evolution.selection import pick_card
from ganetic.evolution.space import Rung, SearchSpace, SpaceProxy
from ganetic.jobs.executor import Payload, SerialExecutor
from ganetic.metrics.fitness import Fitness, combined
from ganetic.report.finals import finals_table
from ganetic.training.proxy_data import ProxyData
from ganetic.training.result import TrialResult, TrialState
from ganetic.training.spec import ProxySpec
from tests.evolution.fakes import (
    PROXY_DATA,
    SPACE,
    FakeRuntime,
    journal_of,
    runtime,
    serial,
    simulated,
    trials_of,
    work,
)

TWO = SPACE.model_copy(
    update={"proxies": (SpaceProxy(name="main"), SpaceProxy(name="plain", batch_norm=False, width=8, data="other"))}
)
SCALES = (Scale(900.0, 3.0), Scale(400.0, 2.0))


@cache
def finished() -> Run:
    directory = Path(mkdtemp(prefix="ganetic-proxies-")) / "run"
    return search(TWO, run=directory, seed=3, runtime=runtime(serial))


def completed(fd: float, steps: int = 40) -> TrialResult:
    return TrialResult(state=TrialState.COMPLETED, trace=((0, 900.0), (steps, fd)), steps=steps)


FAILED = TrialResult(state=TrialState.FAILED, reason="mode_collapse", trace=((0, 900.0),), steps=40)


def test_a_trial_names_its_proxy_and_materials() -> None:
    specs = {proxy.name: proxy.spec for proxy in TWO.proxies}
    seen: Counter[str] = Counter()
    for submission, trial in trials_of(finished().directory):
        assert trial.materials is not None
        seen[trial.materials] += 1
        assert trial.proxy == specs[trial.materials]
        if submission.kind != "final":
            slot = submission.payload["about"]["slot"]
            assert trial.materials == TWO.proxies[slot % 2].name
            assert trial.seed == submission.payload["seed"] == 3000 + slot // 2
    assert min(seen.values()) > 10


def test_the_dead_cost_no_second_trial() -> None:
    journal = journal_of(finished().directory)
    states = {number: state for number, _, state, *_ in journal["records"]}
    first: dict[int, str] = {}
    second: set[int] = set()
    for number, kind, individual, _, payload in journal["submissions"]:
        if kind == "final":
            continue
        if payload["about"]["slot"] == 0:
            first[individual] = states[number]
        else:
            second.add(individual)
    failed = {individual for individual, state in first.items() if state != "completed"}
    assert failed and second
    assert not failed & second


def test_fd_is_the_geometric_mean_over_proxies_and_seeds() -> None:
    run = finished()
    traces = run.traces()
    for row in run.individuals().itertuples():
        if row.rung == 0 and row.viable:
            own = traces[
                (traces["individual"] == row.individual) & (traces["step"] == 40) & (traces["kind"] != "final")
            ]
            assert len(own) == 2
            assert row.fd == pytest.approx(math.exp(own["fd"].map(math.log).mean()))
            assert row.seeds == 1


def test_finals_and_the_card_show_every_proxy() -> None:
    run = finished()
    assert run.status == "finished"
    finals, values = run.finals(), run.final_values()
    assert (finals["seeds"] == TWO.finals.seeds).all()
    assert len(values) == len(finals) * TWO.finals.seeds * 2
    card = pick_card(run, "fd")
    assert [result.model for result in card.results] == ["dcgan8-w16", "dcgan8-w8-nobn"]
    for results in (card.results, *(reference.results for reference in card.references)):
        assert len(results) == 2
        assert {result.seeds for result in results} == {(3100, 3101, 3102)}
    row = finals[finals["individual"] == card.provenance.individual].iloc[0]
    assert row["failed"] == sum(result.failed for result in card.results)
    joint = math.exp(sum(math.log(value) for result in card.results for value in result.values) / 6)
    assert row["fd"] == pytest.approx(joint, rel=1e-4)
    instabilities = [result.instability for result in card.results]
    assert row["instability"] == pytest.approx(sum(i for i in instabilities if i is not None) / 2, abs=1e-4)


def first_seed_fails(context: Context, payload: Payload) -> Payload:
    """In the finals a loss trains on every seed but the first, whatever the proxy."""
    record = work(context, payload)
    number = payload["seed"] - 3100
    if number < 0:
        return record
    ended = {"state": "completed", "reason": None} if number else {"state": "failed", "reason": "mode_collapse"}
    trace = [(step, 900.0 - step) for step in (0, *payload["checkpoints"])]
    return {**record, **ended, "trace": trace, "steps": payload["steps"]}


def test_a_finalist_that_fails_on_one_seed_of_each_proxy_survives(tmp_path: Path) -> None:
    one_fails = runtime(lambda context: SerialExecutor(first_seed_fails, context))
    run = search(TWO, run=tmp_path / "run", seed=3, runtime=one_fails)
    finals = run.finals()
    assert (finals["trainings"] == 6).all() and (finals["failed"] == 2).all()
    assert pick_card(run).provenance.individual in set(finals["individual"])
    cells = [text for row in finals_table(finals, run.final_values()).texts() for text in row]
    assert cells.count("2/6") == len(finals)


def test_any_number_of_workers_finds_the_same(tmp_path: Path) -> None:
    one = search(TWO, run=tmp_path / "one", seed=5, runtime=runtime(simulated(1)))
    many = search(TWO, run=tmp_path / "many", seed=5, runtime=runtime(simulated(7)))
    assert journal_of(one.directory) == journal_of(many.directory)


def test_every_proxy_has_materials_and_a_measure_of_its_own(tmp_path: Path) -> None:
    asked: list[tuple[str, bool]] = []

    class Asked(FakeRuntime):
        def proxy_data(self, data: str, proxy: ProxySpec) -> ProxyData:
            asked.append((data, proxy.batch_norm))
            return PROXY_DATA

    where = Asked(make_executor=lambda context: SerialExecutor(work, context), max_trials=4)
    run = search(TWO, run=tmp_path / "run", runtime=where)
    assert asked == [("nothing", True), ("other", False)]
    assert [measure.proxy for measure in run.config.measures] == ["main", "plain"]
    assert run.config.metric.endswith("over 2 proxies")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_an_individual_dies_of_one_proxy(order: tuple[int, int]) -> None:
    rungs = (Rung(steps=40, seeds=1),)
    one = Individual(0, "p", "0", 1)
    results = {order[0]: FAILED, order[1]: completed(50.0)}
    rungs_done = [one.take(slot, 40, results[slot], rungs, SCALES) for slot in (0, 1)]
    assert one.dead
    assert sum(rungs_done) == 1
    assert not one.viable


def test_a_share_of_failures_is_tolerated_on_each_proxy() -> None:
    rungs = (Rung(steps=40, seeds=3),)
    one = Individual(0, "p", "0", 1)
    for slot in range(6):
        one.take(slot, 40, FAILED if slot < 2 else completed(50.0), rungs, SCALES)
    assert one.viable and DEAD_SHARE == 0.5
    assert one.fitness.failed == 2
    parts = math.log(900) + math.log(400) + 4 * math.log(50)
    assert one.fitness.fd == pytest.approx(math.exp(parts / 6))


@given(
    st.lists(st.tuples(st.floats(1, 900), st.floats(1, 900)), min_size=2, max_size=6),
    st.tuples(st.floats(1, 900), st.floats(1, 900)),
)
def test_the_geometric_mean_ranks_as_the_mean_of_logs_against_any_reference(
    losses: list[tuple[float, float]], reference: tuple[float, float]
) -> None:
    joint = [math.log(combined([Fitness(a, 0.0, 0), Fitness(b, 0.0, 0)]).fd) for a, b in losses]
    relative = [(math.log(a / reference[0]) + math.log(b / reference[1])) / 2 for a, b in losses]
    offsets = [one - other for one, other in zip(joint, relative, strict=True)]
    assert offsets == pytest.approx([offsets[0]] * len(offsets), abs=1e-9)


def test_the_plan_counts_every_proxy() -> None:
    assert plan(TWO)["final_trials"] == 2 * plan(SPACE)["final_trials"]


def test_names_must_differ() -> None:
    data = TWO.model_dump(mode="json")
    data["proxies"][1]["name"] = "main"
    with pytest.raises(UserError, match="proxies have the names main, main"):
        validate(data, SearchSpace, where="my.toml")


def test_resuming_goes_on_with_both(tmp_path: Path) -> None:
    from ganetic.evolution.search import resume

    search(TWO, run=tmp_path / "run", seed=3, runtime=runtime(serial, max_trials=20))
    resume(tmp_path / "run", runtime=runtime(serial, max_trials=40))
    resumed, whole = (run.trials().query("kind != 'final'") for run in (open_run(tmp_path / "run"), finished()))
    columns = ["formula", "seed", "fd"]
    assert resumed[columns].values.tolist() == whole[columns].values.tolist()
    assert len(resumed) == 40


def test_a_resumed_run_keeps_the_kill_rules_that_it_was_begun_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ganetic.evolution import search as runs
    from ganetic.training.spec import PruningRule

    calibrated = SPACE.model_copy(update={"kill": "calibrated"})
    monkeypatch.setattr(runs, "kill_rules", lambda *_: (PruningRule(step=20, above=0.6),))
    search(calibrated, run=tmp_path / "run", seed=3, runtime=runtime(serial, max_trials=20))
    monkeypatch.setattr(runs, "kill_rules", lambda *_: (PruningRule(step=30, above=0.1),))
    run = runs.resume(tmp_path / "run", runtime=runtime(serial, max_trials=30))
    (measure,) = run.config.measures
    assert measure.kill == (PruningRule(step=20, above=0.6),)
    assert {rule.step for _, trial in trials_of(tmp_path / "run") for rule in trial.kill} == {20}
