"""Searches beside one another at equal budgets: best loss, hypervolume and finals."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganetic.evolution.nsga2 import Objectives, hypervolume
from ganetic.plots.style import COLOURS, DARK, DASHES, MARKERS, METRIC, plain_log_ticks, shorten, styled

_NARROW = 35
"""Characters under the panel of the finals."""

MOST_COURSES = 6
"""Searches in one figure."""

_DOTS = tuple(marker for marker in MARKERS if marker != "s")
"""Of finalists; squares are published losses."""

WORST_INSTABILITY = 1.0
"""Of the hypervolume's reference point, whose fd is the untrained generator's: a loss beyond it adds nothing."""


@dataclass(frozen=True)
class Course:
    """How one search went.

    Attributes:
        label: what to call it.
        reached: a row for each individual that reached the common rung, in order of time: ``steps`` (spent until then),
            ``fd``, ``instability``.
        steps: spent in all, finals not counted.
        trials: submitted in all, finals not counted.
        finals: columns ``fd``, ``fd_low``, ``fd_high``, ``reference``, ``name``, by rising fd; it may be empty.
    """

    label: str
    reached: pd.DataFrame
    steps: int
    trials: int
    finals: pd.DataFrame


def draw_beside(courses: Sequence[Course], metric: str, start_fd: float, rung: str, finals: str) -> Figure:
    """Draw the best loss so far and the hypervolume against training steps spent, and the finals of each search.

    Args:
        courses: the searches, at most `MOST_COURSES`.
        metric: the name of the Fréchet distance, the same for all.
        start_fd: of the untrained generator.
        rung: steps and seeds at which losses are compared, such as ``"400 steps, 3 seeds"``.
        finals: the same for the finals.
    """
    with styled():
        figure = Figure(figsize=(12, 4.4 + 0.16 * len(courses)))
        grid = figure.add_gridspec(1, 3, width_ratios=(3, 3, 2.4))
        best, area, marks = (figure.add_subplot(grid[0, column]) for column in range(3))
        for course, colour, dash in zip(courses, COLOURS, DASHES, strict=False):
            label = f"{course.label} ({course.trials} trials)"
            style: dict[str, Any] = {"color": colour, "linestyle": dash, "linewidth": 2, "label": label}
            x = np.append(course.reached["steps"].to_numpy(dtype=np.float64), course.steps) / 1000
            best.step(x, _held(best_so_far(course.reached)), where="post", **style)
            area.step(x, _held(hypervolume_so_far(course.reached, start_fd)), where="post", **style)
        _label_curves(best, area, metric, start_fd, rung)
        _draw_finals(marks, courses, metric, finals)
        handles, labels = best.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(2, len(courses)), fontsize=8)
    return figure


def best_so_far(reached: pd.DataFrame) -> npt.NDArray[np.float64]:
    """The lowest fd up to each row; shape (rows,)."""
    return np.minimum.accumulate(reached["fd"].to_numpy(dtype=np.float64))


def hypervolume_so_far(reached: pd.DataFrame, start_fd: float) -> npt.NDArray[np.float64]:
    """What the rows up to each dominate of (ln fd, instability) up to the reference point; shape (rows,)."""
    reference = (math.log(start_fd), WORST_INSTABILITY)
    front: list[Objectives] = []
    areas = []
    for fd, instability in zip(reached["fd"], reached["instability"], strict=True):
        point = (math.log(fd), float(instability))
        front = [other for other in front if other[0] < point[0] or other[1] < point[1]] + [point]
        areas.append(hypervolume(front, reference))
    return np.array(areas, dtype=np.float64)


def _held(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """With the last value once more: it holds until the budget is spent."""
    return np.append(values, values[-1:])


def _label_curves(best: Axes, area: Axes, metric: str, start_fd: float, rung: str) -> None:
    best.set_yscale("log")
    plain_log_ticks(best, "y")
    best.set_ylabel(shorten(metric, METRIC))
    best.set_title(f"Best loss so far: {rung}")
    area.set_ylabel(f"dominated of ln fd < ln {start_fd:.0f}, instability < {WORST_INSTABILITY:g}")
    area.set_title("Hypervolume of the front")
    for axes in (best, area):
        axes.set_xlim(left=0)
        axes.set_xlabel("training steps spent, thousands")


def _draw_finals(axes: Axes, courses: Sequence[Course], metric: str, protocol: str) -> None:
    """A row a search: its best finalist with its range, its other finalists, and the best of its references."""
    for height, (course, colour, dot) in enumerate(zip(courses, COLOURS, _DOTS, strict=False)):
        references = course.finals[course.finals["reference"].astype(bool)]
        found = course.finals[~course.finals["reference"].astype(bool)]
        axes.plot(found["fd"].iloc[1:], [height] * len(found.iloc[1:]), dot, color=colour, markersize=4, alpha=0.5)
        for rows, at, mark, ink in ((references, height - 0.25, "s", DARK), (found, height, dot, colour)):
            for row in rows.head(1).to_dict("records"):
                axes.plot([row["fd_low"], row["fd_high"]], [at, at], color=ink, linewidth=2)
                axes.plot([row["fd"]], [at], mark, color=ink, markersize=8)
                axes.annotate(
                    f"{row['name'] + ' ' if row['reference'] else ''}{row['fd']:.1f}",
                    (row["fd"], at),
                    xytext=(0, 7),
                    textcoords="offset points",
                    ha="center",
                    fontsize=8,
                    color=ink,
                )
    axes.set_yticks(range(len(courses)), [shorten(course.label, 24) for course in courses], fontsize=8)
    axes.set_ylim(len(courses) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    if any(len(course.finals) for course in courses):
        axes.set_xscale("log")
        axes.margins(x=0.15)
        plain_log_ticks(axes, "x")
    axes.set_xlabel(fill(f"{shorten(metric, _NARROW)}: mean and range", _NARROW))
    axes.set_title(f"Finals: {protocol}")
