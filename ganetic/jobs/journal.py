"""The journal of a run: what was submitted, what came of it, and what else happened, in one SQLite file."""

import gc
import json
import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from pydantic_core import from_json

from ganetic.errors import UserError
from ganetic.jobs.disk import refuse_network_disk
from ganetic.jobs.executor import JobResult
from ganetic.jobs.journal_file import (
    APPLICATION_ID,
    SCHEMA_VERSION,
    check_content,
    check_file,
    open_writer,
    reading,
    readonly,
    writing,
)

_SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
BEGIN;
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE submissions (
    number INTEGER PRIMARY KEY, kind TEXT NOT NULL, subject INTEGER NOT NULL, text TEXT NOT NULL,
    payload TEXT NOT NULL, submitted_at REAL NOT NULL
);
CREATE TABLE records (
    number INTEGER PRIMARY KEY REFERENCES submissions (number), status TEXT NOT NULL, state TEXT NOT NULL, reason TEXT,
    record TEXT, error TEXT, seconds REAL NOT NULL, attempts INTEGER NOT NULL, node TEXT NOT NULL,
    finished_at REAL NOT NULL
);
CREATE TABLE events (
    number INTEGER PRIMARY KEY, at INTEGER NOT NULL, name TEXT NOT NULL, detail TEXT NOT NULL, time REAL NOT NULL
);
CREATE VIEW trials AS
SELECT number, kind, subject, text,
    json_extract(payload, '$.seed') AS seed, json_extract(payload, '$.steps') AS steps,
    status, state, reason, json_extract(record, '$.trace[#-1][1]') AS fd,
    json_extract(record, '$.steps') AS steps_done, seconds, attempts, node, submitted_at, finished_at
FROM submissions LEFT JOIN records USING (number) ORDER BY number;
COMMIT;
"""


class Submission(NamedTuple):
    """A job as it was submitted.

    Attributes:
        number: its place in the run's sequence, from 0.
        kind: what it is for, such as a search's own trials or its finals.
        subject: the number of the thing tried; several jobs may try one thing.
        text: the thing tried, for people and for replaying.
        payload: what the executor was given.
        submitted_at: seconds since 1970.
    """

    number: int
    kind: str
    subject: int
    text: str
    payload: dict[str, Any]
    submitted_at: float


class Record(NamedTuple):
    """What came of a submission; the fields of `ganetic.jobs.executor.JobResult` and these.

    Attributes:
        state: the record's own ``"state"``, or the status where it has none.
        reason: the record's own ``"reason"``, if any.
        finished_at: seconds since 1970.
    """

    number: int
    status: str
    state: str
    reason: str | None
    record: dict[str, Any] | None
    error: str | None
    seconds: float
    attempts: int
    node: str
    finished_at: float


class JobSummary(NamedTuple):
    """A submission without its payload, and what came of it without the record; see `Submission` and `Record`.

    Attributes:
        state: None until the job has ended.
    """

    number: int
    kind: str
    subject: int
    state: str | None
    reason: str | None


class Ending(NamedTuple):
    """How a job ended, without its whole record.

    Attributes:
        steps: the payload's.
        state: None until the job has ended.
        fd: the last value of the record's trace, or None.
    """

    number: int
    subject: int
    steps: int
    state: str | None
    fd: float | None


class Event(NamedTuple):
    """Something else that happened to a run, such as a stop, at a place in the sequence of submissions.

    Attributes:
        at: the number of the submission that would have been next.
        name: what happened.
        detail: plain data about it.
        time: seconds since 1970.
    """

    at: int
    name: str
    detail: dict[str, Any]
    time: float


class Journal:
    """A journal, opened by `create`, `open` or `open_readonly`.

    Only one process writes (hold `ganetic.jobs.lock.run_lock`); any number may read meanwhile. Each writing call is one
    transaction, on disk when it returns: write-ahead logging lets readers read while it is written, and
    ``synchronous=FULL`` costs one fsync (milliseconds, against trials of seconds) so that not even a power cut takes
    back a finished trial. The file must lie on a local disk. Closed, it is a single file again.

    The view ``trials`` has one flat row for each submission, for ``pandas.read_sql("select * from trials",
    sqlite3.connect(path))``; ``fd`` is the last value of the record's trace, ``steps`` the payload's, ``steps_done``
    the record's, and everything of a record is NULL until the job has ended.
    """

    def __init__(self, path: Path, writer: sqlite3.Connection | None = None) -> None:
        self.path = path
        self._writer = writer

    @classmethod
    def create(cls, path: Path, meta: Mapping[str, Any]) -> Self:
        """Create a journal and open it for writing.

        Args:
            path: the file; its directory exists.
            meta: plain data about the run, by key; it never changes.

        Raises:
            UserError: the file exists, cannot be written or would lie on a network disk.
            ValueError: NaN or infinity in `meta`.
        """
        if path.exists():
            raise UserError(f"{path}: a journal is here already; resume this run or name another directory")
        refuse_network_disk(path)
        rows = [(key, _dump(value)) for key, value in meta.items()]
        # Built aside and renamed: a kill at any moment leaves a whole journal or none.
        aside = path.with_name(f".{path.name}.new")
        try:
            aside.unlink(missing_ok=True)
            with closing(sqlite3.connect(aside)) as connection, connection:
                connection.executescript(_SCHEMA)
                connection.executemany("INSERT INTO meta VALUES (?, ?)", rows)
            aside.replace(path)
        except (OSError, sqlite3.OperationalError) as error:
            for part in path.parent.glob(f"{aside.name}*"):
                part.unlink(missing_ok=True)
            raise UserError(f"{path}: cannot be written: {error}; make room or mend it, then begin again") from None
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a journal for reading and writing.

        Raises:
            UserError: there is no journal, or it is not one that can be used; nothing was changed.
        """
        return cls(path, open_writer(path))

    @classmethod
    def open_readonly(cls, path: Path) -> Self:
        """Open a journal for reading, also while another process writes it or after that process was killed.

        No file is created, changed or kept open. Every read sees the transactions finished until then.

        Raises:
            UserError: there is no journal, or it is not one that can be used.
        """
        check_file(path)
        with readonly(path) as connection:
            check_content(path, connection)
        return cls(path)

    @property
    def meta(self) -> dict[str, Any]:
        """What `create` was given."""
        rows = self._select("SELECT * FROM meta")
        with reading(self.path):
            return {key: from_json(value) for key, value in rows}

    def submit(self, number: int, kind: str, subject: int, text: str, payload: Mapping[str, Any]) -> None:
        """Write down a submission; see `Submission` for the arguments and `submit_all` for the errors."""
        self.submit_all([Submission(number, kind, subject, text, dict(payload), time.time())])

    def submit_all(self, submissions: Iterable[Submission]) -> None:
        """Write down submissions in one transaction.

        Raises:
            ValueError: NaN or infinity in a payload; nothing is written.
            UserError: the file cannot be written.
        """
        rows = [(*s[:4], _dump(s.payload), s.submitted_at) for s in submissions]
        self._insert("INSERT INTO submissions VALUES (?, ?, ?, ?, ?, ?)", rows)

    def record(self, outcome: JobResult) -> None:
        """Write down what came of a submission; see `record_all`."""
        self.record_all([outcome])

    def record_all(self, outcomes: Iterable[JobResult]) -> list[Record]:
        """Write down what came of submissions, in one transaction, and return the records as they now stand there.

        Raises:
            ValueError: NaN or infinity in a record; nothing is written.
            UserError: the file cannot be written.
        """
        now = time.time()
        records = [_record(outcome, now) for outcome in outcomes]
        rows = [(*r[:4], None if r.record is None else _dump(r.record), *r[5:]) for r in records]
        self._insert("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        return records

    def event(self, at: int, name: str, detail: Mapping[str, Any]) -> None:
        """Write down an event; see `Event` for the arguments.

        Raises:
            ValueError: NaN or infinity in `detail`; nothing is written.
            UserError: the file cannot be written.
        """
        self._insert(
            "INSERT INTO events (at, name, detail, time) VALUES (?, ?, ?, ?)", [(at, name, _dump(detail), time.time())]
        )

    def entries(self) -> list[JobSummary]:
        """Return a short form of all submissions and records, as of one moment, in order of number."""
        query = "SELECT number, kind, subject, state, reason FROM submissions LEFT JOIN records USING (number)"
        with collector_off():
            return list(map(JobSummary._make, self._select(f"{query} ORDER BY number")))

    def endings(self, numbers: Collection[int]) -> list[Ending]:
        """Return how the jobs with these numbers ended, in order of number."""
        with collector_off():
            rows = self._rows("trials", numbers, "number, subject, steps, state, fd")
            return list(map(Ending._make, rows))

    def submissions(self, numbers: Collection[int] | None = None) -> list[Submission]:
        """Return all submissions, or those with these numbers, in order of number."""
        with collector_off(), reading(self.path):
            rows = self._rows("submissions", numbers)
            return [Submission._make((*row[:4], from_json(row[4]), row[5])) for row in rows]

    def records(self, numbers: Collection[int] | None = None) -> list[Record]:
        """Return all records, or those with these numbers, in order of number."""
        with collector_off(), reading(self.path):
            rows = self._rows("records", numbers)
            return [Record._make((*row[:4], _load(row[4]), *row[5:])) for row in rows]

    def sums(self, path: str, below: int) -> dict[str, int]:
        """Add up counts that stand in payloads, by key; the largest sum first.

        Args:
            path: of an object of integers in a payload, as SQLite writes it: ``$.about.rejections``.
            below: only submissions with smaller numbers are read.
        """
        query = """
            SELECT counts.key, sum(counts.value) FROM submissions, json_each(payload, ?) AS counts WHERE number < ?
            GROUP BY counts.key ORDER BY sum(counts.value) DESC, min(number), counts.key
        """
        return dict(self._select(query, (path, below)))

    def events(self) -> list[Event]:
        """Return all events in the order they were written."""
        rows = self._select("SELECT at, name, detail, time FROM events ORDER BY number")
        with reading(self.path):
            return [Event(at, name, from_json(detail), when) for at, name, detail, when in rows]

    def close(self) -> None:
        """Close the file; a writer also folds the write-ahead log into it, unless someone is reading just then."""
        if self._writer is None:
            return
        with suppress(sqlite3.Error):  # nothing is lost: the log stays beside the file, and the next writer folds it in
            self._writer.execute("PRAGMA busy_timeout = 1000")
            self._writer.execute("PRAGMA journal_mode = DELETE").fetchone()
        self._writer.close()
        self._writer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _rows(self, table: str, numbers: Collection[int] | None, columns: str = "*") -> list[Any]:
        if numbers is None:
            return self._select(f"SELECT {columns} FROM {table} ORDER BY number")
        query = f"SELECT {columns} FROM {table} WHERE number IN (SELECT value FROM json_each(?)) ORDER BY number"
        return self._select(query, (json.dumps(list(numbers)),))

    def _select(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        with reading(self.path):
            if self._writer is not None:
                return self._writer.execute(query, values).fetchall()
            with readonly(self.path) as connection:
                return connection.execute(query, values).fetchall()

    def _insert(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        if self._writer is None:
            raise ValueError(f"{self.path} is not open for writing")
        with writing(self.path):
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                self._writer.executemany(statement, rows)
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise


def _record(outcome: JobResult, finished_at: float) -> Record:
    said = outcome.record or {}
    return Record(
        number=outcome.number,
        status=outcome.status,
        state=said.get("state", outcome.status),
        reason=said.get("reason"),
        record=outcome.record,
        error=outcome.error,
        seconds=outcome.seconds,
        attempts=outcome.attempts,
        node=outcome.node,
        finished_at=finished_at,
    )


def _dump(value: object) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def _load(text: str | None) -> Any:
    return None if text is None else from_json(text)


@contextmanager
def collector_off() -> Iterator[None]:
    """Building 100,000 rows makes no cycles, but the cyclic collector looks for them for as long again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
