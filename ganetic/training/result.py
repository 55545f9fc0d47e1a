"""What came out of a trial, as journals keep it: plain data, which is read without torch."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from ganetic.config import Config


class TrialState(StrEnum):
    """How a trial ended."""

    COMPLETED = "completed"
    PRUNED = "pruned"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CRASHED = "crashed"


class EndMeasure(Config):
    """A number of what a training ended with, and what it needs to be read."""

    name: str
    """What was measured, such as ``recall``."""
    protocol: str
    """How, as in ``kd@chest-efflite0-b4b10@32/89``."""
    value: float
    """The number."""
    floor: float
    """The same of real images in the place of generated ones."""


class TrialResult(Config):
    """What came out of a trial."""

    state: TrialState
    """How it ended. A trial itself never ends as timed out or crashed: whoever runs it finds that out."""
    reason: str | None = None
    """Why it was pruned or failed, as one of `ganetic.training.failure_modes.FailureMode`."""
    trace: tuple[tuple[int, float], ...] = ()
    """(step, Fréchet distance); step 0 is the untrained generator. All finite."""
    raw_trace: tuple[tuple[int, float], ...] = ()
    """The same of the trained generator itself, where `trace` is of the averaged one; else empty. What swings shows
    here, and is averaged away there."""
    strengths: Annotated[tuple[float, ...], Field(exclude_if=lambda found: found == ())] = ()
    """p of adaptive augmentation at each point of the trace; empty where it does not adapt."""
    measures: Annotated[tuple[EndMeasure, ...], Field(exclude_if=lambda found: found == ())] = ()
    """What is known of the end of a training besides its distance; empty where nothing else was measured."""
    steps: int = 0
    """Updates of each player that were made."""
    seconds: float = 0.0
    """Wall time."""
    peak_memory_bytes: int = 0
    """The most GPU memory held by the trial; on a CPU, the most memory ever held by the process."""
