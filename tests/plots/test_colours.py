"""Colours that are used together are told apart by those who see fewer.

The colour-blind are simulated by the matrices of Machado, Oliveira & Fernandes (2009), "A physiologically-based model
for simulation of color vision deficiency", severity 1.0, on linear RGB; differences are CIEDE2000.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000, rgb2lab

from ganetic.plots.beside import MOST_COURSES
from ganetic.plots.progress import STATE_LOOKS
from ganetic.plots.style import BLACK, BLUE, COLOURS, DARK, GREEN, GREY, LIGHT, ORANGE, RED, looks

APART = 10.0
"""CIEDE2000; differences of about 2 are just seen side by side."""

EYES = {
    "all cones": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}

TOGETHER = {
    "curves of a comparison": COLOURS,
    "boxes of a comparison": (BLUE, ORANGE, RED),
    "searches beside one another, and references": (*COLOURS[:MOST_COURSES], DARK),
    "states of trials": tuple(colour for colour, _ in STATE_LOOKS.values()),
    "front": (BLUE, ORANGE, GREY, LIGHT, BLACK),
    "progress": (BLUE, ORANGE, GREY, LIGHT),
}


def seen(colours: Sequence[str], eyes: str) -> NDArray[np.float64]:
    """CIELAB of what such eyes see."""
    rgb = np.array([to_rgb(colour) for colour in colours])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    changed = np.clip(linear @ EYES[eyes].T, 0, 1)
    back = np.where(changed <= 0.0031308, 12.92 * changed, 1.055 * changed ** (1 / 2.4) - 0.055)
    return np.asarray(rgb2lab(back[None])[0], dtype=np.float64)


def difference(one: str, other: str, eyes: str) -> float:
    first, second = seen([one, other], eyes)
    return float(deltaE_ciede2000(first, second))  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("figure", TOGETHER)
def test_colours_used_together_stay_apart(figure: str, eyes: str) -> None:
    for one, other in combinations(TOGETHER[figure], 2):
        assert difference(one, other, eyes) >= APART, f"{one} and {other}"


def test_the_simulation_takes_away_what_such_eyes_lack() -> None:
    assert difference("#ff0000", "#a08000", "all cones") > 2 * APART
    assert difference("#ff0000", "#a08000", "deuteranopia") < APART
    assert difference(GREEN, GREY, "deuteranopia") < APART < difference(GREEN, GREY, "all cones")
    white = seen(["#ffffff"], "protanopia")[0]
    assert white[0] == pytest.approx(100, abs=0.1) and np.abs(white[1:]).max() < 0.5, "white stays white"


def test_lines_differ_without_colours_too() -> None:
    drawn = looks(42)
    assert len({(str(look["linestyle"]), look["marker"]) for look in drawn}) == len(drawn)
    assert len({hatch for _, hatch in STATE_LOOKS.values()}) == len(STATE_LOOKS)
