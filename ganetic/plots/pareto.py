"""The front of a search, and its finalists beside the published losses on fresh seeds."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.textpath import TextPath
from scipy.optimize import isotonic_regression

from ganetic.evolution.selection import knee
from ganetic.plots.style import (
    BLACK,
    BLUE,
    GREY,
    LIGHT,
    METRIC,
    MONOSPACE_POINTS,
    ORANGE,
    caption,
    plain_log_ticks,
    shorten,
    styled,
)

LABELLED = 6
"""At most so many points of the front carry their number."""
MOST_LABELS = 10
"""At most so many points carry their number or the name of the published loss that they are."""

LABEL_HEIGHT = 0.05
"""Of the axes' height: as near as labels come to each other."""
LABEL_POINTS = 8
"""Size of a label's letters."""
_LEADER = 26.0
"""Points between the longest label and the first point, for the leader."""

WITHIN = 0.9
"""At least so many losses lie below the top of the axis, with the front and the published ones; others stand on it."""
CEILING_MARGIN = 1.15
LEAST_CEILING = 0.05

_UNDER = 56
"""Characters of a line under a panel."""
_LINE = 108
"""Characters of a formula under the figure, where there is room for so many."""
_RING: dict[str, Any] = {
    "marker": "o",
    "markersize": 12,
    "markerfacecolor": "none",
    "color": BLACK,
    "markeredgewidth": 1.6,
}
"""Marks a knee."""


@dataclass(frozen=True)
class Protocol:
    """How the numbers of a run were measured.

    Attributes:
        metric: the name of the Fréchet distance.
        floor_fd: the same for real images against real images.
        search: steps and seeds of the highest rung, such as ``"400 steps, 2 seeds"``.
        finals: the same for the finals.
    """

    metric: str
    floor_fd: float
    search: str
    finals: str


def draw_pareto(
    individuals: pd.DataFrame,
    front: pd.DataFrame,
    finals: pd.DataFrame,
    final_values: pd.DataFrame,
    protocol: Protocol,
    picked: int | None = None,
) -> Figure:
    """Draw the search's losses with the front at the left and, once there are any, the finals at the right.

    The front's knee carries a ring, and so does the finals', which is the loss that is exported; they may differ.

    Args:
        individuals: columns ``fd``, ``instability``, ``viable``, ``rung``, ``name``.
        front: columns ``individual``, ``fd``, ``instability``, ``readable``, ``name``.
        finals: columns ``contestant``, ``individual``, ``name``, ``readable``, ``fd``, ``fd_low``, ``fd_high``,
            ``instability``, ``failed``, ``reference``; it may be empty.
        final_values: columns ``contestant``, ``fd``; a row for each final training.
        protocol: what to write on the axes.
        picked: the individual that is the finals' knee; None while they are not over.
    """
    shown = _spread(front, LABELLED)
    width = 10 if len(finals) else 7
    lines = _formulas(shown, finals, room=int((width - 0.9) * 72 / MONOSPACE_POINTS))
    with styled():
        height = 4.2 + 0.17 * len(lines)
        figure = Figure(figsize=(width, height))
        grid = figure.add_gridspec(2, 2 if len(finals) else 1, height_ratios=(4.2, 0.17 * len(lines) + 0.05))
        _draw_front(figure.add_subplot(grid[0, 0]), individuals, front, shown, protocol)
        if len(finals):
            _draw_finals(figure.add_subplot(grid[0, 1]), finals, final_values, protocol, picked)
        caption(figure.add_subplot(grid[1, :]), lines)
    return figure


def label_of(individual: object, name: str) -> str:
    """How a loss is called in a figure: its published name, or its number in the search."""
    return name or f"#{individual}"


def _spread(front: pd.DataFrame, count: int) -> pd.DataFrame:
    """Choose rows from end to end of the front, both ends and the knee included."""
    if len(front) <= count:
        return front
    rows = [round(index * (len(front) - 1) / (count - 1)) for index in range(count)]
    middle = _knee(front)
    if middle not in rows:  # then it is neither end
        rows[min(range(1, count - 1), key=lambda place: abs(rows[place] - middle))] = middle
    return front.iloc[sorted(rows)]


def _knee(front: pd.DataFrame) -> int:
    return knee(front["fd"].tolist(), front["instability"].tolist())


def _formulas(shown: pd.DataFrame, finals: pd.DataFrame, room: int) -> list[str]:
    rows = [*shown.to_dict("records"), *finals.to_dict("records")]
    known = {label_of(row["individual"], row["name"]): row["readable"] for row in rows}
    width = max((len(label) for label in known), default=0)
    length = min(_LINE, room - width - 2)
    return [f"{label:<{width}}  {shorten(formula, length)}" for label, formula in known.items()]


def _draw_front(
    axes: Axes, individuals: pd.DataFrame, front: pd.DataFrame, shown: pd.DataFrame, protocol: Protocol
) -> None:
    viable = individuals[individuals["viable"].astype(bool) & individuals["fd"].notna()]
    top = viable["rung"] == viable["rung"].max()
    published = viable[top & (viable["name"] != "")]
    ceiling = _ceiling(viable["instability"], pd.concat([front["instability"], published["instability"]]))
    within = viable["instability"] <= ceiling
    below, reached, beyond = viable[~top & within], viable[top & within], viable[~within]
    cheaper, full = f"fewer steps or seeds ({(~top).sum()})", f"all steps and seeds ({top.sum()})"
    axes.scatter(below["fd"], below["instability"], s=9, color=LIGHT, label=cheaper)
    axes.scatter(reached["fd"], reached["instability"], s=14, color=GREY, label=full)
    if len(beyond):
        label = f"instability up to {beyond['instability'].max():.2g} ({len(beyond)})"
        axes.scatter(beyond["fd"], [ceiling] * len(beyond), s=14, marker="^", color=GREY, label=label, clip_on=False)
    if len(published):
        axes.scatter(
            published["fd"], published["instability"], s=40, marker="s", color=ORANGE, label="published", zorder=3
        )
    middle = front.iloc[[_knee(front)]]
    axes.plot(middle["fd"], middle["instability"], **_RING, linestyle="", label="knee", zorder=4.5)
    label = f"front ({len(front)})"
    axes.plot(front["fd"], front["instability"], "-o", color=BLUE, markersize=6, label=label, zorder=4)
    axes.set_xscale("log")
    axes.set_ylim(-0.07 * ceiling, ceiling)
    best = published.sort_values("fd").drop_duplicates("name")  # of those that a search found again and again
    own = shown[shown["name"] == ""]
    _label(axes, ((best.head(MOST_LABELS - len(own)), ORANGE), (own, BLUE)))
    plain_log_ticks(axes, "x")
    measured = f"{shorten(protocol.metric, METRIC)}  (real against real: {protocol.floor_fd:.1f})"
    axes.set_xlabel(fill(measured, _UNDER))
    axes.set_ylabel("instability")
    axes.set_title(f"Search: {protocol.search}")
    _legend_below(axes)


def _ceiling(all_losses: pd.Series, named: pd.Series) -> float:
    """The top of the instability axis: a few losses that hardly train do not press the others together."""
    highest = pd.Series([all_losses.quantile(WITHIN), named.max(), LEAST_CEILING]).max()
    return CEILING_MARGIN * float(highest)


def _label(axes: Axes, groups: Sequence[tuple[pd.DataFrame, str]]) -> None:
    """Name points in a column at the left, where no loss is, each beside its point as far as there is room."""
    points = [(row, colour) for rows, colour in groups for row in rows.to_dict("records")]
    low, high = axes.get_ylim()
    texts = [label_of(row["individual"], row["name"]) for row, _ in points]
    wanted = [(row["instability"] - low) / (high - low) for row, _ in points]
    left, right = axes.get_xlim()
    axes.set_xlim(left * (left / right) ** _column(axes, texts), right)
    heights = apart(wanted, LABEL_HEIGHT, LABEL_HEIGHT / 2, 1 - LABEL_HEIGHT / 2)
    for (row, colour), text, height in zip(points, texts, heights, strict=True):
        label = axes.annotate(
            text,
            (row["fd"], row["instability"]),
            xytext=(0.02, height),
            textcoords="axes fraction",
            va="center",
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.6, "shrinkA": 1, "shrinkB": 3},
            color=colour,
            fontsize=LABEL_POINTS,
            zorder=5,
        )
        label.set_path_effects([withStroke(linewidth=2.5, foreground="white")])


def _column(axes: Axes, texts: Sequence[str]) -> float:
    """Width of the column of labels and of its leaders, as a share of the points' own."""
    longest = max((TextPath((0, 0), text, size=LABEL_POINTS).get_extents().width for text in texts), default=0.0)
    figure, place = axes.get_figure(root=True), axes.get_subplotspec()
    assert figure is not None and place is not None
    panels = place.get_gridspec().ncols
    whole = (figure.get_figwidth() / panels - 1.0) * 72
    share = (longest + _LEADER) / whole
    return share / (1 - share)


def apart(wanted: Sequence[float], gap: float, low: float = -math.inf, high: float = math.inf) -> list[float]:
    """Places at least so far apart, as near to the wanted ones as can be (least squares), in the given order.

    Args:
        wanted: the places.
        gap: between neighbours.
        low: the lowest place.
        high: the highest place; there is room for all between the two.
    """
    order = np.argsort(wanted, kind="stable")
    steps = gap * np.arange(len(wanted))
    found = np.empty(len(wanted))
    free = isotonic_regression(np.asarray(wanted, dtype=float)[order] - steps).x
    # What is best within bounds is what is best without, moved to the bounds.
    found[order] = np.clip(free, low, high - steps[-1:].sum()) + steps
    return [float(place) for place in found]


def _draw_finals(
    axes: Axes, finals: pd.DataFrame, values: pd.DataFrame, protocol: Protocol, picked: int | None
) -> None:
    rows = finals.sort_values("fd", ascending=False, na_position="first").to_dict("records")
    for height, row in enumerate(rows):
        colour = ORANGE if row["name"] else BLUE
        axes.plot([row["fd_low"], row["fd_high"]], [height, height], color=colour, linewidth=2)
        axes.plot([row["fd"]], [height], "s" if row["name"] else "o", color=colour, markersize=8)
        if picked is not None and row["individual"] == picked:
            axes.plot([row["fd"]], [height], **_RING, linestyle="", label="knee, picked", zorder=4)
        seeds = values.loc[values["contestant"] == row["contestant"], "fd"].dropna().tolist()
        axes.plot(seeds, [height] * len(seeds), "|", color="black", markersize=9)
    labels = [_row_label(row) for row in rows]
    # Small and tight, so that a name stands nearer to its own instability than to that of the row above.
    axes.set_yticks(range(len(rows)), labels, fontsize=LABEL_POINTS, linespacing=1.1)
    axes.set_ylim(-0.6, len(rows) - 0.2)
    axes.set_xscale("log")
    plain_log_ticks(axes, "x")
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(shorten(protocol.metric, METRIC))
    axes.set_title(f"Finals on fresh seeds: {protocol.finals}")
    _finals_legend(axes)


def _row_label(row: dict[Hashable, Any]) -> str:
    failures = f", {row['failed']} failed" if row["failed"] else ""
    return f"{label_of(row['individual'], row['name'])}\ninstability {row['instability']:.2f}{failures}"


def _finals_legend(axes: Axes) -> None:
    axes.plot([], [], "o-", color=BLUE, label="found: mean, range")
    axes.plot([], [], "s-", color=ORANGE, label="published")
    axes.scatter([], [], marker="|", color="black", s=80, label="each training")
    _legend_below(axes)


def _legend_below(axes: Axes) -> None:
    lines = axes.get_xlabel().count("\n") + 1
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08 - 0.05 * lines), ncols=3, fontsize=8, columnspacing=1.2)
