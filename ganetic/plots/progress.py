"""How a search went: the best loss so far by trial and by time, and what came of the trials."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ganetic.evolution.finals import AFTER_SEARCH
from ganetic.plots.style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, plain_log_ticks, styled

_STATE_COLOURS = {
    "completed": GREEN,
    "pruned": SKY,
    "failed": RED,
    "timed_out": PURPLE,
    "crashed": ORANGE,
}

_IDLE_SECONDS = 10.0
"""Longer than the longest trial by this much without a result: the run was stopped."""


def draw_progress(trials: pd.DataFrame, metric: str, steps: int, seeds: int, proxies: int = 1) -> Figure:
    """Draw the best loss so far against trials and minutes, over the running counts of states.

    Args:
        trials: columns ``number``, ``kind``, ``individual``, ``steps``, ``state``, ``fd``, ``seconds``,
            ``finished_at``; those unfinished or after the search are left out here.
        metric: the name of the Fréchet distance.
        steps: steps of the highest rung.
        seeds: seeds of the highest rung; only individuals with as many completed trials on each proxy count as the
            best.
        proxies: of the space.
    """
    done = trials[~trials["kind"].isin(AFTER_SEARCH) & trials["finished_at"].notna()].sort_values("finished_at")
    count = np.arange(1, len(done) + 1, dtype=np.float64)
    with styled():
        figure = Figure(figsize=(9, 6.2))
        grid = figure.add_gridspec(2, 2, height_ratios=(3, 2))
        by_trial = figure.add_subplot(grid[0, 0])
        by_time = figure.add_subplot(grid[0, 1], sharey=by_trial)
        best = best_so_far(done, steps, seeds * proxies)
        over = [f"{seeds} seeds"] * (seeds > 1) + [f"{proxies} proxies"] * (proxies > 1)
        legend = ", ".join(["best loss so far", *([f"mean of {' × '.join(over)}"] if over else []), f"{steps} steps"])
        _draw_best(by_trial, count, done, best, legend)
        _draw_best(by_time, working_seconds(done) / 60, done, best, legend)
        by_trial.set_xlabel("trials finished")
        by_trial.set_ylabel(metric)
        by_trial.set_title(f"Each point a trial of {_lengths(done)} steps")
        by_time.set_xlabel("minutes at work")
        by_time.tick_params(labelleft=False)
        by_time.legend(loc="best", fontsize=8)
        _draw_states(figure.add_subplot(grid[1, :]), count, done)
    return figure


def _lengths(trials: pd.DataFrame) -> str:
    """Write the lengths that there are: ``400``, or ``400 to 800``."""
    known = sorted({int(steps) for steps in trials["steps"]}) or [0]
    return " to ".join(str(steps) for steps in dict.fromkeys((known[0], known[-1])))


def best_so_far(done: pd.DataFrame, steps: int, seeds: int) -> npt.NDArray[np.float64]:
    """The lowest geometric mean over seeds that any individual had reached, for each finished trial.

    Args:
        done: finished trials in order of time; columns ``individual``, ``steps``, ``state``, ``fd``.
        steps: only trials of so many steps count.
        seeds: only individuals with so many completed trials count.

    Returns:
        Shape (trials,); NaN until there is one.
    """
    logs: dict[int, list[float]] = {}
    best, result = np.nan, np.full(len(done), np.nan)
    for index, row in enumerate(done.to_dict("records")):
        if row["state"] == "completed" and row["steps"] == steps:
            mine = logs.setdefault(int(row["individual"]), [])
            mine.append(float(np.log(row["fd"])))
            if len(mine) >= seeds:
                best = np.fmin(best, np.exp(np.mean(mine)))
        result[index] = best
    return result


def working_seconds(done: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Seconds since the first trial started, without the time in which the run was stopped; shape (trials,)."""
    if not len(done):
        return np.zeros(0)
    seconds = done["seconds"].to_numpy(dtype=np.float64)
    longest = float(np.nanmax(seconds, initial=0.0)) + _IDLE_SECONDS
    ends = done["finished_at"].to_numpy(dtype=np.float64)
    gaps: npt.NDArray[np.float64] = np.diff(ends, prepend=ends[0] - np.nan_to_num(seconds[0]))
    return np.cumsum(np.minimum(gaps, longest))


def _draw_best(
    axes: Axes,
    x: npt.NDArray[np.float64],
    done: pd.DataFrame,
    best: npt.NDArray[np.float64],
    legend: str,
) -> None:
    shown = ((done["state"] == "completed") & done["fd"].notna()).to_numpy()
    axes.scatter(x[shown], done["fd"].to_numpy()[shown], s=9, color=GREY, alpha=0.6, label="one trial, one seed")
    axes.step(x, best, where="post", color=BLUE, linewidth=2, label=legend)
    axes.set_xlim(left=0)
    if shown.any():
        axes.set_yscale("log")
        plain_log_ticks(axes, "y")


def _draw_states(axes: Axes, count: npt.NDArray[np.float64], done: pd.DataFrame) -> None:
    states = [state for state in _STATE_COLOURS if (done["state"] == state).any()]
    if states:
        running = [np.cumsum((done["state"] == state).to_numpy()) for state in states]
        labels = [f"{state.replace('_', ' ')} ({total[-1]})" for state, total in zip(states, running, strict=True)]
        axes.stackplot(count, running, labels=labels, colors=[_STATE_COLOURS[state] for state in states], alpha=0.75)
        handles, names = axes.get_legend_handles_labels()
        axes.legend(handles[::-1], names[::-1], loc="upper left", fontsize=8)
    axes.set_xlim(left=0)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("trials finished")
    axes.set_ylabel("trials")
    axes.set_title("What came of them")
