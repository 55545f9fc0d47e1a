"""When a search knew what: how far its individuals had come after each trial."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

import pandas as pd

from ganetic.evolution.finals import AFTER_SEARCH
from ganetic.evolution.individual import Individual
from ganetic.evolution.space import SearchSpace
from ganetic.evolution.trial_queue import ABOUT
from ganetic.jobs.journal import Submission
from ganetic.training.result import TrialResult

COLUMNS = ("trial", "steps", "individual", "rung", "fd", "instability")


def history(
    space: SearchSpace,
    individuals: Sequence[Individual],
    submissions: Sequence[Submission],
    results: Mapping[int, TrialResult],
) -> pd.DataFrame:
    """A row for each rung that an individual reached, in the order of the trials that took it there.

    Columns: trial (how many trials the search had submitted by then, without those after it), steps (of training that
    those which ended had taken), individual, rung, fd, instability (there).

    Args:
        space: the search space.
        individuals: with all that is known of them, by number.
        submissions: of the run, by number.
        results: by number.
    """
    ended = [one for one in submissions if one.kind not in AFTER_SEARCH]
    attained: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    spent, total = [0], 0
    for trial, submission in enumerate(ended, start=1):
        if (result := results.get(submission.number)) is not None:
            total += result.steps
            slot, steps = submission.payload[ABOUT]["slot"], submission.payload["steps"]
            attained[submission.subject].append((trial, slot, steps))
        spent.append(total)
    rows = [
        (
            trial,
            spent[trial],
            one.number,
            rung,
            math.exp(one.objectives_by_rung[rung][0]),
            one.objectives_by_rung[rung][1],
        )
        for one in individuals
        for rung, trial in enumerate(_when(space, attained[one.number], one.rung))
    ]
    return pd.DataFrame(sorted(rows), columns=COLUMNS)


def _when(space: SearchSpace, attained: Sequence[tuple[int, int, int]], top: int) -> list[int]:
    """The trial with which each rung up to the highest was reached: the last of those that it needs."""
    found: list[int] = []
    for rung in space.rungs[: top + 1]:
        slots = range(rung.seeds * len(space.proxies))
        needed = [min(trial for trial, own, steps in attained if own == slot and steps >= rung.steps) for slot in slots]
        found.append(max([*found[-1:], *needed]))
    return found
