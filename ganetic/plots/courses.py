"""How searches went that can be looked at beside one another: losses are measured alike, at a rung that all reached."""

from collections.abc import Sequence

import pandas as pd

from ganetic.errors import UserError
from ganetic.evolution.config import Measure
from ganetic.evolution.results import Run
from ganetic.evolution.space import Rung, SpaceProxy
from ganetic.plots.beside import Course


def courses(runs: Sequence[Run]) -> tuple[list[Course], Rung]:
    """Give how each search went at the highest rung that all of them reached, and that rung.

    Raises:
        UserError: losses are not measured alike in all of them, or no rung was reached by all.
    """
    first = runs[0].config
    for run in runs[1:]:
        if not measured_alike(run, runs[0]):
            raise UserError(
                f"{run.directory}: losses are not measured as in {runs[0].directory} (here {run.config.metric}, there "
                f"{first.metric}): data and proxies must be the same; draw them one by one"
            )
    histories = [run.history() for run in runs]
    rung = _common_rung(runs, histories)
    found = []
    for run, label, history in zip(runs, _labels(runs), histories, strict=True):
        reached = history[history["rung"] == run.config.space.rungs.index(rung)]
        found.append(Course(label, reached, run.steps, run.asked, run.finals()))
    return found, rung


def measured_alike(run: Run, other: Run) -> bool:
    """Whether fd comes about in the same way in both; rules that stop trials early have no part in it."""
    return _measured(run) == _measured(other)


def budget(steps: int, seeds: int) -> str:
    """Write what a loss was trained with, such as ``400 steps, 2 seeds``."""
    return f"{steps} steps, {seeds} seed{'' if seeds == 1 else 's'}"


def finals_budgets(runs: Sequence[Run]) -> str:
    """Write what the finals of searches trained losses with; each different one once."""
    found = (budget(run.config.space.finals.steps, run.config.space.finals.seeds) for run in runs)
    return " or ".join(dict.fromkeys(found))


def _measured(run: Run) -> tuple[list[Measure], list[SpaceProxy]]:
    return [measure.model_copy(update={"kill": ()}) for measure in run.config.measures], [*run.config.space.proxies]


def _common_rung(runs: Sequence[Run], histories: Sequence[pd.DataFrame]) -> Rung:
    """The highest rung that all runs have, and that an individual of each has reached."""
    tops = [int(history["rung"].max()) if len(history) else -1 for history in histories]
    common = set.intersection(*(set(run.config.space.rungs[: top + 1]) for run, top in zip(runs, tops, strict=True)))
    if not common:
        reached = "; ".join(
            f"{run.directory}: {', '.join(budget(one.steps, one.seeds) for one in run.config.space.rungs[: top + 1])}"
            for run, top in zip(runs, tops, strict=True)
        )
        raise UserError(f"no rung was reached by all of these runs, and only at the same one they compare: {reached}")
    return max(common, key=lambda rung: (rung.steps, rung.seeds))


def _labels(runs: Sequence[Run]) -> list[str]:
    """The directories' names, or whole paths where names repeat."""
    names = [run.directory.resolve().name for run in runs]
    return names if len(set(names)) == len(names) else [str(run.directory) for run in runs]
