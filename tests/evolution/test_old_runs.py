import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ganetic.cli import run_command
from ganetic.errors import UserError
from ganetic.evolution.migrations import SEARCH, SPACE, about_today
from ganetic.evolution.results import JOURNAL, open_run
from ganetic.evolution.search import SPACE_COPY, resume
from ganetic.evolution.space import load_space, read_space
from ganetic.jobs.journal import Journal
from ganetic.loss.card import read_card
from tests.old_runs import RUNS, Counting, copied
from tests.small_run import SPACE as SMALL
from tests.small_run import new_small_run

FORMATS = range(1, SEARCH.version + 1)
FINISHED = [f"search-{version}/finished" for version in FORMATS] + ["search-2/tuned"]
ROOT = Path(__file__).parents[2]


def rows(directory: Path, table: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(directory / JOURNAL) as connection:
        return connection.execute(f"SELECT * FROM {table} ORDER BY number").fetchall()


def rewritten(directory: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the meta of a copy."""
    with Journal.open_readonly(directory / JOURNAL) as journal:
        meta = journal.meta
    change(meta)
    with sqlite3.connect(directory / JOURNAL) as connection:
        connection.execute("DELETE FROM meta")
        connection.executemany("INSERT INTO meta VALUES (?, ?)", [(key, json.dumps(meta[key])) for key in meta])


def test_each_format_has_a_golden_run() -> None:
    assert {path.name for path in RUNS.glob("search-*")} == {f"search-{version}" for version in FORMATS}
    with Journal.open_readonly(RUNS / f"search-{SEARCH.version}" / "finished" / JOURNAL) as journal:
        assert journal.meta["format"] == SEARCH.version
    assert SPACE.version == SEARCH.version


@pytest.mark.parametrize("name", FINISHED)
def test_a_run_of_each_format_is_shown_and_exported(
    name: str, in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = open_run(RUNS / name)
    run.check()
    assert (run.status, run.asked, len(run.results)) == ("finished", 24, 30)
    assert run.config.space.evolution.reduction_factor == 2
    assert [measure.proxy for measure in run.config.measures] == ["main"] == [p.name for p in run.config.space.proxies]
    assert run.config.space.proxies[0].images == 64
    assert len(run.trials()) == len(run.traces()["number"].unique()) == 30
    assert len(run.individuals()) == run.bred == len(run.individuals([*range(run.bred)]))
    assert run.history()["rung"].max() == 1
    assert len(run.finals()) == 3 and run.finals()["seeds"].eq(2).all()
    assert run_command(["show", str(RUNS / name)]) == 0
    shown = capsys.readouterr().out
    assert "bce" in shown and f"#{run.finals()['individual'].max()}" in shown
    assert run_command(["export", "best.json", "--run", str(RUNS / name)]) == 0
    assert read_card(Path("best.json")).provenance is not None


@pytest.mark.parametrize("version", FORMATS)
def test_an_unfinished_run_of_each_format_goes_on_with_the_same_trials(version: int, tmp_path: Path) -> None:
    directory, counting = copied(f"search-{version}/killed", tmp_path), Counting()
    submitted, recorded = rows(directory, "submissions"), rows(directory, "records")
    begun = open_run(directory)
    assert (begun.status, len(submitted), len(recorded)) == ("stopped", 19, 14)
    ended = resume(directory, counting.runtime(begun.config.measures))
    assert ended.status == "finished"
    assert len(counting.payloads) == len(ended.results) - 14  # nothing that had ended was trained again
    assert rows(directory, "submissions")[:19] == submitted
    assert rows(directory, "records")[:14] == recorded
    whole = open_run(RUNS / f"search-{version}" / "finished")
    columns = ["number", "kind", "individual", "formula", "seed", "steps", "state", "fd"]
    assert ended.trials()[columns].equals(whole.trials()[columns])


def test_what_is_gone_from_the_code_is_kept_and_not_gone_on_with(tmp_path: Path) -> None:
    run = open_run(RUNS / "search-2" / "tuned")
    assert run.config.retired == {"evolution.tuning": 0.1, "evolution.niche_radius": 0.2}
    assert open_run(RUNS / "search-2" / "finished").config.retired == {}
    measures = run.config.measures
    with pytest.raises(UserError, match=r"evolution.tuning = 0.1, evolution.niche_radius = 0.2\); it can be shown and"):
        resume(copied("search-2/tuned", tmp_path), replace(Counting().runtime(measures), max_trials=40))


@pytest.mark.parametrize("version", FORMATS)
def test_the_copy_of_the_space_is_that_of_the_run(version: int) -> None:
    for kind in ("finished", "killed"):
        directory = RUNS / f"search-{version}" / kind
        assert read_space(directory / SPACE_COPY) == open_run(directory).config.space


def test_a_new_run_is_of_todays_format(tmp_path: Path) -> None:
    directory = new_small_run(tmp_path / "run").directory
    with Journal.open_readonly(directory / JOURNAL) as journal:
        assert journal.meta["format"] == SEARCH.version
    assert json.loads((directory / SPACE_COPY).read_text())["format"] == SPACE.version
    assert read_space(directory / SPACE_COPY) == SMALL


def test_keys_of_a_newer_version_are_told_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = copied(f"search-{SEARCH.version}/finished", tmp_path)

    def newer(meta: dict[str, Any]) -> None:
        meta["format"] += 1
        meta["config"]["space"]["evolution"]["islands"] = 4
        meta["lineage"] = []

    rewritten(directory, newer)
    assert run_command(["show", str(directory)]) == 2
    said = capsys.readouterr().err
    assert "written by a newer ganetic" in said and "keys not understood: " in said
    assert "config.space.evolution.islands" in said and "lineage" in said
    assert "Traceback" not in said
    rewritten(directory, lambda meta: (meta["config"]["space"]["evolution"].pop("islands"), meta.pop("lineage")))
    assert open_run(directory).status == "finished"  # every key of it is understood


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda meta: meta.update(format="four"), "\"format\" is 'four'; expected 1, 2, …"),
        (lambda meta: meta.update(format=0), "\"format\" is '0'; expected 1, 2, …"),
        (lambda meta: meta["config"].update(space=[1]), "is damaged, or no search of format 1"),
        (lambda meta: meta["config"]["space"].update(evolution=7), "is damaged, or no search of format 1"),
        (lambda meta: meta["config"].update(space={"proxy": {}}), "is damaged, or no search of format 1|missing"),
    ],
)
def test_damage_is_no_format(change: Callable[[dict[str, Any]], Any], message: str, tmp_path: Path) -> None:
    directory = copied("search-3/finished", tmp_path)
    rewritten(directory, change)
    with pytest.raises(UserError, match=message):
        open_run(directory)


def test_what_trials_are_for() -> None:
    child = {"kind": "child", "individual": 3, "text": "p"}
    assert about_today({**child, "seed": 2}, "p") == {**child, "slot": 2}
    assert about_today({"kind": "child", "individual": 3, "slot": 2}, "p") == {**child, "slot": 2}
    final = {"stop": 24, "contestant": "bce", "seed": 1}
    assert about_today(final, "p") == {**final, "proxy": 0}
    for today in ({**child, "slot": 1}, {**final, "proxy": 1}, None):
        assert about_today(today, "p") is today


def test_the_space_of_an_old_study_is_read_by_its_old_names() -> None:
    space = load_space(ROOT / "runs" / "reference" / "transfer" / "width16.toml")
    assert space.evolution.reduction_factor == 4
