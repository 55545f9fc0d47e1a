"""How scores of a study of augmentation rise with the size of the training set: a line and a band for each arm."""

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganetic.augmenting.arms import ARMS, FILTERED
from ganetic.augmenting.scores import SCORES
from ganetic.plots.style import looks, save, styled
from ganetic.studies.augmentation import Augmentation

DRAWN = ("macro_f1", "auroc", "ece")
"""Scores that have a panel; the tables have all."""


def write_figure(study: Augmentation) -> Path:
    """Draw the learning curves of a study into its directory as ``curves.png``.

    Raises:
        UserError: the directory cannot be written.
    """
    path = study.directory / "curves.png"
    save(draw_learning_curves(study.curves(), study.config.draws), path)
    return path


def draw_learning_curves(curves: pd.DataFrame, draws: int) -> Figure:
    """Draw the mean of each score by size, within its 95 % interval over draws, as far as scores reach.

    Args:
        curves: columns ``size``, ``arm``, ``score``, ``mean``, ``low``, ``high``.
        draws: how many there are.
    """
    with styled():
        figure = Figure(figsize=(4.2 * len(DRAWN), 3.6))
        for place, score in enumerate(DRAWN, start=1):
            axes = figure.add_subplot(1, len(DRAWN), place)
            _draw(axes, curves[curves["score"] == score])
            axes.set_ylabel(SCORES[score])
        figure.axes[0].legend(fontsize=8)
        figure.suptitle(f"Means of {draws} draws, 95 % t intervals over draws", fontsize=9)
    return figure


def _draw(axes: Axes, curves: pd.DataFrame) -> None:
    arms = [arm.name for arm in ARMS if not arm.name.endswith(FILTERED)]
    for arm, look in zip(arms, looks(len(arms)), strict=True):
        own = curves[curves["arm"] == arm]
        axes.plot(own["size"], own["mean"], **look, markersize=4, label=arm)
        low, high = own["low"].clip(0, 1), own["high"].clip(0, 1)
        axes.fill_between(own["size"], low, high, color=look["color"], alpha=0.1, linewidth=0)
    sizes = sorted(set(curves["size"]))
    axes.set_xscale("log")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.set_xlabel("images of each class")
