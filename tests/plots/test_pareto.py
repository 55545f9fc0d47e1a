import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes

from ganetic.plots.pareto import LABELLED, Protocol, apart, draw_pareto, label_of
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


def test_labels() -> None:
    assert label_of(12, "") == "#12"
    assert label_of(-1, "bce") == "bce"
