"""A study of detection: the area under the ROC curve of every method with its interval."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from ganetic.plots.style import BLUE, DARK, GREY, ORANGE, save, shorten, styled
from ganetic.studies.detection import Detection, Method

_COLOURS = {"primary": BLUE, "to beat": ORANGE, "secondary": GREY}
_MARKS = {"primary": "o", "to beat": "s", "secondary": "d"}
_LABEL = 36
"""Characters of a method's name."""


def write_figure(study: Detection) -> Path:
    """Draw the methods of a study into its directory as ``methods.png``.

    Raises:
        UserError: the directory cannot be written.
    """
    path = study.directory / "methods.png"
    settings = study.settings
    save(draw_methods(study.methods(), f"{', '.join(settings.normal)} against {', '.join(settings.anomalous)}"), path)
    return path


def draw_methods(methods: Sequence[Method], title: str) -> Figure:
    """Draw a row a method: its AUROC and its 95 % interval; chance is marked, and a score below it stays there.

    Args:
        methods: from top to bottom.
        title: what is told from what.
    """
    with styled():
        figure = Figure(figsize=(8, 1.3 + 0.28 * len(methods)))
        axes = figure.add_subplot()
        for place, one in enumerate(methods):
            colour = _COLOURS[one.role]
            axes.plot([one.auroc_low, one.auroc_high], [place, place], color=colour, linewidth=2)
            axes.plot(one.auroc, place, _MARKS[one.role], color=colour)
        axes.axvline(0.5, color=DARK, linewidth=1, linestyle="--")
        axes.set_yticks(range(len(methods)), [shorten(one.name, _LABEL) for one in methods])
        axes.set_ylim(len(methods) - 0.5, -0.5)
        axes.set_xlabel("area under the ROC curve, 95 % intervals over groups and seeds; dashed: chance")
        axes.set_title(shorten(title, 90))
        for role, colour in _COLOURS.items():
            axes.plot([], [], _MARKS[role], color=colour, label=role)
        axes.legend(loc="best")
    return figure
