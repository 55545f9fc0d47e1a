"""The margin over relativistic hinge on each set, as a picture: each pair of trainings, and the ratio of the means."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis.better_loss.margin import ALONE, MARGIN, MARGIN_ARMS, PAIR_ARMS, alone_counted, alone_ratios
from analysis.better_loss.plan import RELATIVISTIC_HINGE, ended
from ganetic.plots.style import BLUE, ORANGE, plain_log_ticks, save, styled
from ganetic.studies.ratios import Pair, Ratio, ratios

FIGURE = "margin.png"
LABELS = {
    "chest": "chest X-rays,\nwhere it was found",
    "mnist5k": "digits",
    "histology": "histology",
    "colour": "photographs",
    "pneumonia": "pneumonia X-rays",
}
"""What the sets are called, in the order in which they stand below one another."""


def margin_figure(folder: Path) -> Iterator[str]:
    """Draw the margin over relativistic hinge on each set, and yield the path of the picture."""
    runs = {name: alone_counted(folder, name) for name in ALONE} | {"chest": _chest(folder)}
    found = {one.proxy: one for one in (*alone_ratios(folder, list(ALONE)), *_ratios_of_chest(runs["chest"]))}
    path = folder / FIGURE
    save(_draw({name: _pairs(own) for name, own in runs.items()}, found), path)
    yield str(path)


def _chest(folder: Path) -> pd.DataFrame:
    comparison = ended(folder / "chest-margin")
    names = dict(zip(comparison.settings.names, MARGIN_ARMS, strict=True))
    runs = comparison.runs().replace({"loss": names})
    return runs[runs["loss"].isin(PAIR_ARMS)].assign(untrained=runs["state"] != "completed")


def _ratios_of_chest(runs: pd.DataFrame) -> list[Ratio]:
    table = runs.pivot(index="seed", columns="loss", values="counted_fd")
    return ratios({"chest": table}, [Pair(*reversed(PAIR_ARMS))])


def _pairs(runs: pd.DataFrame) -> pd.Series:
    """The ratio of fd on each seed."""
    table = runs.pivot(index="seed", columns="loss", values="counted_fd")
    return table[PAIR_ARMS[1]] / table[RELATIVISTIC_HINGE]


def _draw(pairs: dict[str, pd.Series], found: dict[str, Ratio]) -> Figure:
    with styled():
        figure = Figure(figsize=(8, 0.9 + 0.75 * len(LABELS)))
        axes = figure.add_subplot()
        axes.axvline(1, color=ORANGE, linewidth=1, linestyle="--", label="relativistic hinge")
        for height, name in enumerate(reversed(LABELS)):
            own, one = pairs[name], found[name]
            spread = np.resize((0.0, 0.1, -0.1, 0.2, -0.2), len(own))
            axes.plot(own, height + spread, "o", color=BLUE, markersize=3, alpha=0.35)
            axes.plot([one.low, one.high], [height, height], color=BLUE, linewidth=3, solid_capstyle="butt")
            axes.plot([one.ratio], [height], "D", color=BLUE, markersize=7, markeredgecolor="white")
        axes.set_yticks(range(len(LABELS)), [LABELS[name] for name in reversed(LABELS)])
        axes.set_xscale("log")
        axes.set_xlim(0.65, 1.35)
        plain_log_ticks(axes, "x")
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("ratio of fd; below 1 the margin is better")
        axes.set_title(f"Relativistic hinge with a margin of {MARGIN} over relativistic hinge")
        left_out = sum(int((~own.between(*axes.get_xlim())).sum()) for own in pairs.values())
        axes.plot([], [], "D", color=BLUE, label="ratio of geometric means, 95 % interval")
        axes.plot([], [], "o", color=BLUE, markersize=3, alpha=0.5, label=f"a pair of trainings ({left_out} beyond)")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3, fontsize=8)
    return figure
