"""Opening the SQLite file of a journal: what is refused, and how to read without touching anything."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ganetic.errors import UserError
from ganetic.jobs.disk import refuse_network_disk

APPLICATION_ID = 0x47414E65  # "GANe": tells our file from any other SQLite file
SCHEMA_VERSION = 1
_PATIENCE_SECONDS = 30.0  # how long a lock of another process is waited for
_TRIES = 5


def check_file(path: Path) -> None:
    """Refuse what cannot be a journal, without opening it: closing it would drop the locks of a writer in this process.

    Raises:
        UserError: there is no file, or an empty one.
    """
    if not path.exists():
        raise UserError(f"{path}: there is no journal here; name the directory of a run")
    if not path.is_file():
        raise UserError(f"{path}: is not a file; name the directory of a run")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: is empty; restore it from a copy or start a new run")


def check_content(path: Path, connection: sqlite3.Connection) -> None:
    """Refuse an SQLite file that is not a journal, is one of another version, or is damaged.

    Raises:
        UserError: it is one of these.
    """
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise UserError(f"{path}: is an SQLite file but not a journal of ganetic; name the directory of a run")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != SCHEMA_VERSION:
        raise UserError(
            f"{path}: has schema version {version}, expected {SCHEMA_VERSION}; use the version of ganetic that wrote it"
        )
    problem = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    if problem != "ok":
        raise _damaged(path, problem)


@contextmanager
def readonly(path: Path) -> Iterator[sqlite3.Connection]:
    """Connect for one read, creating and changing no file.

    A connection that lasted would keep a writer from folding its log in, and make one in this process read-only.

    Raises:
        UserError: the file cannot be read, or is damaged.
    """
    with reading(path), closing(_connect_readonly(path)) as connection:
        yield connection


def open_writer(path: Path) -> sqlite3.Connection:
    """Connect for reading and writing, after the same checks as for reading.

    Raises:
        UserError: the file cannot be written, lies on a network disk, or is not a journal that can be used; nothing
            was changed.
    """
    check_file(path)
    refuse_network_disk(path)
    if not _beside(path, "-journal").exists():  # left by a kill while opening or closing; only a writer can mend it
        with readonly(path) as connection:
            check_content(path, connection)
    with reading(path), writing(path):
        writer = sqlite3.connect(f"{_uri(path)}?mode=rw", uri=True, timeout=_PATIENCE_SECONDS, isolation_level=None)
        try:
            check_content(path, writer)
            writer.execute("PRAGMA foreign_keys = ON")
            writer.execute("PRAGMA journal_mode = WAL").fetchone()
            writer.execute("PRAGMA synchronous = FULL")
        except BaseException:
            writer.close()
            raise
    return writer


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn SQLite's errors, and those of parsing what it returned, into a `UserError`."""
    try:
        yield
    except sqlite3.OperationalError as error:
        room = "; make room or mend the disk" if "disk" in str(error) else ""  # an index is made in order to read
        raise UserError(f"{path}: cannot be read: {error}{room}") from None
    except (sqlite3.DatabaseError, ValueError) as error:
        raise _damaged(path, str(error)) from None


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the errors of a full or read-only disk into a `UserError`; those of wrong rows are our own bugs."""
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        raise UserError(f"{path}: cannot be written: {error}; make room or mend it, then resume the run") from None


def _connect_readonly(path: Path) -> sqlite3.Connection:
    """Connect without creating the index (-shm) that SQLite wants beside a file in write-ahead mode.

    With ``readonly_shm`` SQLite uses the index of a living or killed writer, and refuses such a file without one. A
    file without an index and without a log was closed by its writer, but while someone was reading: it is complete.
    """
    for last in [False] * (_TRIES - 1) + [True]:
        try:
            return _connect(f"{_uri(path)}?mode=ro&readonly_shm=1")
        except sqlite3.OperationalError:
            log, index, undo = (_beside(path, suffix) for suffix in ("-wal", "-shm", "-journal"))
            has_log = log.exists() and log.stat().st_size > 0
            if not (has_log or index.exists() or undo.exists()):
                return _connect(f"{_uri(path)}?immutable=1")
            if last and has_log and not index.exists():
                raise UserError(f"{path}: is an incomplete copy: {log.name} is here, {index.name} is not") from None
            if last:
                raise
        time.sleep(0.02)  # a writer was just opening or closing it
    raise AssertionError


def _connect(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, timeout=_PATIENCE_SECONDS, isolation_level=None)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _uri(path: Path) -> str:
    return path.resolve().as_uri()


def _damaged(path: Path, problem: str) -> UserError:
    what = " ".join(problem.split())
    return UserError(f"{path}: is not a journal, or is damaged ({what}); restore it from a copy or start a new run")
