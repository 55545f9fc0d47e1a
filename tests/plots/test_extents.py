"""No text of the other figures is cut off, at the size that they have; see also the tests of front and progress."""

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure

from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.plots.beside import MOST_COURSES, draw_beside
from ganetic.plots.comparison import draw_boxes, draw_curves
from ganetic.plots.loss import draw_loss
from ganetic.plots.samples import SIDE, draw_samples
from tests.plots.extents import boxes_of, cut_off, overlapping
from tests.plots.test_beside import course
from tests.plots.test_comparison import runs, traces

LONG = {"main": "fd@pneumoniamnist28-efflite0-b4b10@32/1k of dcgan28-w32-ema, 12800 steps"}
WHOLE_WORD = "p·" * 200 + "p"


def beside() -> Figure:
    names = [f"a-directory-with-a-long-name-{number}" for number in range(MOST_COURSES)]
    metric = LONG["main"].split()[0]
    return draw_beside([course(name) for name in names], metric, 900.0, "400 steps, 3 seeds", "800 steps")


def samples() -> Figure:
    images = np.zeros((SIDE**2, 8, 8, 1), np.uint8)
    return draw_samples(images, images, "#12345 after 12800 steps (seed 1234567890)", "; ".join([WHOLE_WORD] * 4))


@pytest.mark.parametrize(
    "figure",
    [
        pytest.param(lambda: draw_boxes(runs(), ["bce"], LONG), id="boxes"),
        pytest.param(lambda: draw_boxes(runs(), ["bce"], {**LONG, "plain": "fd@x"}), id="boxes of two proxies"),
        pytest.param(lambda: draw_curves(traces(), runs(), LONG), id="curves"),
        pytest.param(beside, id="beside"),
        pytest.param(samples, id="samples"),
        pytest.param(lambda: draw_loss(LIBRARY["relativistic-hinge"].formula, "relativistic-hinge"), id="four slots"),
        pytest.param(
            lambda: draw_loss(Formula.from_text("add(p, log(sub(p, y)))", "here"), "#12345"), id="a label loss"
        ),
    ],
)
def test_nothing_is_cut_off(figure: Callable[[], Figure]) -> None:
    drawn = figure()
    assert cut_off(drawn) == []
    # A title over a title, or an axis label over a legend.
    outside = [pair for pair in boxes_of(drawn) if len(pair[0]) > 8]
    assert overlapping(outside) == []
