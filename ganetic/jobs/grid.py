"""A fixed list of jobs, run to its end: what a study is made of. Killed at any moment, it goes on where it was."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganetic.errors import UserError
from ganetic.jobs.executor import Executor, Payload
from ganetic.jobs.journal import Journal, Record, Submission

KIND = "cell"
TICK_SECONDS = 0.5


@dataclass(frozen=True)
class Cell:
    """One job of a grid.

    Attributes:
        subject: the number of the thing tried; several cells may try one thing.
        text: the thing tried.
        payload: what the executor is given: plain data.
    """

    subject: int
    text: str
    payload: Payload


@dataclass(frozen=True)
class GridProgress:
    """Where a grid stands.

    Attributes:
        finished: cells that ended, those of former processes included.
        total: all cells.
        running: cells that occupy a worker now.
        slots: cells that can run at once.
        elapsed_seconds: since this process began.
        states: ended cells by state, such as ``completed`` or ``failed: mode_collapse``.
    """

    finished: int
    total: int
    running: int
    slots: int
    elapsed_seconds: float
    states: Mapping[str, int]


def run_grid(
    path: Path,
    meta: Mapping[str, Any],
    cells: Sequence[Cell],
    executor: Executor,
    watch: Callable[[GridProgress], None],
    today: Callable[[dict[str, Any]], dict[str, Any]] = dict,
) -> list[Record]:
    """Run the cells that have no record yet, write each down when it ends, and return all records in order.

    A cell that raised, crashed its workers or ran over its wall time is a record like any other, with its reason in
    `state` and `error`. Cells are numbered from 0 and started in order. Hold `ganetic.jobs.lock.run_lock`.

    Args:
        path: the journal; where there is one, it must have been begun with the same meta and cells.
        meta: plain data that says what the grid is.
        cells: the jobs.
        executor: runs them.
        watch: told about progress after every result, and about twice a second between them.
        today: what an older version wrote, the meta or a payload, as this one writes it: a grid that was begun with
            the same under other names goes on.

    Raises:
        UserError: the journal there is of another grid, or cannot be used.
    """
    with _opened(path, meta, cells, today) as journal:
        records = {record.number: record for record in journal.records()}
        waiting = [number for number in range(len(cells)) if number not in records]
        states = Counter(_described(record) for record in records.values())
        began = time.monotonic()

        def progress() -> GridProgress:
            running = min(executor.outstanding(), executor.slots)
            elapsed = time.monotonic() - began
            return GridProgress(len(records), len(cells), running, executor.slots, elapsed, dict(states))

        place = 0
        while len(records) < len(cells):
            while place < len(waiting) and executor.outstanding() < 2 * max(1, executor.slots):
                executor.submit(waiting[place], dict(cells[waiting[place]].payload))
                place += 1
            if outcomes := executor.wait(TICK_SECONDS):
                ended = journal.record_all(outcomes)
                records.update((record.number, record) for record in ended)
                states.update(map(_described, ended))
            watch(progress())
    return [records[number] for number in range(len(cells))]


def read_grid(path: Path) -> tuple[dict[str, Any], list[Submission], list[Record]]:
    """Read a grid's meta, cells and records, also while it is running.

    Raises:
        UserError: there is no journal, or it is not one that can be used.
    """
    with Journal.open_readonly(path) as journal:
        records = journal.records()  # first, so that no record is without its cell
        return journal.meta, journal.submissions(), records


def study_in(path: Path) -> str | None:
    """Return the name that a grid's meta gives under ``study``; None where there is no journal, or no such name."""
    if not path.is_file():
        return None
    try:
        with Journal.open_readonly(path) as journal:
            found = journal.meta.get("study")
    except UserError:
        return None
    return found if isinstance(found, str) else None


def _opened(
    path: Path,
    meta: Mapping[str, Any],
    cells: Sequence[Cell],
    today: Callable[[dict[str, Any]], dict[str, Any]],
) -> Journal:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        journal = Journal.create(path, meta)
    else:
        journal = Journal.open(path)
    try:
        begun = [(s.subject, s.text, today(s.payload)) for s in journal.submissions()]
        _refuse_another(path, today(journal.meta), begun, meta, cells)
        if not begun:  # new, or killed before its first cell was written down
            now = time.time()
            journal.submit_all(Submission(n, KIND, c.subject, c.text, c.payload, now) for n, c in enumerate(cells))
    except BaseException:
        journal.close()
        raise
    return journal


def _refuse_another(
    path: Path,
    was: Mapping[str, Any],
    begun: Sequence[tuple[int, str, Payload]],
    meta: Mapping[str, Any],
    cells: Sequence[Cell],
) -> None:
    for key in sorted({*was, *meta}):
        if was.get(key) != meta.get(key):
            raise UserError(
                f"{path}: was begun with {key} = {_brief(was.get(key))}, not {_brief(meta.get(key))}; "
                "undo the change, or name a new directory"
            )
    asked = [(c.subject, c.text, dict(c.payload)) for c in cells]
    if begun and begun != asked:
        differs = next((n for n, pair in enumerate(zip(begun, asked, strict=False)) if pair[0] != pair[1]), None)
        what = f"{len(begun)} jobs, not {len(asked)}" if differs is None else f"another job {differs}"
        raise UserError(f"{path}: was begun with {what}; undo the change, or name a new directory")


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _described(record: Record) -> str:
    return f"{record.state}: {record.reason}" if record.reason else record.state
