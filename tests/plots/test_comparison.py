from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from ganetic.plots.comparison import draw_boxes, draw_curves, write_figures
from ganetic.plots.style import BLUE, ORANGE, RED
from ganetic.studies.compare import compare
from tests.evolution.fakes import SPACE, runtime

TITLES = {"main": "fd@x of net"}
SEEDS = 9


def runs(failing: int = 2) -> pd.DataFrame:
    stream = np.random.default_rng(0)
    rows = [
        (proxy, loss, seed, state, 900.0 if state == "failed" else float(level * np.exp(stream.normal(0, 0.1))))
        for proxy in ("main", "plain")
        for loss, level in (("bce", 60.0), ("good", 40.0), ("a-loss-with-a-rather-long-name", 80.0))
        for seed in range(SEEDS)
        for state in ("failed" if loss == "good" and seed < failing else "completed",)
    ]
    return pd.DataFrame(rows, columns=("proxy", "loss", "seed", "state", "counted_fd"))


def traces(failing: int = 2) -> pd.DataFrame:
    rows = [
        (*row[:3], row[3] == "failed", step, row[4] + (900 - row[4]) * np.exp(-step / 20))
        for row in runs(failing).itertuples(index=False)
        for step in (0, 50, 100)
    ]
    return pd.DataFrame(rows, columns=("proxy", "loss", "seed", "failed", "step", "fd"))


def legend_of(axes: Axes) -> list[str]:
    legend = axes.get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def test_boxes_show_every_training_once_and_the_best_at_the_top() -> None:
    (axes,) = draw_boxes(runs(0), ["bce"], TITLES).axes
    assert axes.get_xscale() == "log" and axes.get_xlabel() == "fd@x of net"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a-loss-with-a-rather-lo…", "bce", "good"]
    points = [line for line in axes.lines if line.get_marker() == "o" and len(np.asarray(line.get_xdata()))]
    drawn = np.sort(np.concatenate([np.asarray(line.get_xdata()) for line in points]))
    np.testing.assert_allclose(drawn, np.sort(runs(0).query("proxy == 'main'")["counted_fd"]))
    assert [to_hex(line.get_color()) for line in points] == [BLUE, ORANGE, BLUE]
    assert legend_of(axes) == ["geometric mean of bce"]


def test_a_training_that_raised_takes_nothing_from_the_box_of_the_others() -> None:
    table = runs()
    raised = (table["loss"] == "bce") & (table["seed"] == 4)
    table["state"] = table["state"].mask(raised, "raised")
    table["counted_fd"] = table["counted_fd"].mask(raised)
    (axes,) = draw_boxes(table, ["bce"], TITLES).axes
    medians = [line.get_xdata() for line in axes.lines if line.get_linewidth() == 2]
    assert len(medians) == 3 and np.isfinite(np.array(medians, dtype=float)).all()


def test_failed_trainings_are_marked() -> None:
    (axes,) = draw_boxes(runs(), ["bce"], TITLES).axes
    crosses = [line for line in axes.lines if line.get_marker() == "x" and len(np.asarray(line.get_xdata()))]
    (failed,) = crosses
    assert np.asarray(failed.get_xdata()).tolist() == [900.0, 900.0] and to_hex(failed.get_color()) == RED
    assert legend_of(axes) == ["geometric mean of bce", "failed, counted as untrained"]
    (axes,) = draw_boxes(runs(0), ["bce", "good"], TITLES).axes
    assert legend_of(axes) == ["geometric means of the references"]


def test_curves_are_geometric_means_of_what_did_not_fail() -> None:
    (axes,) = draw_curves(traces(), runs(), TITLES).axes
    assert legend_of(axes) == ["bce", "good (2 of 9 failed)", "a-loss-with-a-rather-lo…"]
    (bce,) = [line for line in axes.lines if line.get_label() == "bce"]
    own = traces().query("proxy == 'main' and loss == 'bce' and step > 0")
    expected = np.exp(np.log(own["fd"]).groupby(own["step"]).mean())
    np.testing.assert_allclose(np.asarray(bce.get_ydata()), expected)
    np.testing.assert_allclose(np.asarray(bce.get_xdata()), [50, 100])
    (good,) = [line for line in axes.lines if str(line.get_label()).startswith("good")]
    assert float(np.asarray(good.get_ydata())[-1]) < 60, "failed seeds are left out"


def test_no_curve_stands_for_a_loss_that_mostly_failed() -> None:
    (axes,) = draw_curves(traces(6), runs(6), TITLES).axes
    (good,) = [line for line in axes.lines if str(line.get_label()).startswith("good")]
    assert good.get_label() == "good (6 of 9 failed: no curve)" and not len(np.asarray(good.get_ydata()))


def test_a_panel_a_proxy() -> None:
    titles = {"main": "fd@x", "plain": "fd@y"}
    assert [axes.get_xlabel() for axes in draw_boxes(runs(), ["bce"], titles).axes] == ["fd@x", "fd@y"]
    assert [axes.get_ylabel() for axes in draw_curves(traces(), runs(), titles).axes] == ["fd@x", "fd@y"]


def test_figures_are_written_beside_the_journal(tmp_path: Path) -> None:
    comparison = compare(["all"], seeds=1, space=SPACE, directory=tmp_path, runtime=runtime())
    paths = write_figures(comparison)
    assert [path.name for path in paths] == ["boxes.png", "curves.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
