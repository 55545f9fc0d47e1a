"""How a training stands, as its directory tells it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ganetic.errors import UserError, typed
from ganetic.training.checkpoint import TrainState, checkpoints_in, directory_of, read_train_state
from ganetic.training.metadata import read_metadata
from ganetic.training.record import read_metrics


@dataclass(frozen=True)
class Training:
    """How a training stands.

    Attributes:
        directory: of the run.
        status: whether all steps were made; it stopped because something was not finite or, if that was asked for,
            because it had failed; or it can be resumed.
        reason: why it stopped; empty unless it failed.
        train_state: at the last checkpoint.
        best: the checkpoint with the lowest fd.
    """

    directory: Path
    status: Literal["finished", "failed", "stopped"]
    reason: str
    train_state: TrainState
    best: Path


def training_in(run: Path) -> Training:
    """Read how a training stands.

    Raises:
        UserError: there is none, it has no checkpoint yet, or a file of it is damaged.
    """
    steps = read_metadata(run).config.steps
    found = checkpoints_in(run)
    if not found:
        raise UserError(f"{run}: has no checkpoint yet; `{typed('ganetic', 'resume', run)}` begins anew")
    train_state, lines = read_train_state(found[-1]), read_metrics(run)
    reason = str(lines[-1].get("stopped", "")) if lines else ""
    status: Literal["finished", "failed", "stopped"] = "finished" if train_state.step == steps else "stopped"
    return Training(run, "failed" if reason else status, reason, train_state, directory_of(run, train_state.best_step))


def outcome(training: Training) -> list[str]:
    """Say in lines how a training ended, and what can be done with it."""
    run, train_state = training.directory, training.train_state
    lines = [f"{training.status} at step {train_state.step}: fd {train_state.trace[-1][1]:.1f}"]
    if training.reason:
        lines = [f"failed: {training.reason}", f"last good checkpoint {directory_of(run, train_state.step)}"]
    if strengths := train_state.strengths:
        lines.append(
            f"augmentation: p {strengths[-1]:.2f} at the end, at most {max(strengths):.2f} where it was measured"
        )
    lines.append(f"best fd {train_state.best_fd:.1f} at step {train_state.best_step}: {training.best}")
    if training.status == "stopped":
        return [*lines, f"go on: {typed('ganetic', 'resume', run)}"]
    generate, evaluate = typed("ganetic", "generate", run, "-o", "grid.png"), typed("ganetic", "evaluate", run)
    return [*lines, f"next: {generate}", f"      {evaluate}"]
