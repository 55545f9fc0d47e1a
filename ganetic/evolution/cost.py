"""What a choice of a proxy will cost, before it begins: two short trainings say what a step and a measurement take."""

from collections.abc import Sequence
from pathlib import Path

from ganetic.evolution.choice_record import ChoiceConditions
from ganetic.evolution.shortlist import relative_cost
from ganetic.jobs.executor import Executor, Payload
from ganetic.jobs.grid import read_grid

SHORT, LONGER = 10, 50
"""Steps of the two trainings; one more comes before them, in which everything is slow that happens once a process."""


def cost_sentence(
    conditions: ChoiceConditions, payload: Payload, executor: Executor, journals: Sequence[Path], advice: str
) -> str:
    """Say how long the rest of a choice will take.

    Args:
        conditions: what will be trained.
        payload: a training of the first setting.
        executor: where; nothing is outstanding there.
        journals: of the rounds: trainings that stand there cost nothing any more.
        advice: how to leave the choice out; empty for none.
    """
    done = sum(len(read_grid(path)[2]) for path in journals if path.exists())
    left, schedule = max(0, conditions.most_trainings - done), conditions.schedule
    step, measuring = _timed(payload, executor)
    base = conditions.settings[0]
    factors = [relative_cost(setting, base, conditions.side) for setting in conditions.settings]
    each = schedule.steps * step * sum(factors) / len(factors) + len(schedule.checkpoints) * measuring
    minutes = left * each / max(1, executor.slots) / 60
    going_on = f", {done} of which have ended" if done else ""
    return (
        f"choosing a proxy for {conditions.data}: {len(conditions.settings)} settings, at most "
        f"{conditions.most_trainings} trainings of {schedule.steps} steps{going_on}, about {each:.0f} s each: "
        f"{_said(minutes)} on {executor.slots} worker{'s' * (executor.slots != 1)}{'; ' * bool(advice)}{advice}"
    )


def _timed(payload: Payload, executor: Executor) -> tuple[float, float]:
    """Seconds of a step, and of a measurement."""
    seconds = []
    for number, steps in enumerate((SHORT, SHORT, LONGER)):
        executor.submit(number, {**payload, "steps": steps, "checkpoints": []})
        outcomes = executor.wait()
        while not outcomes:
            outcomes = executor.wait()
        (outcome,) = outcomes
        seconds.append(outcome.record["seconds"] if outcome.record else outcome.seconds)
    step = max(0.0, (seconds[2] - seconds[1]) / (LONGER - SHORT))
    return step, max(0.0, seconds[2] - LONGER * step)


def _said(minutes: float) -> str:
    return f"{minutes:.0f} minutes" if minutes >= 2 else f"{60 * minutes:.0f} seconds"
