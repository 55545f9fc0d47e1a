import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from ganetic.evolution.selection import knee
from ganetic.loss.library import LIBRARY
from ganetic.plots.pareto import LABELLED, MOST_LABELS, Protocol, apart, draw_pareto, label_of
from tests.plots.extents import cut_off, overlapping
from tests.plots.frames import final_values, finals, front, individuals

PROTOCOL = Protocol("fd@mnist5k-cnn64/2k", 2.34, "400 steps, 3 seeds", "800 steps, 3 seeds")


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_front_finals_and_formulas() -> None:
    search, final, caption = draw_pareto(individuals(), front(), finals(), final_values(), PROTOCOL).axes
    assert search.get_xscale() == final.get_xscale() == "log"
    assert search.get_xlabel() == "fd@mnist5k-cnn64/2k  (real against real: 2.3)"
    assert search.get_title(loc="left") == "Search: 400 steps, 3 seeds"
    labels = [text for text in texts(search) if text.startswith("#")]
    assert len(labels) == LABELLED and labels[0] == "#100" and labels[-1] == "#108"
    assert [label.get_text() for label in final.get_yticklabels()] == [
        "#33\ninstability 0.90, 1 failed",
        "bce\ninstability 0.31",
        "#12\ninstability 0.20",
    ], "the best stands at the top"
    formulas = texts(caption)[0].splitlines()
    assert len(formulas) == LABELLED + 3
    assert max(map(len, formulas)) <= 120
    assert formulas[-1].startswith("bce   d_real = softplus(-d)")


def test_every_final_seed_is_drawn_once() -> None:
    final = draw_pareto(individuals(), front(), finals(), final_values(), PROTOCOL).axes[1]
    seeds = [line for line in final.lines if line.get_marker() == "|"]
    assert [np.sort(np.asarray(line.get_xdata())).tolist() for line in seeds] == [
        [50, 66, 99],
        [52, 58, 66],
        [44, 48, 52],
    ]


def test_without_finals_there_is_one_panel() -> None:
    figure = draw_pareto(individuals(), front(2), finals().iloc[:0], final_values().iloc[:0], PROTOCOL)
    assert len(figure.axes) == 2
    assert [text for text in texts(figure.axes[0]) if text.startswith("#")] == ["#100", "#101"]


def test_unviable_losses_are_not_drawn() -> None:
    table = individuals()
    search = draw_pareto(table, front(), finals(), final_values(), PROTOCOL).axes[0]
    drawn = [
        len(np.asarray(points.get_offsets())) for points in search.collections if points.get_label() != "published"
    ]
    assert sum(drawn) == int(table["viable"].sum())


def test_a_loss_of_great_instability_stands_on_the_top_of_the_axis() -> None:
    table = individuals()
    table.loc[1, "instability"] = 50.0
    search = draw_pareto(table, front(), finals(), final_values(), PROTOCOL).axes[0]
    top = search.get_ylim()[1]
    assert top < 5
    beyond = next(points for points in search.collections if str(points.get_label()).startswith("instability up to 50"))
    assert set(np.asarray(beyond.get_offsets())[:, 1].tolist()) == {top}


def test_a_published_loss_that_was_found_twice_is_named_once() -> None:
    table = individuals()
    table.loc[table["rung"] == 2, "name"] = "bce"
    search = draw_pareto(table, front(), finals(), final_values(), PROTOCOL).axes[0]
    assert texts(search).count("bce") == 1


@given(st.lists(st.floats(0, 1), max_size=12))
def test_labels_keep_their_distance_and_their_order(wanted: list[float]) -> None:
    found = apart(wanted, 0.05)
    order = np.argsort(wanted, kind="stable")
    assert all(np.diff(np.asarray(found)[order]) >= 0.05 - 1e-9)
    if all(np.diff(np.sort(wanted)) >= 0.05):
        assert np.allclose(found, wanted)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=10))
def test_labels_stay_within_bounds_as_near_to_their_points_as_they_can(wanted: list[float]) -> None:
    found = np.asarray(apart(wanted, 0.05, 0.025, 0.975))
    assert found.min() >= 0.025 - 1e-9 and found.max() <= 0.975 + 1e-9
    order = np.argsort(wanted, kind="stable")
    assert all(np.diff(found[order]) >= 0.05 - 1e-9)
    rank = np.arange(len(wanted))
    # Another way that keeps order, distance and bounds is no nearer: evenly spread over all the height.
    spread = np.empty(len(wanted))
    spread[order] = np.linspace(0.025, 0.975, len(wanted)) if len(wanted) > 1 else 0.5
    assert np.square(found - wanted).sum() <= np.square(spread - wanted).sum() + 1e-9, rank


def crowded(count: int) -> Figure:
    """Draw a front of which all points lie at the bottom, and as many published losses as there are, beside it."""
    table, edge = individuals(200), front(count)
    named = table["viable"] & (table["rung"] == 2)
    names = [*LIBRARY, *[""] * 200][: int(named.sum())]
    table.loc[named, "name"] = names
    table.loc[named, "instability"] = 0.001
    return draw_pareto(table, edge.assign(instability=0.002 - 1e-5 * np.arange(count)), *no_finals(), PROTOCOL)


def no_finals() -> tuple[pd.DataFrame, pd.DataFrame]:
    return finals().iloc[:0], final_values().iloc[:0]


def annotations(axes: Axes) -> list[Annotation]:
    return [text for text in axes.texts if isinstance(text, Annotation)]


@pytest.mark.parametrize("count", [1, 3, 40])
def test_at_most_ten_labels_and_none_on_another_or_on_a_point(count: int) -> None:
    figure = crowded(count)
    assert cut_off(figure) == []
    axes = figure.axes[0]
    labels = annotations(axes)
    assert len(labels) == MOST_LABELS == 10 < len(LIBRARY) + min(count, LABELLED)
    boxes = [(label.get_text(), super(Annotation, label).get_window_extent()) for label in labels]
    assert overlapping(boxes) == []
    points = np.concatenate([np.asarray(drawn.get_offsets()) for drawn in axes.collections])
    pixels = axes.transData.transform(points)
    for text, box in boxes:
        assert box.x0 > axes.bbox.x0 and box.y0 > axes.bbox.y0, f"{text} is within the axes"
        assert box.x1 < pixels[:, 0].min(), f"{text} stands left of all points"


@given(st.lists(st.tuples(st.floats(1, 1e4), st.floats(0, 5)), min_size=1, max_size=12), st.booleans())
@settings(max_examples=50)
def test_the_knee_is_the_nearest_to_both_minima(points: list[tuple[float, float]], ranked: bool) -> None:
    table = np.array(sorted(points) if ranked else points)
    scaled = np.stack([np.log(table[:, 0]), table[:, 1]], axis=1)
    spread = np.ptp(scaled, axis=0)
    scaled = (scaled - scaled.min(axis=0)) / np.where(spread == 0, 1, spread)
    distances = np.linalg.norm(scaled, axis=1)
    assert distances[knee(table[:, 0].tolist(), table[:, 1].tolist())] == pytest.approx(distances.min(), rel=1e-9)


def ring(axes: Axes, label: str) -> list[tuple[float, float]]:
    found = [line for line in axes.lines if line.get_label() == label]
    return [(float(x), float(y)) for line in found for x, y in np.asarray(line.get_xydata())]


def test_the_knee_is_marked_and_named() -> None:
    edge = front(40).assign(instability=0.01 + 0.49 * 0.5 ** np.arange(40))
    # Of 40 points six are named; the knee is none of those that are evenly spread.
    search, final, _ = draw_pareto(individuals(), edge, finals(), final_values(), PROTOCOL, picked=33).axes
    across = np.log(edge["fd"]) - np.log(40)
    up = edge["instability"] - edge["instability"].min()
    middle = int(np.argmin(np.hypot(across / across.max(), up / up.max())))
    assert ring(search, "knee") == [(edge["fd"][middle], edge["instability"][middle])]
    labels = [label.get_text() for label in annotations(search)]
    assert f"#{100 + middle}" in labels and {"#100", "#139"} <= set(labels) and len(labels) == LABELLED
    assert ring(final, "knee, picked") == [(66.0, 0.0)]


def test_no_pick_is_marked_before_the_finals_are_over() -> None:
    final = draw_pareto(individuals(), front(), finals(), final_values(), PROTOCOL).axes[1]
    assert ring(final, "knee, picked") == []


@pytest.mark.parametrize("final", [False, True])
def test_nothing_is_cut_off_at_the_size_that_it_has(final: bool) -> None:
    long = Protocol("fd@" + "a-long-name-of-images-" * 4, 2.34, "400 steps, 3 seeds", "800 steps, 3 seeds")
    tables = (finals(), final_values()) if final else no_finals()
    assert cut_off(draw_pareto(individuals(), front(), *tables, long)) == []


def test_labels() -> None:
    assert label_of(12, "") == "#12"
    assert label_of(-1, "bce") == "bce"
