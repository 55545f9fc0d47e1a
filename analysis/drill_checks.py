"""What a drill asks of a search after each fault: nothing lost, nothing counted twice, the quiet run's journal."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ganetic.evolution.results import JOURNAL, open_run
from ganetic.jobs.journal import Journal, Record, Submission

OF_THE_MACHINE = {"seconds", "peak_memory_bytes"}
"""Keys of a trial's record that tell how it went here, not what came of it."""


class Written(NamedTuple):
    """A journal as it stood at one moment."""

    submissions: dict[int, Submission]
    records: dict[int, Record]
    events: list[tuple[int, str, dict[str, Any]]]
    rows: int

    @classmethod
    def read(cls, run: Path) -> "Written":
        """Read the journal of a run, which may be under way, or not have begun."""
        if not (run / JOURNAL).exists():
            return cls({}, {}, [], 0)
        with Journal.open_readonly(run / JOURNAL) as journal:
            records, events = journal.records(), journal.events()  # first, so that none is without its submission
            submissions = {one.number: one for one in journal.submissions()}
        by_number = {one.number: one for one in records}
        return cls(submissions, by_number, [(one.at, one.name, one.detail) for one in events], len(records))


def complaints(before: Written, after: Written, quiet: Written) -> list[str]:
    """What is wrong with a journal after a fault, given how it stood before and the quiet run's; best nothing."""
    lost = [number for number, record in before.records.items() if after.records.get(number) != record]
    said = [f"trial {number} had ended and its record is gone or changed" for number in lost]
    if after.rows != len(after.records):
        said.append(f"{after.rows} records of {len(after.records)} trials")
    said += [f"trial {n} ended and was never submitted" for n in after.records if n not in after.submissions]
    said += [f"trial {n} is another than in the quiet run" for n in after.submissions if _differs(n, after, quiet)]
    return said


def ended_otherwise(after: Written, quiet: Written) -> list[str]:
    """What is wrong with the journal of a search that came to its end, beyond `complaints`."""
    said = []
    if set(after.records) != set(quiet.records):
        said.append(f"{len(after.records)} trials ended, not {len(quiet.records)}")
    if after.events != quiet.events:
        said.append(f"events {[name for _, name, _ in after.events]}, not {[name for _, name, _ in quiet.events]}")
    return said


def unlike(run: Path, quiet: Path) -> list[str]:
    """Which tables of what was found differ from the quiet run's, and which files are there that it has not."""
    # Who reads while a driver closes its journal, as a drill does, keeps it from folding its log into it: a writer can.
    Journal.open(run / JOURNAL).close()
    one, other = open_run(run), open_run(quiet)
    tables = {"front": (one.front(), other.front()), "finals": (one.finals(), other.finals())}
    said = [f"another {name}" for name, (mine, its) in tables.items() if not mine.equals(its)]
    if (now := _files(run)) != (then := _files(quiet)):
        said.append(f"files {sorted(now ^ then)} are in one run directory and not in the other")
    return said


def repeated(after: Written) -> int:
    """How many attempts were made beyond the first of each trial."""
    return sum(record.attempts - 1 for record in after.records.values())


def _differs(number: int, after: Written, quiet: Written) -> bool:
    mine, its = after.submissions[number], quiet.submissions.get(number)
    if its is None or mine[:5] != its[:5]:  # all but when
        return True
    record = after.records.get(number)
    return record is not None and _result(record) != _result(quiet.records[number])


def _result(record: Record) -> Sequence[object]:
    said = None if record.record is None else _without(record.record)
    return (record.status, record.state, record.reason, said, record.error)


def _without(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in OF_THE_MACHINE}


def _files(run: Path) -> set[str]:
    return {path.name for path in run.iterdir()}
