import math

import numpy as np
import pandas as pd
import pytest

from ganetic.plots.beside import Course, best_so_far, draw_beside, hypervolume_so_far
from tests.plots.frames import finals


def reached() -> pd.DataFrame:
    return pd.DataFrame(
        {"steps": [400, 1000, 1500, 2200], "fd": [90.0, 60.0, 80.0, 45.0], "instability": [0.5, 0.8, 0.2, 1.5]}
    )


def course(label: str, rows: int = 4) -> Course:
    return Course(label, reached().iloc[:rows], steps=4000, trials=12, finals=finals().sort_values("fd"))


def test_best_so_far_only_falls() -> None:
    assert best_so_far(reached()).tolist() == [90.0, 60.0, 60.0, 45.0]


def test_hypervolume_counts_what_is_ahead_of_the_reference_point() -> None:
    first = math.log(900 / 90) * 0.5
    second = first + math.log(90 / 60) * 0.2 + math.log(900 / 90) * 0.0
    areas = hypervolume_so_far(reached(), start_fd=900.0)
    assert areas[0] == pytest.approx(first)
    assert areas[1] == pytest.approx(second)
    assert areas[2] == pytest.approx(math.log(900 / 80) * 0.8 + math.log(80 / 60) * 0.2)
    assert areas[3] == areas[2]  # too unstable to count
    assert hypervolume_so_far(reached().iloc[:0], 900.0).shape == (0,)


def test_curves_hold_until_the_budget_is_spent_and_are_told_apart() -> None:
    figure = draw_beside([course("one"), course("other", 2)], "fd@x", 900.0, "400 steps, 3 seeds", "800 steps, 5 seeds")
    best, area, marks = figure.axes
    for axes in (best, area):
        lines = axes.get_lines()
        assert [line.get_label() for line in lines] == ["one (12 trials)", "other (12 trials)"]
        assert len({(line.get_color(), str(line.get_linestyle())) for line in lines}) == 2
        for line in lines:
            assert np.asarray(line.get_xdata())[-1] == 4.0
            assert np.diff(np.asarray(line.get_ydata())[-2:]) == 0
    assert best.get_title(loc="left") == "Best loss so far: 400 steps, 3 seeds"
    assert marks.get_title(loc="left") == "Finals: 800 steps, 5 seeds"
    assert [text.get_text() for text in marks.texts] == ["bce 58.0", "48.0"] * 2
    assert [label.get_text() for label in marks.get_yticklabels()] == ["one", "other"]


def test_a_search_without_finals_has_an_empty_row() -> None:
    empty = Course("young", reached().iloc[:1], steps=500, trials=3, finals=finals().iloc[:0])
    *_, marks = draw_beside([empty], "fd@x", 900.0, "400 steps, 1 seed", "800 steps, 5 seeds").axes
    assert not marks.texts
