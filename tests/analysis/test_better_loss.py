"""The steps of the plan from the first search to what may be claimed, with trainings that are made up."""

import json
import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from analysis.better_loss import __main__ as script
from analysis.better_loss import colour, confirmation, figure, finals, margin, plan, r1, rivals
from ganetic.errors import UserError, run_script
from ganetic.evolution.resources import Runtime
from ganetic.evolution.results import open_run
from ganetic.evolution.space import Genes, SearchSpace
from ganetic.jobs.executor import SerialExecutor
from ganetic.loss.card import read_card
from ganetic.loss.equivalence import published_name
from ganetic.loss.formula import Formula
from ganetic.studies.compare import open_comparison
from ganetic.studies.confirm import results_of
from ganetic.training.spec import PruningRule
from tests.evolution.fakes import SPACE, runtime, work

SMALL = SPACE.model_copy(
    update={
        "genes": Genes(learning_rates=(1e-3, 2e-3, 4e-3), tuning_seeds=1),
        "finals": SPACE.finals.model_copy(update={"finalists": 4, "references": ()}),
    }
)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan in small."""

    def fake(workers: int | None, **options: Any) -> Runtime:
        return runtime(**options)

    def space(source: object) -> SearchSpace:
        return SMALL

    monkeypatch.setattr(plan, "Runtime", fake)
    monkeypatch.setattr(plan, "load_space", space)
    monkeypatch.setattr(plan, "SEEDS", (1, 2))
    monkeypatch.setattr(confirmation, "CHOOSING_SEEDS", (1, 2))
    for module, name, seeds in (
        (confirmation, "SELECTION_SEEDS", plan.Seeds(7201, 3, 2)),
        (confirmation, "CONFIRMATION_SEEDS", plan.Seeds(7301, 4, 1)),
        (r1, "R1_SEEDS", plan.Seeds(7601, 3, 1)),
        (margin, "ELSEWHERE_SEEDS", plan.Seeds(7701, 3, 1)),
        (margin, "MARGIN_SEEDS", plan.Seeds(7901, 3, 1)),
        (margin, "ALONE_SEEDS", plan.Seeds(7751, 3, 1)),
        (rivals, "ALONE_SEEDS", plan.Seeds(7751, 3, 1)),
        (margin, "SAME_RATES_SEEDS", plan.Seeds(7751, 3, 1)),
        (colour, "COLOUR_SEEDS", plan.Seeds(7851, 3, 1)),
    ):
        assert getattr(module, name).run == seeds.run
        monkeypatch.setattr(module, name, seeds)
    monkeypatch.setattr(plan, "TRIALS", {"plain": 30, "neighbours": 20, "random": 30})
    monkeypatch.setattr(plan, "COLOUR_RULES", {10: 0.85})
    monkeypatch.setenv("GANETIC_DATA", "/nowhere")


def assert_nothing_is_read_before_all_have_ended(selection: Path, name: str) -> None:
    begun = copytree(selection, selection.parent / "begun" / selection.name)
    with closing(sqlite3.connect(begun / "journal.db")) as journal, journal:
        journal.execute("DELETE FROM records WHERE number = (SELECT MAX(number) FROM records)")
    with pytest.raises(UserError, match=r"of \d+ trainings have ended; nothing is read from it before all have"):
        confirmation.winner(name, begun.parent)


def test_the_steps_of_the_plan(small: None, tmp_path: Path) -> None:
    assert not confirmation.is_searched("chest", tmp_path)
    for one in plan.searches():
        plan.make(one, tmp_path, None)
    before = {one.name: (tmp_path / one.name / "journal.db").read_bytes() for one in plan.searches()}
    for one in plan.searches():
        plan.make(one, tmp_path, None)
    assert before == {one.name: (tmp_path / one.name / "journal.db").read_bytes() for one in plan.searches()}
    assert len(before) == 10
    head, *rows, last = finals.neighbours(tmp_path)
    assert head.split()[-1] == "ratio"
    assert len(rows) == 4
    assert last.startswith("geometric mean ")
    assert [line.split()[-5] for line in finals.twins(tmp_path)] == 10 * ["0"]
    _, *table = (line.split() for line in finals.random_table(tmp_path))
    assert [arm for name, arm, *_ in table if name == "chest"] == [*2 * ["plain", "neighbours"], "random"]
    assert all(float(found) >= float(best) for *_, best, found in table)
    for name in plan.SETS:
        assert confirmation.is_searched(name, tmp_path)
        confirmation.select(name, tmp_path, None)
        selection = open_comparison(tmp_path / f"{name}-selection")
        assert 2 <= len(selection.settings.names) <= confirmation.SELECTED
        first = next(one for one in selection.summaries() if not one.failed)
        (text,) = (loss.text for loss in selection.settings.losses if loss.name == first.loss)
        assert read_card(confirmation.winner(name, tmp_path)).formula.text == text
        assert_nothing_is_read_before_all_have_ended(selection.directory, name)
        confirmation.confirm(name, tmp_path, None)
        confirmed = open_comparison(tmp_path / f"{name}-confirmation")
        assert set(confirmed.runs()["seed"]) == set(range(7301200, 7301204))
        assert not set(confirmed.runs()["seed"]) & set(selection.runs()["seed"])
    found = confirmation.family(tmp_path)
    assert len(found) == len(plan.SETS) * len(plan.RIVALS)
    lines = list(confirmation.tables(tmp_path))
    losses = 1 + len(plan.RIVALS)
    assert len(lines) == 1 + len(found) + len(plan.SETS) + 1 + losses
    assert lines[-losses - 1].startswith("as good everywhere: ")
    assert all(line.startswith("failed: ") and f" of {4 * len(plan.SETS)} (" in line for line in lines[-losses:])
    for path in confirmation.winner_cards(tmp_path):
        card = read_card(Path(path))
        assert [result.role for result in card.results] == ["final", "confirmation"]
        assert {reference.name for reference in card.references} == set(plan.RIVALS)
        assert all(reference.results[-1].seeds == card.results[-1].seeds for reference in card.references)
    for name in plan.SETS:
        r1.penalised(name, tmp_path, None)
        assert (tmp_path / f"{name}-r1-0.03").is_dir(), (
            "no weight changes a training that is made up: the lowest is best"
        )
    margin.margin(tmp_path, None)
    beside = open_comparison(tmp_path / "chest-margin").settings
    assert {pair.second for pair in beside.pairs} == {"relativistic-hinge"}
    assert len(beside.losses) == 4
    assert len(list(margin.margin_table(tmp_path))) == 1 + 4 + 3
    penalised = list(r1.penalised_tables(tmp_path))
    assert len(penalised) == len(plan.SETS) * (1 + 1 + 2 * len(r1.R1_RIVALS))


def test_the_joint_search_has_its_one_proxy_on_three_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANETIC_DATA", "/nowhere")
    joint, alone = plan.JOINT_SEARCH, plan.Search("pneumonia", "neighbours", 7101)
    assert joint.name == "joint-neighbours-s7101"
    assert joint.data == alone.data == "npz:/nowhere/pneumoniamnist28/pneumoniamnist28.npz"
    assert joint.trials == 360
    assert [proxy.data for proxy in joint.space.proxies] == [None, "mnist5k", "histology"]
    (only,) = alone.space.proxies
    assert {proxy.spec for proxy in joint.space.proxies} == {only.spec}
    assert joint.space.evolution == alone.space.evolution


def test_the_margin_meets_relativistic_hinge_on_each_set_of_the_joint_search(small: None, tmp_path: Path) -> None:
    margin.margin_elsewhere(tmp_path, None)
    runs = open_comparison(tmp_path / "joint-margin").runs()
    assert set(runs["proxy"]) == {"xray", "digits", "histology"}
    lines = list(margin.margin_elsewhere_table(tmp_path))
    assert len(lines) == 1 + 3 * 2 + 3
    assert sum("Holm p" in line for line in lines) == 3


def work_by_margin(context: Any, payload: dict[str, Any]) -> dict[str, Any]:
    """As `work`, but the loss with the margin is best at half the learning rate of any other."""
    if "3.43" not in payload["formula"]:
        return work(context, payload)
    rate = 2 * payload["proxy"]["learning_rate"]
    return work(context, payload | {"proxy": payload["proxy"] | {"learning_rate": rate}})


def test_the_margin_meets_relativistic_hinge_at_rates_for_each_set(
    small: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fake(workers: int | None, **options: Any) -> Runtime:
        return runtime(lambda context: SerialExecutor(work_by_margin, context), **options)

    monkeypatch.setattr(plan, "Runtime", fake)
    assert list(margin.margin_alone_table(tmp_path)) == []
    margin.margin_alone(tmp_path, None)
    opened = {name: open_comparison(tmp_path / f"{name}-margin-alone") for name in margin.ALONE}
    assert {name: set(one.tuning()["beta1"]) for name, one in opened.items()} == {
        name: set(beta1s) for name, beta1s in margin.ALONE.items()
    }
    differing = [name for name, one in opened.items() if len({loss.rates for loss in one.settings.losses}) == 2]
    again = [open_comparison(margin.same_rates_in(tmp_path, name)).settings.losses for name in differing]
    assert len(differing) == 4
    assert all(own.rates == other.rates for own, other in again)
    lines = list(margin.margin_alone_table(tmp_path))
    assert len(lines) == 1 + 4 * 2 + len(differing) + 4
    assert sum(" over relativistic hinge: " in line for line in lines) == 4
    copytree(margin.alone_in(tmp_path, "pneumonia"), tmp_path / "chest-margin")
    (path,) = margin.margin_card(tmp_path)
    card = read_card(Path(path))
    assert card.formula.text == margin.with_margins(3.43, 1)
    assert [len(results) for results in (card.results, card.references[0].results)] == [5, 5]
    (at_margins_rates,) = results_of(open_comparison(margin.same_rates_in(tmp_path, "pneumonia")), "relativistic-hinge")
    assert card.references[0].results[1].mean <= at_margins_rates.mean, "the better of its rates"
    assert list(rivals.rivals_table(tmp_path)) == []
    rivals.rivals(tmp_path, None)
    for name, losses in rivals.ON_SETS.items():
        others = open_comparison(rivals.rivals_in(tmp_path, name))
        assert set(others.settings.names) == set(losses)
        assert set(others.runs()["seed"]) == set(opened[name].runs()["seed"])
    lines = list(rivals.rivals_table(tmp_path))
    assert len(lines) == 1 + 2 * sum(map(len, rivals.ON_SETS.values()))


def test_what_is_found_on_photographs_meets_published_losses(small: None, tmp_path: Path) -> None:
    colour.colour(tmp_path, None)
    search = open_run(tmp_path / "colour-neighbours-s7101")
    assert search.status_when_idle == "finished"
    found = open_comparison(tmp_path / "colour-check").settings
    assert found.names[2:] == ["relativistic-hinge", "bce"]
    won, margined, *_ = found.losses
    assert not published_name(Formula.from_text(won.text))
    assert won.text in set(search.finals()["formula"])
    assert margined.text == margin.with_margins(3.43, 1)
    (path,) = colour.colour_card(tmp_path)
    assert [result.role for result in read_card(Path(path)).results] == ["final", "confirmation"]
    lines = list(colour.colour_table(tmp_path))
    assert len(lines) == 1 + 4 + 3
    assert sum(" over relativistic-hinge: " in line for line in lines) == 3


def test_the_search_on_photographs_stops_no_published_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANETIC_DATA", "/nowhere")
    colour, gray = plan.COLOUR_SEARCH, plan.Search("pneumonia", "neighbours", 7101)
    assert colour.data == "npz:/nowhere/cifar10_10k/cifar10_10k.npz"
    assert colour.space.proxies == gray.space.proxies
    assert colour.space.kill == tuple(PruningRule(step=step, above=at) for step, at in plan.COLOUR_RULES.items())
    journals = Path(plan.__file__).parents[1].joinpath("fitness_journals").glob("*.jsonl")
    runs = [run for path in journals for run in map(json.loads, path.read_text().splitlines())]
    fds = [run["fd"]["i32 0.98"] for run in runs if run.get("set") == "cifar10_10k"]
    assert len(fds) == 18
    for index, above in enumerate(plan.COLOUR_RULES.values(), start=1):
        assert all(fd[index] / fd[0] < above for fd in fds)


def test_margins_of_one_are_relativistic_hinge() -> None:
    assert published_name(Formula.from_text(margin.with_margins(1, 1))) == "relativistic-hinge"
    assert "relu(sub(3.43, sub(d, m)))" in margin.with_margins(3.43, 1)


def test_the_package_runs_as_a_script_and_tells_of_its_steps(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    steps = [*script.TRAINED, *script.TRAINED_ON_A_SET, *script.PRINTED]
    told = re.findall(r"^    ([a-z0-9-]+)  +", script.__doc__ or "", re.MULTILINE)
    assert set(told) == set(steps)
    monkeypatch.setattr(sys, "argv", [str(Path(script.__file__)), "tables", str(plan.REFERENCE_RUNS / "better-loss")])
    run_script(script.main)
    assert "chest: better than each rival" in capsys.readouterr().out
    monkeypatch.delenv("GANETIC_DATA", raising=False)
    monkeypatch.setattr(sys, "argv", [str(Path(script.__file__)), "colour", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"^better_loss: error: GANETIC_DATA is not set; expected the folder of "):
        run_script(script.main)


def test_the_picture_of_the_margin_is_drawn_from_the_shipped_runs(tmp_path: Path) -> None:
    names = ["chest-margin", *(f"{name}-margin-{kind}" for name in margin.ALONE for kind in ("alone", "same-rates"))]
    for name in names:
        if (plan.REFERENCE_RUNS / "better-loss" / name).is_dir():
            copytree(plan.REFERENCE_RUNS / "better-loss" / name, tmp_path / name)
    (path,) = figure.margin_figure(tmp_path)
    assert Path(path).read_bytes().startswith(b"\x89PNG")
