"""Losses on the same seeds: every training as a point of a box plot, and how fd fell while they trained."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganetic.plots.style import BLUE, ORANGE, RED, looks, plain_log_ticks, save, shorten, styled
from ganetic.studies.comparison import Comparison, arm_label
from ganetic.studies.config import StudyConfig

_LABEL = 24
"""Characters of a loss's name."""

_UPRIGHT = 44
"""Characters that stand upright beside a panel."""

_MARKED = 6
"""At most so many points of a curve carry its marker."""


def write_figures(comparison: Comparison) -> list[Path]:
    """Draw both figures of a comparison into its directory as ``boxes.png`` and ``curves.png``.

    Raises:
        UserError: the directory cannot be written.
    """
    runs, traces, settings = comparison.runs(), comparison.traces(), comparison.settings
    titles = {
        measure.proxy: f"{measure.metric} of {measure.model}, {settings.steps} steps" for measure in settings.measures
    }
    compared_with = list(dict.fromkeys(pair.second for pair in settings.pairs))
    if settings.has_arms:
        runs, traces = (_in_one_panel(table, settings) for table in (runs, traces))
        titles = {"": settings.measures[0].metric}
        reference = settings.arms[0].second
        compared_with = [arm_label(reference, name, settings) for name in compared_with or settings.names]
    figures = {"boxes": draw_boxes(runs, compared_with, titles), "curves": draw_curves(traces, runs, titles)}
    paths = {name: comparison.directory / f"{name}.png" for name in figures}
    for name, figure in figures.items():
        save(figure, paths[name])
    return list(paths.values())


def _in_one_panel(table: pd.DataFrame, settings: StudyConfig) -> pd.DataFrame:
    """Configurations that are measured alike, as if each with each loss were a loss of one proxy."""
    named = zip(table["proxy"], table["loss"], strict=True)
    return table.assign(loss=[arm_label(arm, loss, settings) for arm, loss in named], proxy="")


def draw_boxes(runs: pd.DataFrame, compared_with: Sequence[str], titles: dict[str, str]) -> Figure:
    """Draw a box for each loss with its trainings as points, the lowest geometric mean at the top, a panel a proxy.

    A box reaches from quartile to quartile with the median inside, its whiskers to the last points within 1.5 times its
    length.

    Args:
        runs: columns ``proxy``, ``loss``, ``seed``, ``state``, ``counted_fd``.
        compared_with: losses that others are compared with; drawn hollow and in another colour, with a line at their
            mean.
        titles: for each proxy what was measured there.
    """
    count = runs["loss"].nunique()
    with styled():
        figure = Figure(figsize=(1 + 7 * len(titles), 1.5 + 0.42 * count))
        for axes, proxy in zip(_panels(figure, len(titles)), titles, strict=True):
            _draw_boxes(axes, runs[runs["proxy"] == proxy], compared_with)
            axes.set_xlabel(titles[proxy])
    return figure


def draw_curves(traces: pd.DataFrame, runs: pd.DataFrame, titles: dict[str, str]) -> Figure:
    """Draw fd against steps: the geometric mean over seeds, within a band of one sd of ln fd, a panel a proxy.

    Trainings that failed are left out, and counted in the legend; where most of them failed no curve would stand for
    the loss, and there is none.

    Args:
        traces: columns ``proxy``, ``loss``, ``seed``, ``failed``, ``step``, ``fd``.
        runs: columns ``proxy``, ``loss``, ``seed``, ``state``, ``counted_fd``.
        titles: for each proxy what was measured there.
    """
    losses = list(dict.fromkeys(runs["loss"]))
    drawn_as = dict(zip(losses, looks(len(losses)), strict=True))
    with styled():
        figure = Figure(figsize=(1 + 7.5 * len(titles), 4.8))
        for axes, proxy in zip(_panels(figure, len(titles)), titles, strict=True):
            _draw_curves(axes, traces[traces["proxy"] == proxy], runs[runs["proxy"] == proxy], drawn_as)
            axes.set_ylabel(fill(titles[proxy], _UPRIGHT))
    return figure


def _panels(figure: Figure, count: int) -> list[Axes]:
    return [figure.add_subplot(1, count, place + 1) for place in range(count)]


def _draw_boxes(axes: Axes, runs: pd.DataFrame, compared_with: Sequence[str]) -> None:
    losses = _by_mean(runs)[::-1]
    values = [runs[runs["loss"] == loss] for loss in losses]
    for height, (loss, rows) in enumerate(zip(losses, values, strict=True)):
        reference = loss in compared_with
        colour = ORANGE if reference else BLUE
        axes.boxplot(
            [rows["counted_fd"].dropna().to_numpy()],
            positions=[height],
            orientation="horizontal",
            widths=0.55,
            showfliers=False,
            manage_ticks=False,
            boxprops={"color": colour},
            whiskerprops={"color": colour},
            capprops={"color": colour},
            medianprops={"color": colour, "linewidth": 2},
        )
        if reference:
            axes.axvline(
                np.exp(np.log(rows["counted_fd"]).mean()), color=ORANGE, linewidth=0.8, linestyle="--", zorder=1
            )
        _draw_points(axes, rows, height, colour, "none" if reference else colour)
    axes.set_yticks(range(len(values)), [shorten(loss, _LABEL) for loss in losses])
    axes.set_ylim(-0.6, len(values) - 0.4)
    axes.set_xscale("log")
    plain_log_ticks(axes, "x")
    axes.grid(visible=False, axis="y")
    axes.set_title(f"Each point a training, {max(map(len, values), default=0)} seeds")
    means = f"geometric mean of {compared_with[0]}" if len(compared_with) == 1 else "geometric means of the references"
    axes.plot([], [], "--", color=ORANGE, linewidth=0.8, label=means)
    if (runs["state"] != "completed").any():
        axes.plot([], [], "x", color=RED, linestyle="", label="failed, counted as untrained")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.2, ncols=2, fontsize=8)


def _draw_points(axes: Axes, rows: pd.DataFrame, height: int, colour: str, inside: str) -> None:
    """Spread the points over the height of a box in the order of seeds, always alike."""
    spread = np.resize((0.0, 0.12, -0.12, 0.2, -0.2, 0.06, -0.06), len(rows))
    failed = (rows["state"] != "completed").to_numpy()
    fd = rows["counted_fd"].to_numpy()
    axes.plot(
        fd[~failed], height + spread[~failed], "o", color=colour, markerfacecolor=inside, markersize=3.5, alpha=0.7
    )
    axes.plot(fd[failed], height + spread[failed], "x", color=RED, markersize=5, linestyle="")


def _draw_curves(
    axes: Axes, traces: pd.DataFrame, runs: pd.DataFrame, drawn_as: Mapping[str, Mapping[str, Any]]
) -> None:
    for place, loss in enumerate(_by_mean(runs)):
        own, look = runs[runs["loss"] == loss], drawn_as[loss]
        failed = int((own["state"] != "completed").sum())
        mostly = 2 * failed > len(own)
        note = f" ({failed} of {len(own)} failed{': no curve' if mostly else ''})" if failed else ""
        label = shorten(loss, _LABEL) + note
        curve = _curve(traces.iloc[:0] if mostly else traces[traces["loss"] == loss])
        apart = -(-len(curve) // _MARKED) or 1
        # Each begins at another point, so that markers of curves that run together do not hide one another.
        axes.plot(
            curve["step"], np.exp(curve["mean"]), **look, markersize=4, markevery=(place % apart, apart), label=label
        )
        low, high = np.exp(curve["mean"] - curve["sd"]), np.exp(curve["mean"] + curve["sd"])
        axes.fill_between(curve["step"], low, high, color=look["color"], alpha=0.1, linewidth=0)
    axes.set_yscale("log")
    plain_log_ticks(axes, "y")
    axes.set_xlim(left=0)
    axes.set_xlabel("steps")
    axes.set_title(f"Geometric mean of {runs['seed'].nunique()} seeds, ± 1 sd of ln fd")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0, fontsize=8)


def _by_mean(runs: pd.DataFrame) -> list[str]:
    """The losses, the lowest geometric mean first."""
    return [str(loss) for loss in np.log(runs["counted_fd"]).groupby(runs["loss"]).mean().sort_values().index]


def _curve(traces: pd.DataFrame) -> pd.DataFrame:
    """Columns step, mean, sd of ln fd over the trainings that did not fail; a row a step after the first update."""
    alive = traces[~traces["failed"].astype(bool) & (traces["step"] > 0)]
    logs = np.log(alive["fd"].to_numpy(dtype=np.float64))
    # Where there is no trace at all pandas knows no types.
    table = pd.DataFrame({"step": alive["step"].to_numpy(dtype=np.int64), "mean": logs, "sd": logs})
    return table.groupby("step", as_index=False).agg({"mean": "mean", "sd": "std"})
