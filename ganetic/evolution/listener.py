"""What a running search tells whoever watches it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from ganetic.jobs.grid import GridProgress

Phase = Literal[
    "preparing", "choosing", "calibrating", "searching", "draining", "tuning", "finals", "training", "finished"
]


@dataclass(frozen=True)
class Leader:
    """One of the best individuals so far.

    Attributes:
        individual: its number.
        formula: for people.
        fd: Fréchet distance, the geometric mean over its seeds.
        instability: see `ganetic.metrics.stability`.
        seeds: how many seeds say so.
    """

    individual: int
    formula: str
    fd: float
    instability: float
    seeds: int


@dataclass(frozen=True)
class Snapshot:
    """Where a search stands.

    Attributes:
        phase: what it is doing.
        submitted: trials submitted in this phase.
        finished: of them, those that ended.
        running: of them, those that occupy a worker now.
        target: trials that this phase will have; None when only the clock ends it.
        elapsed_seconds: since this process started the phase.
        states: ended trials by ``completed``, ``pruned: mode_collapse``, ….
        rejections: draws rejected without a training, by reason.
        leaders: the best few, best first.
        slots: trials that can run at once.
    """

    phase: Phase
    submitted: int
    finished: int
    running: int
    target: int | None
    elapsed_seconds: float
    states: Mapping[str, int]
    rejections: Mapping[str, int]
    leaders: tuple[Leader, ...]
    slots: int


def snapshot_of(phase: Phase, progress: GridProgress) -> Snapshot:
    """Where a grid of trainings stands, as listeners take it."""
    return Snapshot(
        phase=phase,
        submitted=progress.total,
        finished=progress.finished,
        running=progress.running,
        target=progress.total,
        elapsed_seconds=progress.elapsed_seconds,
        states=progress.states,
        rejections={},
        leaders=(),
        slots=progress.slots,
    )


class Listener(Protocol):
    """Watches a search; called from the search's own thread."""

    def update(self, snapshot: Snapshot) -> None:
        """Take a new state: after every result, and about once a second between them."""

    def log(self, message: str) -> None:
        """Take a sentence that is worth a line."""

    def close(self) -> None:
        """Stop showing anything."""


class Silence(Listener):
    """Shows nothing."""

    def update(self, snapshot: Snapshot) -> None:
        """Ignore it."""

    def log(self, message: str) -> None:
        """Ignore it."""

    def close(self) -> None:
        """Nothing to stop."""
