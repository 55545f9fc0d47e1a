import json
import math
import os
import random
import shutil
import sqlite3
import statistics
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.bench_replay import write_run
from ganetic.callbacks import Progress, ProgressCallback
from ganetic.errors import UserError
from ganetic.evolution import records as reader
from ganetic.evolution import results
from ganetic.evolution.results import Run, latest_run, open_run
from ganetic.evolution.search import resume, search
from ganetic.evolution.space import Rung
from ganetic.evolution.trial_queue import results_of
from ganetic.jobs.journal import JobSummary, Journal, Record
from ganetic.loss.equivalence import published_name
from ganetic.loss.formula import Formula
from ganetic.report.renderers.markdown import markdown
from ganetic.report.run import run_page
from ganetic.training.result import TrialResult
from tests.evolution.fakes import SCALE, SPACE, journal_of, runtime, serial_with_mishaps
from tests.evolution.victim import drive_until, in_process
from tests.reference.stability_numpy import fitness as reference_fitness

MISHAPS = runtime(serial_with_mishaps, max_trials=70)
THREE_RUNGS = SPACE.model_copy(
    update={"rungs": (Rung(steps=40, seeds=1), Rung(steps=40, seeds=3), Rung(steps=80, seeds=4))}
)


@cache
def finished() -> Run:
    return search(THREE_RUNGS, run=Path(mkdtemp(prefix="ganetic-")) / "run", seed=3, runtime=MISHAPS)


def records() -> dict[int, tuple[Any, ...]]:
    return {record[0]: record for record in journal_of(finished().directory)["records"]}


def test_trials() -> None:
    table = finished().trials()
    assert list(table.columns) == [
        *("number", "kind", "individual", "formula", "seed", "steps", "state", "reason", "fd", "seconds"),
        *("submitted_at", "finished_at", "node"),
    ]
    submissions = journal_of(finished().directory)["submissions"]
    assert len(table) == len(submissions)
    for row, (number, kind, subject, text, payload) in zip(table.to_dict("records"), submissions, strict=True):
        _, status, state, reason, record, _ = records()[number]
        expected = (number, kind, subject, text, payload["seed"], payload["steps"], state, reason)
        assert tuple(None if pd.isna(value) else value for value in row.values())[:8] == expected
        assert row["fd"] == record["trace"][-1][1] if status == "done" else math.isnan(row["fd"])
        assert row["submitted_at"] <= row["finished_at"]
    assert set(table["kind"]) == {"child", "reseed", "final"}
    assert set(table[table["kind"] == "final"]["seed"]) == {3100, 3101, 3102}
    assert set(table[table["kind"] != "final"]["seed"]) == {3000, 3001, 3002, 3003}


def test_traces() -> None:
    table = finished().traces()
    assert list(table.columns) == ["number", "individual", "kind", "seed", "step", "fd"]
    for number, rows in table.groupby("number"):
        points = [[int(step), fd] for step, fd in zip(rows["step"], rows["fd"], strict=True)]
        assert points == records()[int(str(number))][4]["trace"]
    assert table["number"].nunique() == sum(record[1] == "done" for record in records().values())


def test_individuals() -> None:
    table = finished().individuals()
    assert list(table.columns) == [
        *("individual", "name", "formula", "readable", "origin", "rung", "seeds", "failed", "fd", "instability"),
        *("viable", "nodes", "fingerprint", "on_front"),
    ]
    assert table["individual"].tolist() == list(range(len(table)))
    assert set(table["rung"]) == {-1, 0, 1, 2}
    for row in table.to_dict("records"):
        rung = THREE_RUNGS.rungs[max(row["rung"], 0)]
        trials = measured(row["individual"], rung)
        assert row["readable"] == Formula.from_text(row["formula"]).readable
        if row["rung"] < 0:
            assert not row["viable"]
            assert math.isnan(row["fd"])
            assert finished().search_values(row["individual"]).empty
            continue
        assert (row["seeds"], row["failed"]) == (rung.seeds, sum(failed for _, failed, _ in trials))
        fd, instability = by_hand(trials)
        assert row["fd"] == pytest.approx(fd, rel=1e-9)
        assert row["instability"] == pytest.approx(instability, rel=1e-9, abs=1e-12)
        values = finished().search_values(row["individual"])
        assert values["seed"].tolist() == [3000 + seed for seed, _, _ in trials]
        assert values["fd"].tolist() == [SCALE.start_fd if failed else trace[-1][1] for _, failed, trace in trials]


def measured(individual: int, rung: Rung) -> list[tuple[int, bool, list[tuple[int, float]]]]:
    """(seed, failed, trace) of the trials that a rung asks for, from the bare journal."""
    found = {}
    for number, kind, subject, _, payload in journal_of(finished().directory)["submissions"]:
        seed = payload["seed"] - 3000
        if kind != "final" and subject == individual and payload["steps"] == rung.steps and seed < rung.seeds:
            _, _, state, _, record, _ = records()[number]
            found[seed] = (seed, state != "completed", record["trace"] if record else [])
    return [found[seed] for seed in sorted(found)]


def by_hand(trials: list[tuple[int, bool, list[tuple[int, float]]]]) -> tuple[float, float]:
    found = reference_fitness([(failed, trace) for _, failed, trace in trials], *SCALE)
    return float(found[0]), float(found[1])


def test_front() -> None:
    run = finished()
    front, everyone = run.front(), run.individuals()
    top = everyone[everyone["viable"] & (everyone["rung"] == everyone[everyone["viable"]]["rung"].max())]
    undominated = [
        row["individual"]
        for row in top.to_dict("records")
        if not (
            (top["fd"] <= row["fd"])
            & (top["instability"] <= row["instability"])
            & ((top["fd"] < row["fd"]) | (top["instability"] < row["instability"]))
        ).any()
    ]
    assert sorted(front["individual"]) == sorted(undominated)
    assert front["fd"].is_monotonic_increasing
    assert set(everyone[everyone["on_front"]]["individual"]) == set(front["individual"])
    assert list(front.columns) == list(everyone.columns)


def test_finals() -> None:
    table, values = finished().finals(), finished().final_values()
    assert list(table.columns) == [
        *("contestant", "individual", "name", "readable", "formula", "reference", "seeds", "trainings"),
        *("failed", "fd", "fd_low", "fd_high", "sd_ln_fd", "instability"),
    ]
    assert list(values.columns) == ["contestant", "individual", "name", "proxy", "seed", "failed", "fd"]
    assert table["fd"].is_monotonic_increasing
    assert sorted(table["name"]) == ["", "", "bce", "ganetic"]
    assert len(values) == 12
    for row in table.to_dict("records"):
        mine = values[values["contestant"] == row["contestant"]]
        fds = mine["fd"].tolist()
        assert mine["seed"].tolist() == [3100, 3101, 3102]
        assert row["fd"] == pytest.approx(statistics.geometric_mean(fds))
        assert (row["fd_low"], row["fd_high"]) == pytest.approx((min(fds), max(fds)))
        assert row["sd_ln_fd"] == pytest.approx(np.std(np.log(fds), ddof=1))
        assert row["failed"] == fds.count(SCALE.start_fd)
        assert row["reference"] == (row["individual"] == -1) == (row["name"] != "")


def test_states_and_rejections() -> None:
    run = finished()
    assert sum(run.states().values()) == len(run.trials())
    table = run.trials()
    states = table["state"] + (": " + table["reason"].astype("string")).fillna("")
    assert run.states() == states.value_counts().to_dict()
    assert run.rejections()["no_separation"] > 10


def test_scores_are_the_individuals_without_names_and_readable_forms() -> None:
    everyone = finished().individuals()
    pd.testing.assert_frame_equal(finished().scores(), everyone.drop(columns=["name", "readable"]))


def test_some_individuals_are_rows_of_the_table_of_all() -> None:
    everyone = finished().individuals()
    some = [0, *everyone["individual"][everyone["viable"]].tail(2)]
    pd.testing.assert_frame_equal(finished().individuals(some), everyone.iloc[some].reset_index(drop=True))
    assert finished().individuals([10**6]).empty
    with pytest.raises(LookupError, match="no individual 1000000"):
        finished().search_values(10**6)


def test_a_look_stays_as_it_was_when_the_run_goes_on(tmp_path: Path) -> None:
    where = runtime(serial_with_mishaps, max_trials=20)
    search(SPACE, run=tmp_path / "run", seed=7, runtime=where)
    early, whole = open_run(tmp_path / "run"), open_run(tmp_path / "run")
    assert len(whole.trials()) > 20  # read before, the other one after the run went on
    resume(tmp_path / "run", runtime(serial_with_mishaps, max_trials=60))
    assert open_run(tmp_path / "run").asked == 60
    for table in ("trials", "traces", "individuals", "front", "finals", "final_values", "scores", "history"):
        pd.testing.assert_frame_equal(getattr(early, table)(), getattr(whole, table)())
    for said in ("states", "rejections"):
        assert getattr(early, said)() == getattr(whole, said)()
    assert (early.asked, early.under_way, early.results) == (20, 0, whole.results)


def test_what_is_shown_of_a_long_run_needs_few_of_its_trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path, 2000)
    read: set[int] = set()
    named: list[Formula] = []

    def noting(records: list[Record]) -> dict[int, TrialResult]:
        read.update(record.number for record in records)
        return results_of(records)

    def naming(formula: Formula) -> str:
        named.append(formula)
        return published_name(formula)

    monkeypatch.setattr(reader, "results_of", noting)
    monkeypatch.setattr(results, "published_name", naming)
    run = open_run(tmp_path)
    assert "Front: " in markdown(run_page(run))
    assert sum(run.states().values()) == run.asked == 2000
    assert len(named) == len(run.front()) > 0
    needed = len(read)
    trials = run.trials()
    assert set(trials["number"][trials["individual"].isin(run.front()["individual"])]) <= read
    assert 0 < needed < 400
    assert len(run.results) == len(read) == 2000


def test_pandas_reads_a_journal_in_one_line() -> None:
    with sqlite3.connect(finished().directory / "journal.db") as connection:
        table = pd.read_sql("select * from trials", connection)
    connection.close()
    assert table["fd"].equals(finished().trials()["fd"])


def test_a_damaged_run_is_not_resumed(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    shutil.copytree(finished().directory, directory)
    with sqlite3.connect(directory / "journal.db") as connection:
        connection.execute("update records set record = ? where number = 3", ['{"state": "won"}'])
    connection.close()
    assert open_run(directory).asked == finished().asked  # it does not come to light before it is read
    with pytest.raises(UserError, match="damaged"):
        resume(directory, runtime(serial_with_mishaps, max_trials=80))


def test_reading_a_run_while_it_is_written(tmp_path: Path) -> None:
    class Reader(ProgressCallback[Progress]):
        seen: list[int] = []  # noqa: RUF012 - of this one callback

        def update(self, progress: Progress) -> None:
            if progress.finished % 7:
                return
            process = in_process(_look, tmp_path / "run")  # another one, as `ganetic show` is
            process.start()
            process.join()
            assert process.exitcode == 0
            self.seen.append(progress.finished)

    search(SPACE, run=tmp_path / "run", runtime=runtime(max_trials=20), callback=Reader())
    assert len(Reader.seen) > 2


def _look(directory: Path) -> None:
    run = open_run(directory)
    assert run.status == "running"
    trials = run.trials()
    assert len(run.traces()) == sum(len(result.trace) for result in run.results.values()) > 0
    assert len(run.results) == trials["state"].ne("running").sum() <= len(trials)
    assert len(run.front()) <= len(run.individuals())
    assert run.finals().empty == trials[trials["state"] != "running"]["kind"].ne("final").all()


def test_an_empty_search_has_empty_tables(tmp_path: Path) -> None:
    drive_until(tmp_path / "run", ("submitted", 0))
    run = open_run(tmp_path / "run")
    assert len(run.trials()) == 1
    assert run.trials()["state"].tolist() == ["running"]
    for table in (run.traces(), run.front(), run.finals(), run.final_values()):
        assert table.empty
    assert run.individuals()["viable"].tolist() == [False]
    assert (run.status, run.stop_reason) == ("stopped", None)


def test_a_finished_run_that_went_on_is_no_longer_finished(tmp_path: Path) -> None:
    where = runtime(serial_with_mishaps, max_trials=10)
    assert search(SPACE, run=tmp_path / "run", seed=7, runtime=where).status == "finished"
    drive_until(tmp_path / "run", ("ended", 5), max_trials=30)
    run = open_run(tmp_path / "run")
    assert run.status == "stopped"
    resume(tmp_path / "run", runtime(serial_with_mishaps, max_trials=30))
    assert open_run(tmp_path / "run").status == "finished"


def test_the_latest_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run there yet"):
        latest_run(tmp_path / "runs")
    for number, name in enumerate(("b", "a", "c")):
        shutil.copytree(finished().directory, tmp_path / name)
        os.utime(tmp_path / name / "journal.db", (1000 + number, 1000 + number))
    os.utime(tmp_path / "a" / "journal.db", (2000, 2000))
    (tmp_path / "empty").mkdir()
    (tmp_path / "c" / "journal.db-wal").symlink_to(tmp_path / "gone")  # as between a glob and a look
    assert latest_run(tmp_path) == tmp_path / "a"


def test_a_run_is_not_called_finished_before_all_its_finals_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "run"
    drive_until(directory, ("submitted", 45))
    read = Journal.entries
    resumed: list[bool] = []

    def entries(journal: Journal) -> list[JobSummary]:
        if not resumed:
            resumed.append(True)
            resume(directory, runtime(serial_with_mishaps))
        return read(journal)

    monkeypatch.setattr(Journal, "entries", entries)
    run = open_run(directory)
    assert resumed and (run.status_when_idle == "stopped" or run.under_way == 0)


@pytest.mark.parametrize("name", ["nowhere", "empty", "file"])
def test_what_is_no_run_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    for action in (open_run, resume):
        with pytest.raises(UserError, match=r"no run here|not a run"):
            action(tmp_path / name)
    assert not list((tmp_path / "empty").iterdir())


def test_a_damaged_journal_is_refused_in_one_line_or_read(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    shutil.copytree(finished().directory, directory)
    content, stream = (directory / "journal.db").read_bytes(), random.Random(0)
    refused = 0
    for _ in range(150):
        damaged = bytearray(content[: stream.choice([len(content), stream.randrange(len(content))])])
        for _ in range(stream.choice([0, 1, 20])):
            damaged[stream.randrange(len(damaged) or 1)] = stream.randrange(256)
        (directory / "journal.db").write_bytes(damaged)
        try:
            run = open_run(directory)
            _ = (run.trials(), run.traces(), run.individuals(), run.front(), run.finals(), run.final_values())
            _ = (run.states(), run.rejections(), run.status, run.stop_reason)
        except UserError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 50


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        ("update submissions set payload = ? where number = 3", ["{}"]),
        ("update submissions set payload = ? where number = 3", [json.dumps({"about": {"kind": "child"}})]),
        (
            "update submissions set payload = replace(payload, ?, ?) where number = 3",
            ['"individual":3', '"individual":99'],
        ),
        ("update submissions set text = ?", ["nonsense("]),
        ("update records set record = ? where number = 3", ['{"state": "won"}']),
        ("update records set record = ?, state = 'completed' where number = 3", ['{"state":"completed","trace":[]}']),
        ("update records set record = null, state = ? where number = 3", ["won"]),
        ("delete from submissions where number = ?", [3]),
        ("update meta set value = ? where key = 'config'", ["3"]),
        ("update events set detail = ?", ["{}"]),
    ],
)
def test_a_journal_full_of_nonsense_is_refused_in_one_line(statement: str, values: list[Any], tmp_path: Path) -> None:
    directory = tmp_path / "run"
    shutil.copytree(finished().directory, directory)
    with sqlite3.connect(directory / "journal.db") as connection:
        connection.execute(statement, values)
    connection.close()
    with pytest.raises(UserError) as caught:
        run = open_run(directory)
        _ = (run.trials(), run.traces(), run.individuals(), run.front(), run.finals(), run.final_values())
        _ = (run.states(), run.rejections(), run.status, run.stop_reason)
    assert "\n" not in str(caught.value)
    assert "journal.db" in str(caught.value)
