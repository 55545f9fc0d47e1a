"""What long work tells whoever watches it: where it stands, as data.

Sentences for people do not come this way. They go to the logger of the module that says them, below the logger
``ganetic``: level INFO for what happens, WARNING for what wants attention. Python prints none of them unless logging is
set up: ``logging.basicConfig(level="INFO")`` does that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from ganetic.jobs.grid import GridProgress

Phase = Literal[
    "preparing", "choosing", "calibrating", "searching", "draining", "tuning", "finals", "training", "finished"
]


@dataclass(frozen=True)
class TopIndividual:
    """One of the best individuals so far.

    Attributes:
        individual: its number.
        formula: for people.
        fd: Fréchet distance, the geometric mean over its seeds.
        instability: see `ganetic.metrics.fitness`.
        seeds: how many seeds say so.
    """

    individual: int
    formula: str
    fd: float
    instability: float
    seeds: int


@dataclass(frozen=True)
class Progress:
    """Where a search stands, or other work that consists of many trials.

    Attributes:
        phase: what it is doing.
        submitted: trials submitted in this phase.
        finished: of them, those that ended.
        running: of them, those that occupy a worker now.
        target: trials that this phase will have; None when only the clock ends it.
        elapsed_seconds: since this process started the phase.
        states: ended trials by ``completed``, ``pruned: mode_collapse``, ….
        rejections: draws rejected without a training, by reason.
        top: the best few individuals, best first.
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
    top: tuple[TopIndividual, ...]
    slots: int


@dataclass(frozen=True)
class TrainingProgress:
    """Where a full training stands.

    Attributes:
        step: updates of each player made.
        steps: of the whole training.
        first: step at which this process began.
        images: real images a step.
        elapsed_seconds: since this process made its first step.
        fd: the last Fréchet distance, or None before the first.
        best_fd: the lowest one.
        failure: what is wrong with the training, as of the last measurement.
        p: probability of each change of an image by adaptive augmentation, or None where it does not adapt.
    """

    step: int
    steps: int
    first: int
    images: int
    elapsed_seconds: float
    fd: float | None
    best_fd: float | None
    failure: str | None
    p: float | None = None


ProgressT_contra = TypeVar("ProgressT_contra", contravariant=True)


class ProgressCallback(Protocol[ProgressT_contra]):
    """Watches long work; called from the work's own thread.

    A ``ProgressCallback[Progress]`` watches searches and studies: it is called after every result, and about once a
    second between results. A ``ProgressCallback[TrainingProgress]`` watches a full training: it is called after every
    step.
    """

    def update(self, progress: ProgressT_contra) -> None:
        """Take a new state. What this raises ends the work."""


class NullProgressCallback(ProgressCallback[object]):
    """A callback that shows nothing."""

    def update(self, progress: object) -> None:
        """Ignore it."""


def progress_of(phase: Phase, grid: GridProgress) -> Progress:
    """Return where a grid of trainings stands, as callbacks take it."""
    return Progress(
        phase=phase,
        submitted=grid.total,
        finished=grid.finished,
        running=grid.running,
        target=grid.total,
        elapsed_seconds=grid.elapsed_seconds,
        states=grid.states,
        rejections={},
        top=(),
        slots=grid.slots,
    )
