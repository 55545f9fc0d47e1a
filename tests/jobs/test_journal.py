import json
import math
import multiprocessing
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganetic.errors import UserError
from ganetic.jobs.executor import JobResult
from ganetic.jobs.journal import Journal, Submission

PAYLOAD = {"formula": "sqrt(p)", "seed": 3, "steps": 800, "kill": [{"step": 100, "above": 0.5}]}
RECORD = {"state": "pruned", "reason": "mode_collapse", "steps": 200, "trace": [[0, 900.5], [100, 400.25]]}
DONE = JobResult(0, "done", RECORD, None, 1, 7.5, "laptop")
CRASHED = JobResult(1, "crashed", None, "it died", 3, 0.5, "laptop")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    directory = tmp_path / "run"
    directory.mkdir()
    return directory / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal.create(path, {"seed": 7}) as journal:
        yield journal


def fill(journal: Journal) -> None:
    journal.submit(0, "search", 10, "sqrt(p)", PAYLOAD)
    journal.submit(1, "search", 11, "exp(p)", PAYLOAD | {"seed": 4})
    journal.submit(2, "final", 10, "sqrt(p)", PAYLOAD)
    journal.record_all([CRASHED, DONE])
    journal.event(3, "stop", {"why": "max_trials"})


def contents(directory: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in directory.iterdir()}


def test_everything_comes_back(journal: Journal, path: Path) -> None:
    before = time.time()
    fill(journal)
    journal.close()
    with Journal.open(path) as again:
        assert again.meta == {"seed": 7}
        submissions = again.submissions()
        assert [submission[:5] for submission in submissions] == [
            (0, "search", 10, "sqrt(p)", PAYLOAD),
            (1, "search", 11, "exp(p)", PAYLOAD | {"seed": 4}),
            (2, "final", 10, "sqrt(p)", PAYLOAD),
        ]
        done, crashed = again.records()
        assert done[:9] == (0, "done", "pruned", "mode_collapse", RECORD, None, 7.5, 1, "laptop")
        assert crashed[:9] == (1, "crashed", "crashed", None, None, "it died", 0.5, 3, "laptop")
        (event,) = again.events()
        assert event[:3] == (3, "stop", {"why": "max_trials"})
        times = [submissions[0].submitted_at, done.finished_at, event.time]
        assert before <= times[0] <= times[1] <= times[2] <= time.time()


def test_short_forms_and_selections(journal: Journal) -> None:
    fill(journal)
    assert journal.entries() == [
        (0, "search", 10, "pruned", "mode_collapse"),
        (1, "search", 11, "crashed", None),
        (2, "final", 10, None, None),
    ]
    assert journal.endings([2, 0]) == [(0, 10, 800, "pruned", 400.25), (2, 10, 800, None, None)]
    assert journal.endings([1]) == [(1, 11, 800, "crashed", None)]
    assert journal.submissions([2, 0, 7]) == [journal.submissions()[0], journal.submissions()[2]]
    assert journal.records([1, 2]) == journal.records()[1:]
    assert [*journal.submissions([]), *journal.records([]), *journal.endings([])] == []


def test_sums_of_counts_in_payloads(journal: Journal) -> None:
    for number, draws in enumerate([{"late": 1, "same": 3}, {}, {"rare": 1, "late": 4}, {"late": 100}]):
        journal.submit(number, "search", number, "p", {"about": {"draws": draws}})
    journal.submit(4, "search", 4, "p", {})
    assert list(journal.sums("$.about.draws", below=3).items()) == [("late", 5), ("same", 3), ("rare", 1)]
    assert journal.sums("$.about.draws", below=5)["late"] == 105
    assert journal.sums("$.nothing", below=5) == {}


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=10,
)


@settings(max_examples=30, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payload=st.dictionaries(st.text(), plain, max_size=4))
def test_plain_data_comes_back_exactly(payload: dict[str, Any], tmp_path: Path) -> None:
    def surrogates(value: object) -> bool:
        return any("\ud800" <= character <= "\udfff" for character in json.dumps(value, ensure_ascii=False))

    if surrogates(payload):  # not text at all; refused
        return
    path = tmp_path / "journal.db"
    path.unlink(missing_ok=True)
    with Journal.create(path, {}) as journal:
        journal.submit(0, "", 0, "", payload)
        journal.record(replace(DONE, record=payload | {"state": "x", "reason": None}))
        assert journal.submissions()[0].payload == payload
        assert journal.records()[0].record == payload | {"state": "x", "reason": None}
    assert repr(Journal.open_readonly(path).submissions()[0].payload) == repr(payload)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_are_refused_and_nothing_is_written(journal: Journal, bad: float) -> None:
    fine = Submission(0, "search", 0, "p", {}, 0.0)
    with pytest.raises(ValueError, match="not JSON compliant"):
        journal.submit_all([fine, fine._replace(number=1, payload={"deep": [{"x": bad}]})])
    assert journal.submissions() == []
    journal.submit_all([fine])
    with pytest.raises(ValueError, match="not JSON compliant"):
        journal.record(replace(DONE, record={"trace": [[0, bad]]}))
    with pytest.raises(ValueError, match="not JSON compliant"):
        journal.event(0, "stop", {"x": bad})
    assert journal.records() == []
    assert journal.events() == []


def test_a_number_is_submitted_and_recorded_once_and_in_this_order(journal: Journal) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        journal.record(DONE)
    fill(journal)
    with pytest.raises(sqlite3.IntegrityError):
        journal.submit(1, "search", 10, "p", PAYLOAD)
    with pytest.raises(sqlite3.IntegrityError):
        journal.record_all([replace(DONE, number=2), DONE])
    assert [record.number for record in journal.records()] == [0, 1]


def test_the_view_of_trials_is_flat(journal: Journal, path: Path) -> None:
    fill(journal)
    connection = sqlite3.connect(path)
    frame = pd.read_sql("select * from trials", connection)
    connection.close()
    assert list(frame.number) == [0, 1, 2]
    assert list(frame.seed) == [3, 4, 3]
    assert list(frame.steps) == [800, 800, 800]
    assert frame.fd[0] == 400.25
    assert frame.steps_done[0] == 200
    assert (frame.state[0], frame.state[1], pd.isna(frame.state[2])) == ("pruned", "crashed", True)
    assert (frame.reason[0], frame.seconds[0], frame.node[0]) == ("mode_collapse", 7.5, "laptop")
    assert frame[["kind", "subject", "text"]].values.tolist()[2] == ["final", 10, "sqrt(p)"]


def write_for_ever(path: Path) -> None:
    """Submit and record one job after another, saying on stdout how many are done."""
    with Journal.create(path, {}) as journal:
        for number in range(1_000_000):
            journal.submit(number, "search", number, "p", {"blob": "x" * 500})
            journal.record(replace(DONE, number=number, record={"blob": "y" * 500}))
            print(number, flush=True)  # noqa: T201 - read by the test


@pytest.fixture
def writer(path: Path) -> Iterator["subprocess.Popen[str]"]:
    code = (
        "import sys; from pathlib import Path; from tests.jobs.test_journal import *; write_for_ever(Path(sys.argv[1]))"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def read_number(process: "subprocess.Popen[str]") -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def test_it_is_read_while_another_process_writes(writer: "subprocess.Popen[str]", path: Path) -> None:
    read_number(writer)
    reader = Journal.open_readonly(path)
    seen = 0
    for _ in range(60):
        written = read_number(writer)
        records = reader.records()
        assert [record.number for record in records] == list(range(len(records)))
        assert len(records) > written  # no committed record is missing
        assert len(reader.submissions()) >= len(records) >= seen
        seen = len(records)
        Journal.open_readonly(path)
    assert writer.poll() is None


def test_a_kill_loses_nothing_that_was_recorded(writer: "subprocess.Popen[str]", path: Path) -> None:
    last = 0
    while last < 200:
        last = read_number(writer)
    writer.send_signal(signal.SIGKILL)
    assert writer.stdout is not None
    last = max([last, *map(int, writer.stdout.read().split())])
    writer.wait()
    before = contents(path.parent)
    records = Journal.open_readonly(path).records()
    assert [record.number for record in records] == list(range(len(records)))
    assert len(records) >= last + 1
    assert contents(path.parent) == before  # reading mended nothing, the log is still there
    assert path.with_name("journal.db-wal").exists()

    with Journal.open(path) as journal:
        assert journal.records() == records
    assert os.listdir(path.parent) == ["journal.db"]  # noqa: PTH208
    assert Journal.open_readonly(path).records() == records


def test_reading_a_finished_run_touches_nothing(journal: Journal, path: Path) -> None:
    fill(journal)
    journal.close()
    before = contents(path.parent)
    assert list(before) == ["journal.db"]
    path.chmod(0o444)
    path.parent.chmod(0o555)
    reader = Journal.open_readonly(path)
    assert len(reader.submissions()) == 3
    path.parent.chmod(0o755)
    assert contents(path.parent) == before
    with pytest.raises(ValueError, match="not open for writing"):
        reader.submit(9, "search", 0, "p", {})


def test_a_reader_in_the_same_process_does_not_hinder_the_writer(journal: Journal, path: Path) -> None:
    fill(journal)
    journal.close()
    reader = Journal.open_readonly(path)
    assert len(reader.records()) == 2
    with Journal.open(path) as writer:
        writer.record(replace(DONE, number=2))
        assert len(reader.records()) == 3
        assert locks_of(path) > 0  # reading did not drop them
    assert len(reader.records()) == 3


def locks_of(path: Path) -> int:
    """How many locks the kernel knows on a file and its index."""
    inodes = {file.stat().st_ino for file in path.parent.iterdir()}
    lines = Path("/proc/locks").read_text().splitlines()
    return sum(int(line.split(":")[-1].split()[0]) in inodes for line in lines if str(os.getpid()) in line.split())


def test_a_run_closed_while_someone_read_it_is_complete(journal: Journal, path: Path) -> None:
    fill(journal)
    context = multiprocessing.get_context("spawn")
    holding, leave = context.Event(), context.Event()
    other = context.Process(target=hold_open, args=(path, holding, leave))
    other.start()
    holding.wait(30)
    journal.close()  # cannot fold the log in
    leave.set()
    other.join()
    assert path.with_name("journal.db-wal").exists()
    assert len(Journal.open_readonly(path).records()) == 2
    with Journal.open(path) as again:
        assert len(again.records()) == 2
    assert list(contents(path.parent)) == ["journal.db"]


def hold_open(path: Path, holding: Any, leave: Any) -> None:
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    cursor = connection.execute("SELECT * FROM submissions")
    cursor.fetchone()
    holding.set()
    leave.wait(30)
    os._exit(0)


def test_a_journal_is_not_created_over_another_nor_half(journal: Journal, path: Path) -> None:
    fill(journal)
    journal.close()
    before = contents(path.parent)
    with pytest.raises(UserError, match=r"journal\.db: a journal is here already"):
        Journal.create(path, {})
    with pytest.raises(UserError, match="cannot be written"):
        Journal.create(path.parent / "nowhere" / "journal.db", {})
    with pytest.raises(ValueError, match="not JSON compliant"):
        Journal.create(path.parent / "other.db", {"x": math.nan})
    assert contents(path.parent) == before
    (path.parent / ".other.db.new").write_bytes(b"left by a kill")
    Journal.create(path.parent / "other.db", {}).close()
    assert sorted(contents(path.parent)) == ["journal.db", "other.db"]


def other_sqlite(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE meta (key, value)")
    connection.close()


def other_version(path: Path) -> None:
    Journal.create(path, {}).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()


def truncated(path: Path) -> None:
    with Journal.create(path, {}) as journal:
        for number in range(100):
            journal.submit(number, "search", 0, "p", {"blob": "x" * 500})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def overwritten(path: Path) -> None:
    with Journal.create(path, {}) as journal:
        for number in range(100):
            journal.submit(number, "search", 0, "p", {"blob": "x" * 500})
    data = path.read_bytes()
    path.write_bytes(data[:8192] + b"\xff" * 8192 + data[16384:])


def incomplete_copy(path: Path) -> None:
    original = path.with_name("original.db")
    with Journal.create(original, {}) as journal:
        fill(journal)
        shutil.copy(original, path)
        shutil.copy(original.with_name("original.db-wal"), path.with_name("journal.db-wal"))
    original.unlink()


BAD_FILES: list[tuple[Callable[[Path], object], str]] = [
    (lambda path: None, "there is no journal here"),
    (lambda path: path.mkdir(), "is not a file"),
    (lambda path: path.touch(), "is empty"),
    (lambda path: path.write_text("hello " * 1000), "is not a journal, or is damaged"),
    (lambda path: path.write_bytes(b"SQLite format 3\0"), "is not a journal, or is damaged"),
    (other_sqlite, "not a journal of ganetic"),
    (other_version, "schema version 99, expected 1"),
    (truncated, "is not a journal, or is damaged"),
    (overwritten, "is not a journal, or is damaged"),
    (incomplete_copy, "incomplete copy"),
]


@pytest.mark.parametrize(("make", "message"), BAD_FILES)
@pytest.mark.parametrize("opener", [Journal.open, Journal.open_readonly])
def test_what_is_no_usable_journal_is_refused_in_one_line_and_untouched(
    make: Callable[[Path], object], message: str, opener: Callable[[Path], Journal], path: Path
) -> None:
    make(path)
    before = {} if path.is_dir() else contents(path.parent)
    with pytest.raises(UserError, match=message) as caught:
        opener(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    assert path.is_dir() or contents(path.parent) == before


@settings(
    max_examples=150, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_damage_ends_in_a_traceback(data: st.DataObject, tmp_path: Path) -> None:
    original, path = tmp_path / "original.db", tmp_path / "journal.db"
    if not original.exists():
        with Journal.create(original, {"seed": 7}) as journal:
            fill(journal)
    content = bytearray(original.read_bytes())
    for _ in range(data.draw(st.integers(1, 20))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
    try:
        reader = Journal.open_readonly(path)
        _ = reader.meta, reader.submissions(), reader.records(), reader.events()
    except UserError as error:
        assert "\n" not in str(error)
        assert str(path) in str(error)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["journal.db", "original.db"]


def test_many_rows_are_read_in_little_time(journal: Journal) -> None:
    rows = 10_000
    payload = PAYLOAD | {"proxy": dict.fromkeys(("width", "batch", "beta1", "beta2", "latent", "images"), 0.5)}
    journal.submit_all(Submission(number, "search", number, "sqrt(p)", payload, 0.0) for number in range(rows))
    journal.record_all(replace(DONE, number=number) for number in range(rows))
    started = time.process_time()
    assert len(journal.submissions()) == len(journal.records()) == rows
    assert time.process_time() - started < 1.0  # a tenth of the 100,000 of a large run
