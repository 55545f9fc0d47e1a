"""metrics.jsonl: what a training was like, a line every few steps."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganetic.errors import UserError
from ganetic.files import not_written, write_whole

METRICS = "metrics.jsonl"


class MetricsLog:
    """The lines of a run's ``metrics.jsonl``.

    Lines after the given step are deleted first, which a resumed training writes again, and those that say why it
    stopped.

    Args:
        run: the run's directory.
        step: where the training goes on; -1 to begin anew.

    Raises:
        UserError: the file cannot be written.
    """

    def __init__(self, run: Path, step: int) -> None:
        self._path = run / METRICS
        kept = [line for line in read_metrics(run) if line["step"] <= step and "stopped" not in line]
        write_whole(self._path, "".join(json.dumps(line) + "\n" for line in kept))

    def add(self, line: Mapping[str, Any]) -> None:
        """Append a line; it has a ``step``, and finite numbers only.

        Raises:
            UserError: the file cannot be written.
        """
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, allow_nan=False) + "\n")
        except OSError as error:
            raise not_written(self._path, error) from None


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """Return the lines of a run; the last one is left out where a kill cut it off.

    Raises:
        UserError: the file cannot be read, or another line is damaged.
    """
    path = run / METRICS
    if not path.exists():
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None
    return [_parsed(path, number, line) for number, line in enumerate(lines, start=1) if line.endswith("\n")]


def _parsed(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(line)
    except json.JSONDecodeError as error:
        raise UserError(f"{path}: line {number} is damaged ({error.msg}); move it away, and resume") from None
    return found


def seconds_of(run: Path) -> float:
    """Return how long a run has trained by its last measurement, in all of its processes.

    Raises:
        UserError: its lines cannot be read.
    """
    return max((line["seconds"] for line in read_metrics(run) if "seconds" in line), default=0.0)
