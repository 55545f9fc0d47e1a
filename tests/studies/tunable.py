"""Trainings that are made up, and whose distance has its least at a learning rate and a β₁ of the loss's own."""

from typing import Any

from ganetic.evolution.resources import Context
from ganetic.jobs.executor import Executor, Payload, SerialExecutor
from ganetic.loss.library import LIBRARY
from tests.evolution.fakes import SCALE, noise

BESTS = {"bce": 1e-3, "hinge": 2e-3, "lsgan": 1e-3}
"""Of each loss, at β₁ 0.5. A loss that is none of these never trains."""
NAMES = {LIBRARY[name].formula.text: name for name in BESTS}


def work(context: Context | None, payload: Payload) -> dict[str, Any]:
    """A trial's record, from its formula, its seed and its rates."""
    name, rate, beta1 = NAMES.get(payload["formula"]), payload["proxy"]["learning_rate"], payload["proxy"]["beta1"]
    steps = [0, *payload["checkpoints"]]
    if name is None:
        return _record("failed", [(step, SCALE.start_fd) for step in steps], steps[-1])
    away = max(rate / BESTS[name], BESTS[name] / rate) * (1 + abs(beta1 - 0.5))
    end = 50 * away * (1 + 0.1 * noise(name, payload["seed"], payload["materials"]))
    return _record("completed", [(0, SCALE.start_fd), *((step, end) for step in steps[1:])], steps[-1])


def tunable(context: Context) -> Executor:
    return SerialExecutor(work, context)


def _record(state: str, trace: list[tuple[int, float]], steps: int) -> dict[str, Any]:
    reason = "mode_collapse" if state == "failed" else None
    return {"state": state, "reason": reason, "trace": trace, "steps": steps, "seconds": 1.0, "peak_memory_bytes": 0}
