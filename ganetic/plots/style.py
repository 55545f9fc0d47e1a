"""What all figures share: colours that colour-blind readers tell apart, and how a figure becomes a file."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from ganetic.errors import UserError, did_you_mean
from ganetic.files import whole

FORMATS = ("png", "svg", "pdf")

# The palette of Okabe & Ito, https://jfly.uni-koeln.de/color/
BLUE, ORANGE, GREEN, RED, PURPLE, SKY, BLACK = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#d55e00",
    "#cc79a7",
    "#56b4e9",
    "#000000",
)

# Greys stand for what is in the background. To those who see no green or no red GREEN and PURPLE look like GREY.
DARK, GREY, LIGHT = "#4d4d4d", "#8c8c8c", "#d5d5d5"

COLOURS = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY, BLACK)
"""Colours of things of one kind, in this order."""

DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)))
"""Lines differ in these, too, for those who see no colours, and in print."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "*")
"""And in these."""

METRIC = 44
"""Characters of a metric's name beside an axis."""

MONOSPACE_POINTS = 8 * 0.602
"""Width of a character of a caption."""


def looks(count: int) -> list[dict[str, Any]]:
    """Return colour, dashes and marker of things of one kind, as `matplotlib.axes.Axes.plot` takes them.

    The three cycles have lengths without common divisor, so that hundreds of things differ.
    """
    table = zip(cycle(COLOURS), cycle(DASHES), cycle(MARKERS), strict=False)
    return [{"color": colour, "linestyle": dash, "marker": marker} for colour, dash, marker in islice(table, count)]


@contextmanager
def styled() -> Iterator[None]:
    """Draw with the settings of this package and leave the caller's as they were."""
    with mpl.rc_context(
        {
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#e6e6e6",
            "legend.frameon": False,
            "axes.titlesize": 10,
            "axes.titlelocation": "left",
            "svg.fonttype": "none",
            "text.parse_math": False,
            "figure.constrained_layout.use": True,
        }
    ):
        yield


def check_format(path: Path) -> None:
    """Refuse a file name that says no known format, before any work is done.

    Raises:
        UserError: the suffix is none of `FORMATS`, or the folder does not exist.
    """
    suffix = path.suffix.removeprefix(".").lower()
    if suffix not in FORMATS:
        raise UserError(
            f'{path}: figures are written as {", ".join(FORMATS)}, not as "{suffix}"{did_you_mean(suffix, FORMATS)}'
        )
    if not path.parent.is_dir():
        raise UserError(f"{path}: the folder {path.parent} does not exist")


def save(figure: Figure, path: Path) -> None:
    """Write a figure in the format of the file's suffix: aside, then renamed.

    Raises:
        UserError: the format is unknown, or the place cannot be written.
    """
    check_format(path)
    with whole(path) as aside, styled():
        figure.savefig(aside, dpi=150)


def shorten(text: str, length: int) -> str:
    """At most `length` characters, the last an ellipsis where something was left out."""
    return text if len(text) <= length else text[: length - 1] + "…"


def caption(axes: Axes, lines: Sequence[str]) -> None:
    """Fill an empty axes with lines of fixed-width text."""
    axes.axis("off")
    axes.text(0, 1, "\n".join(lines), transform=axes.transAxes, va="top", family="monospace", fontsize=8)


def plain_log_ticks(axes: Axes, which: str) -> None:
    """Label a logarithmic axis with plain numbers, also where it spans less than a decade."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = axis.get_view_interval()
    if high / low < 3:
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    else:
        # Numbers of four digits and more stand too close in the finer of these.
        fine = (1, 2, 3, 5) if high >= 1000 else (1, 1.5, 2, 3, 4, 5, 7)
        axis.set_major_locator(LogLocator(subs=fine if high / low < 30 else (1, 3)))
    axis.minorticks_off()
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
