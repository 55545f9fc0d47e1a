"""How a search went: the best loss so far by trial and by time, and what came of the trials."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ganetic.evolution.finals import AFTER_SEARCH
from ganetic.plots.style import (
    BLUE,
    DARK,
    GREEN,
    GREY,
    LIGHT,
    METRIC,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    plain_log_ticks,
    shorten,
    styled,
)

STATE_LOOKS = {
    "completed": (GREEN, ""),
    "pruned": (SKY, "///"),
    "failed": (RED, "xxx"),
    "timed_out": (PURPLE, "..."),
    "crashed": (ORANGE, "\\\\\\"),
}
"""Colour and hatching."""

WINDOW = 50
"""Of so many new losses quartiles are drawn: those whose first trials completed last."""
LEAST = 10
"""No quartiles are drawn of fewer."""

_FLATTERED = "The best loss so far is flattered: these seeds chose it. Finals on fresh seeds say how good it is."

_IDLE_SECONDS = 10.0
"""Longer than the longest trial by this much without a result: the run was stopped."""


def draw_progress(trials: pd.DataFrame, metric: str, steps: int, seeds: int, proxies: int = 1) -> Figure:
    """Draw the best loss so far against trials and minutes, over the running counts of states.

    There are two bands. That of the best loss reaches from the lowest to the highest of its seeds, which are too few
    for quantiles. That of new losses reaches from quartile to quartile of the last `WINDOW` first trials that
    completed, around their median; in trials of more seeds or steps only losses are seen that did well before.

    Args:
        trials: columns ``number``, ``kind``, ``individual``, ``seed``, ``steps``, ``state``, ``fd``, ``seconds``,
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
        figure = Figure(figsize=(9, 7.0))
        grid = figure.add_gridspec(3, 2, height_ratios=(3, 0.55, 2))
        by_trial = figure.add_subplot(grid[0, 0])
        by_time = figure.add_subplot(grid[0, 1], sharey=by_trial)
        best = best_with_range(done, steps, seeds, proxies)
        if seeds == 1:  # there is no range
            best[:, 1:] = np.nan
        over = [f"{seeds} seeds"] * (seeds > 1) + [f"{proxies} proxies"] * (proxies > 1)
        legend = ", ".join(["best loss so far", *([f"mean of {' × '.join(over)}"] if over else []), f"{steps} steps"])
        _draw_best(by_trial, count, done, best, legend)
        _draw_best(by_time, working_seconds(done) / 60, done, best, legend)
        by_trial.set_xlabel("trials finished")
        by_trial.set_ylabel(shorten(metric, METRIC))
        by_trial.set_title(f"Each point a trial of {_lengths(done)} steps")
        by_time.set_xlabel("minutes at work")
        by_time.tick_params(labelleft=False)
        _legend_between(by_time)
        _draw_states(figure.add_subplot(grid[2, :]), count, done)
        figure.supxlabel(_FLATTERED, fontsize=8, color=DARK)
    return figure


def _legend_between(axes: Axes) -> None:
    """Put the legend of the right panel below both, where a row of the grid is empty: no point is hidden."""
    legend = axes.legend(loc="upper center", bbox_to_anchor=(-0.03, -0.14), ncols=2, fontsize=8)
    legend.set_in_layout(False)  # else the panels would give way to it


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
    return best_with_range(done, steps, seeds)[:, 0]


def best_with_range(done: pd.DataFrame, steps: int, seeds: int, proxies: int = 1) -> npt.NDArray[np.float64]:
    """The lowest geometric mean that any individual had reached, and its lowest and its highest seed.

    Args:
        done: finished trials in order of time; columns ``individual``, ``steps``, ``state``, ``fd``, and with several
            proxies ``seed``: of a seed the geometric mean over them counts.
        steps: only trials of so many steps count.
        seeds: only individuals with so many completed seeds on all proxies count.
        proxies: of the space.

    Returns:
        Shape (trials, 3); NaN until there is one.
    """
    logs: dict[int, list[tuple[int, float]]] = {}
    best, result = (np.nan, np.nan, np.nan), np.full((len(done), 3), np.nan)
    for index, row in enumerate(done.to_dict("records")):
        if row["state"] == "completed" and row["steps"] == steps:
            mine = logs.setdefault(int(row["individual"]), [])
            mine.append((int(row["seed"]) if proxies > 1 else len(mine), float(np.log(row["fd"]))))
            mean = float(np.exp(np.mean([log for _, log in mine])))
            if len(mine) >= seeds * proxies and not mean >= best[0]:
                best = (mean, *_range(mine))
        result[index] = best
    return result


def _range(logs: list[tuple[int, float]]) -> tuple[float, float]:
    """The lowest and the highest fd of seeds, from seeds and ln fd."""
    by_seed: dict[int, list[float]] = {}
    for seed, log in logs:
        by_seed.setdefault(seed, []).append(log)
    means = [float(np.mean(own)) for own in by_seed.values()]
    return float(np.exp(min(means))), float(np.exp(max(means)))


def running_quartiles(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Lower quartile, median and upper quartile of the last `WINDOW` values up to each.

    Args:
        values: shape (N,).

    Returns:
        Shape (N, 3); NaN where there were fewer than `LEAST`.
    """
    window = pd.Series(values, dtype=np.float64).rolling(WINDOW, min_periods=LEAST)
    return np.stack([window.quantile(share).to_numpy(dtype=np.float64) for share in (0.25, 0.5, 0.75)], axis=1)


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
    axes: Axes, x: npt.NDArray[np.float64], done: pd.DataFrame, best: npt.NDArray[np.float64], legend: str
) -> None:
    shown = ((done["state"] == "completed") & done["fd"].notna()).to_numpy()
    steps, fd = done["steps"].to_numpy(), done["fd"].to_numpy(dtype=np.float64)
    lengths = sorted({int(length) for length in steps[shown]}, reverse=True) or [0]
    longest = shown & (steps == lengths[0])
    _scatter(axes, x[longest], fd[longest], GREY, lengths[:1])
    axes.step(x, best[:, 0], where="post", color=BLUE, linewidth=2, label=legend, zorder=4)
    if np.nanmax(best[:, 2] - best[:, 1], initial=0.0) > 0:
        label = "its seeds, lowest to highest"
        axes.fill_between(x, best[:, 1], best[:, 2], step="post", color=BLUE, alpha=0.2, linewidth=0, label=label)
    if len(lengths) > 1:
        _scatter(axes, x[shown & ~longest], fd[shown & ~longest], LIGHT, lengths[1:])
    first = shown & (done["kind"] == "child").to_numpy()
    _draw_quartiles(axes, x[first], fd[first])
    axes.set_xlim(left=0)
    if shown.any():
        axes.set_yscale("log")
        plain_log_ticks(axes, "y")


def _scatter(
    axes: Axes, x: npt.NDArray[np.float64], fd: npt.NDArray[np.float64], colour: str, lengths: list[int]
) -> None:
    label = f"one trial of {' or '.join(map(str, sorted(lengths)))} steps, one seed"
    axes.scatter(x, fd, s=9, color=colour, label=label, zorder=2 if colour == GREY else 1)


def _draw_quartiles(axes: Axes, x: npt.NDArray[np.float64], fd: npt.NDArray[np.float64]) -> None:
    low, middle, high = running_quartiles(fd).T
    if np.isnan(middle).all():
        return
    label = f"first trials of the last {WINDOW} new losses: middle half"
    axes.fill_between(x, low, high, color=ORANGE, alpha=0.25, linewidth=0, label=label, zorder=2.5)
    axes.plot(x, middle, "--", color=ORANGE, linewidth=1.5, label="their median", zorder=3)


def _draw_states(axes: Axes, count: npt.NDArray[np.float64], done: pd.DataFrame) -> None:
    states = [state for state in STATE_LOOKS if (done["state"] == state).any()]
    if states:
        running = [np.cumsum((done["state"] == state).to_numpy()) for state in states]
        labels = [f"{state.replace('_', ' ')} ({total[-1]})" for state, total in zip(states, running, strict=True)]
        colours, hatches = zip(*(STATE_LOOKS[state] for state in states), strict=True)
        axes.stackplot(count, running, labels=labels, colors=colours, hatch=hatches, edgecolor="white", linewidth=0.5)
        handles, names = axes.get_legend_handles_labels()
        axes.legend(handles[::-1], names[::-1], loc="upper left", fontsize=8)
    axes.set_xlim(left=0)
    axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlabel("trials finished")
    axes.set_ylabel("trials")
    axes.set_title("What came of them")
