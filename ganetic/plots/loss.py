"""A loss beside binary cross-entropy: its slots and their gradients."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganetic.loss.formula import SLOTS, Formula, Slot
from ganetic.loss.library import library_loss
from ganetic.loss.numeric import respond
from ganetic.loss.screen import Orientation, screen
from ganetic.plots.style import BLUE, ORANGE, caption, shorten, styled

RANGE = 6.0
"""Critic outputs from -RANGE to RANGE."""

TITLES: dict[Slot, str] = {
    "d_real": "D on real images",
    "d_fake": "D on generated images",
    "g_fake": "G on generated images",
    "g_real": "G on real images",
}
"""What the gradients of each slot are called."""
_LINE = 100


@dataclass(frozen=True, eq=False)
class Curve:
    """One slot over the critic's output.

    Attributes:
        d: critic outputs, higher for more real, shape (N,).
        value: the loss less its value at 0, over the player's gradient scale, shape (N,).
        gradient: its gradient by d over the same scale, shape (N,).
    """

    d: npt.NDArray[np.float64]
    value: npt.NDArray[np.float64]
    gradient: npt.NDArray[np.float64]


def draw_loss(formula: Formula, name: str) -> Figure:
    """Draw every slot of a loss, value above gradient, beside the same slot of BCE.

    Both are scaled to a gradient of rms 1 on |d| ≤ 2 for each player, because Adam hardly sees scale, and a loss that
    puts generated images above real ones is drawn over -d.

    Args:
        formula: the loss.
        name: what to call it.
    """
    bce = library_loss("bce")
    mine, theirs = curves(formula), curves(bce.formula)
    notes = _notes(formula, name)
    with styled():
        room = 0.17 * len(notes) + 0.05
        figure = Figure(figsize=(3.1 * len(mine) + 0.6, 5.2 + room))
        grid = figure.add_gridspec(3, len(mine), height_ratios=(2.6, 2.6, room))
        for column, slot in enumerate(mine):
            value = figure.add_subplot(grid[0, column])
            gradient = figure.add_subplot(grid[1, column], sharex=value)
            # BCE is drawn broader, so that it shows beneath a loss that is the same.
            for curve, label, colour, width in ((theirs.get(slot), "bce", ORANGE, 5), (mine[slot], name, BLUE, 2)):
                if curve is not None:
                    value.plot(curve.d, curve.value, color=colour, linewidth=width, label=label)
                    gradient.plot(curve.d, curve.gradient, color=colour, linewidth=width)
            value.set_title(f"{TITLES[slot]} ({slot})")
            gradient.set_xlabel("critic output d, generated → real")
            for axes in (value, gradient):
                _limit(axes)
            if column == 0:
                value.set_ylabel("loss, scaled; 0 at d = 0")
                gradient.set_ylabel("gradient by d, scaled")
                value.legend(loc="best")
        caption(figure.add_subplot(grid[2, :]), notes)
    return figure


def curves(formula: Formula) -> dict[Slot, Curve]:
    """Evaluate the slots on [-RANGE, RANGE], with the opposite batch at 0."""
    mirrored = screen(formula).orientation is Orientation.FAKE_ABOVE_REAL
    sign = -1.0 if mirrored else 1.0
    d = np.linspace(-RANGE, RANGE, 481)
    slots = respond(formula, sign * d, np.zeros_like(d))
    near = np.abs(d) <= 2
    result: dict[Slot, Curve] = {}
    for slot in SLOTS:
        if slot not in slots:
            continue
        scale = _player_scale([slots[other].by_d[near] for other in slots if other[0] == slot[0]])
        response = slots[slot]
        result[slot] = Curve(d, (response.value - response.value[d.size // 2]) / scale, sign * response.by_d / scale)
    return result


def _player_scale(gradients: list[npt.NDArray[np.float64]]) -> float:
    scale = float(np.sqrt(np.mean(np.square(np.concatenate(gradients)))))
    return scale if scale > 0 and np.isfinite(scale) else 1.0


def _limit(axes: Axes) -> None:
    """Keep a loss that explodes from flattening everything else."""
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, -12.0), min(high, 12.0))
    axes.axhline(0, color="black", linewidth=0.6)


def _notes(formula: Formula, name: str) -> list[str]:
    lines = [shorten(f"{name}:  {part}", _LINE) for part in formula.readable.split("; ")]
    if screen(formula).orientation is Orientation.FAKE_ABOVE_REAL:
        lines.append(f"{name} puts generated images above real ones; it is drawn over -d.")
    return lines
