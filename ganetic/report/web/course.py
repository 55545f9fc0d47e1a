"""The section on how a search went, or several: the best loss and the hypervolume over training steps."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from ganetic.errors import UserError
from ganetic.evolution.results import JOURNAL, Run, open_run
from ganetic.plots.beside import WORST_INSTABILITY, Course, best_so_far, hypervolume_so_far
from ganetic.plots.courses import budget, courses, measured_alike
from ganetic.plots.style import shorten
from ganetic.report.renderers.html import filled
from ganetic.report.web.chapter import Section
from ganetic.report.web.lines import MOST, Line, draw_lines, legend
from ganetic.report.web.svg import stepped

_NAME = 40
_ACROSS = "training steps, thousands"


def course_section(runs: Sequence[Run]) -> Section | None:
    """Draw how searches went, each at the highest rung that all have reached; None where none was.

    Args:
        runs: of which losses are measured alike; of more than `MOST`, the first.
    """
    shown = runs[:MOST]
    try:
        found, rung = courses(shown)
    except UserError:  # no rung was reached by all of them yet
        return None
    start, metric = shown[0].config.start_fd, shown[0].config.metric
    budgeted = budget(rung.steps, rung.seeds)
    best = [Line(one.label, _over_steps(one, best_so_far(one.reached))) for one in found]
    area = [Line(one.label, _over_steps(one, hypervolume_so_far(one.reached, start))) for one in found]
    content = filled(
        "course.html",
        best=draw_lines(best, _ACROSS, metric, "the best loss so far over training steps", log=True),
        area=draw_lines(area, _ACROSS, "hypervolume", "the hypervolume over training steps"),
        legend=legend([f"{shorten(one.label, _NAME)} ({one.trials:,} trials)" for one in found]),
        budget=budgeted,
        bound=f"ln fd below ln {start:.0f} and instability below {WORST_INSTABILITY:g}",
        left_out=len(runs) - len(shown),
    )
    return Section("course", "How the search went" if len(shown) == 1 else "How the searches went", content)


def random_beside(run: Run) -> Run | None:
    """Find the random search beside a run: its directory's name ends in ``-random``, and it measures alike."""
    directory = run.directory.resolve()
    beside = directory.with_name(f"{directory.name}-random")
    if run.config.space.evolution.random or not (beside / JOURNAL).is_file():
        return None
    other = open_run(beside)
    return other if other.config.space.evolution.random and measured_alike(run, other) else None


def _over_steps(course: Course, values: npt.NDArray[np.float64]) -> list[tuple[float, float]]:
    """Corners where a curve changes, in thousands of steps; the last value holds until the budget is spent."""
    reached: pd.Series[int] = course.reached["steps"]
    points: list[tuple[float, float]] = []
    for steps, value in zip(reached, values, strict=True):
        if not points or value != points[-1][1]:
            points.append((float(steps) / 1000, float(value)))
    return stepped([*points, (course.steps / 1000, points[-1][1])]) if points else []
