"""A training as its directory tells it, also while it runs, and before its first checkpoint."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ganetic.errors import UserError
from ganetic.evaluation.kept import KEPT, KeptEvaluation, is_evaluation, read_evaluation
from ganetic.jobs.lock import is_locked
from ganetic.training.checkpoint import checkpoints_in, directory_of
from ganetic.training.metadata import RunMetadata, read_metadata
from ganetic.training.record import METRICS, read_metrics

Points = list[tuple[int, float]]
"""(step, number) by rising step."""


@dataclass(frozen=True)
class TrainingRun:
    """A training as it stood when it was looked at; nothing is ever written.

    Attributes:
        directory: of the run.
        metadata: what it is.
        lines: of ``metrics.jsonl``; each has a ``step``.
        running: whether a process works on it.
        checkpoints: their steps.
        evaluations: those that lie in its directory, by the names of theirs.
    """

    directory: Path
    metadata: RunMetadata
    lines: tuple[Mapping[str, Any], ...]
    running: bool
    checkpoints: tuple[int, ...]
    evaluations: Mapping[str, KeptEvaluation]

    def series(self, name: str) -> Points:
        """Numbers that were logged under a name; of a step that was logged twice, as after a kill, the last ones."""
        found = {line["step"]: float(line[name]) for line in self.lines if _is_number(line.get(name))}
        return sorted(found.items())

    @property
    def names(self) -> list[str]:
        """What numbers were logged under, in the order in which they came."""
        names = dict.fromkeys(name for line in self.lines for name, value in line.items() if _is_number(value))
        return [name for name in names if name not in ("step", "seconds")]

    @property
    def trace(self) -> Points:
        """The fd of each measurement; step 0 is the untrained generator."""
        return self.series("fd")

    @property
    def best(self) -> tuple[int, float] | None:
        """Step and fd of the best trained generator, the earliest of equals; None before one was measured."""
        return min((point for point in self.trace if point[0] > 0), key=lambda point: point[1], default=None)

    @property
    def failures(self) -> list[tuple[int, str | None]]:
        """What each measurement of a trained generator found wrong, as a `FailureMode`; None for nothing."""
        measured = {line["step"]: line.get("ill") for line in self.lines if "fd" in line and line["step"] > 0}
        return [(step, None if found is None else str(found)) for step, found in sorted(measured.items())]

    @property
    def step(self) -> int:
        """The last step of which something is written down."""
        return max((line["step"] for line in self.lines), default=0)

    @property
    def seconds(self) -> float:
        """How long it has trained, by its last measurement."""
        return max((value for _, value in self.series("seconds")), default=0.0)

    @property
    def reason(self) -> str:
        """Why it stopped; empty unless it failed."""
        return str(self.lines[-1].get("stopped", "")) if self.lines else ""

    @property
    def status(self) -> Literal["running", "failed", "finished", "stopped"]:
        """Whether a process works on it, something was not finite or wrong, all steps were made, or it can go on."""
        if self.running:
            return "running"
        if self.reason:
            return "failed"
        done = self.checkpoints and self.checkpoints[-1] >= self.metadata.config.steps
        return "finished" if done else "stopped"

    @property
    def best_checkpoint(self) -> Path | None:
        """The directory of the best checkpoint that is there."""
        if self.best is None or self.best[0] not in self.checkpoints:
            return None
        return directory_of(self.directory, self.best[0])

    def samples(self) -> dict[int, Path]:
        """Grids of samples, by the steps at which they were drawn."""
        found = sorted((self.directory / "samples").glob("step-*.png"))
        named = {path.stem.removeprefix("step-"): path for path in found}
        return {int(step): path for step, path in named.items() if step.isdecimal()}


def read_training(directory: Path) -> TrainingRun:
    """Read how a training stands.

    Raises:
        UserError: there is none, or a file of it is damaged.
    """
    metadata, lines = read_metadata(directory), read_metrics(directory)
    for line in lines:
        if not isinstance(line, dict) or not isinstance(line.get("step"), int):
            raise UserError(f"{directory / METRICS}: damaged (a line without a step); move it away, and resume")
    return TrainingRun(
        directory=directory,
        metadata=metadata,
        lines=tuple(lines),
        running=is_locked(directory),
        checkpoints=tuple(int(path.name.removeprefix("step-")) for path in checkpoints_in(directory)),
        evaluations={
            path.parent.name: read_evaluation(path.parent)
            for path in sorted(directory.glob(f"*/{KEPT}"))
            if is_evaluation(path.parent)
        },
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
