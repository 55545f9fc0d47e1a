import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection

from ganetic.plots.progress import (
    LEAST,
    WINDOW,
    best_so_far,
    best_with_range,
    draw_progress,
    running_quartiles,
    working_seconds,
)
from tests.plots.extents import boxes_of, cut_off, overlapping
from tests.plots.frames import trials


def many(count: int = 240) -> pd.DataFrame:
    """Trials of 200 steps on one seed; each twelfth individual then has two of 400 steps."""
    stream = np.random.default_rng(3)
    number = np.arange(count)
    long = number % 12 >= 10
    return pd.DataFrame(
        {
            "number": number,
            "kind": np.where(long, "reseed", "child"),
            "individual": np.where(long, number // 12, 1000 + number),
            "seed": np.where(long, number % 12, 0),
            "steps": np.where(long, 400, 200),
            "state": np.where(number % 7 == 6, "pruned", "completed"),
            "fd": np.exp(stream.normal(4.5, 0.3, count) - 0.4 * long),
            "seconds": 2.0,
            "finished_at": 1000.0 + number,
        }
    )


def test_best_so_far_waits_for_all_seeds_at_all_steps() -> None:
    done = trials().iloc[:5]
    np.testing.assert_allclose(best_so_far(done, steps=400, seeds=2), [np.nan, np.nan, 80.0, 80.0, 80.0])
    np.testing.assert_allclose(best_so_far(done, steps=400, seeds=1), [100.0, 100.0, 80.0, 80.0, 80.0])
    np.testing.assert_allclose(best_so_far(done, steps=200, seeds=1), [np.nan] * 4 + [10.0])


def test_a_pause_is_not_time_at_work() -> None:
    done = trials().iloc[:5].sort_values("finished_at")
    # The longest trial took 3 s: of the 8994 s until the next result, 13 count.
    np.testing.assert_allclose(working_seconds(done), [1.0, 2.0, 5.0, 18.0, 21.0])
    assert working_seconds(done.iloc[:0]).size == 0


def test_figure_leaves_out_finals_and_what_still_runs() -> None:
    table = trials()
    table.loc[0, "kind"] = "final"
    table.loc[1, "steps"] = 200
    by_trial, by_time, states = draw_progress(table, "fd@x", 400, 2).axes
    assert by_trial.get_title(loc="left") == "Each point a trial of 200 to 400 steps"
    assert by_trial.get_ylabel() == "fd@x"
    assert by_trial.get_yscale() == "log" and by_time.get_xlabel() == "minutes at work"
    legend = states.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["failed (1)", "pruned (1)", "completed (2)"]


def test_the_best_is_a_mean_over_seeds_and_proxies() -> None:
    _, by_time, _ = draw_progress(trials(), "fd@x", 400, 1, proxies=2).axes
    legend = by_time.get_legend()
    assert legend is not None
    assert legend.get_texts()[1].get_text() == "best loss so far, mean of 2 proxies, 400 steps"
    (line,) = by_time.get_lines()
    assert np.nan_to_num(np.asarray(line.get_ydata(), dtype=np.float64)).round(6).tolist() == [0, 0, 80, 80, 80]


def test_a_run_that_has_just_begun() -> None:
    assert len(draw_progress(trials().iloc[5:], "fd@x", 400, 2).axes) == 3


def test_the_band_of_all_losses_is_the_quartiles_of_the_last_of_them() -> None:
    values = np.random.default_rng(0).lognormal(4, 1, 130)
    bands = running_quartiles(values)
    for index, found in enumerate(bands):
        past = values[: index + 1][-WINDOW:]
        expected = np.full(3, np.nan) if len(past) < LEAST else np.quantile(past, [0.25, 0.5, 0.75])
        np.testing.assert_allclose(found, expected)


def band(axes: Axes, label: str) -> np.ndarray:
    (area,) = [part for part in axes.collections if isinstance(part, PolyCollection) and part.get_label() == label]
    (path,) = area.get_paths()
    return np.asarray(path.vertices)


def test_the_bands_that_are_drawn_are_those_of_numpy() -> None:
    table = many()
    by_trial, by_time, _ = draw_progress(table, "fd@x", 400, 2).axes
    label = f"first trials of the last {WINDOW} new losses: middle half"
    short = table[(table["kind"] == "child") & (table["state"] == "completed")]
    last = np.quantile(short["fd"].to_numpy()[-WINDOW:], [0.25, 0.75])
    drawn = band(by_trial, label)
    at_the_end = drawn[drawn[:, 0] == drawn[:, 0].max(), 1]
    np.testing.assert_allclose([at_the_end.min(), at_the_end.max()], last)
    assert drawn[:, 0].min() == short["number"].iloc[LEAST - 1] + 1, "the first ten make no band"
    (median,) = [line for line in by_time.lines if line.get_label() == "their median"]
    np.testing.assert_allclose(np.asarray(median.get_ydata())[-1], np.median(short["fd"].to_numpy()[-WINDOW:]))


def test_the_band_of_the_best_is_the_range_of_its_seeds() -> None:
    table = many()
    done = table[(table["steps"] == 400) & (table["state"] == "completed")]
    whole = done.groupby("individual").filter(lambda own: len(own) == 2)
    means = np.exp(np.log(whole["fd"]).groupby(whole["individual"]).mean())
    own = whole[whole["individual"] == means.idxmin()]["fd"]
    assert len(own) == 2
    np.testing.assert_allclose(best_with_range(table, 400, 2)[-1], [means.min(), own.min(), own.max()])
    drawn = band(draw_progress(table, "fd@x", 400, 2).axes[0], "its seeds, lowest to highest")
    at_the_end = drawn[drawn[:, 0] == 240, 1]
    np.testing.assert_allclose([at_the_end.min(), at_the_end.max()], [own.min(), own.max()])


def test_a_seed_on_several_proxies_counts_once() -> None:
    table = trials().iloc[[0, 0, 0, 0]].assign(seed=[1, 2, 1, 2], fd=[10.0, 40.0, 90.0, 160.0])
    bands = best_with_range(table, 400, seeds=2, proxies=2)
    assert np.isnan(bands[:3]).all()
    np.testing.assert_allclose(bands[3], [np.sqrt(30 * 80), 30.0, 80.0])


def test_one_seed_has_no_range_and_few_trials_no_quartiles() -> None:
    by_trial, _, _ = draw_progress(trials(), "fd@x", 400, 1).axes
    assert not [part for part in by_trial.collections if isinstance(part, PolyCollection)]


def test_nothing_is_cut_off_or_hidden_by_the_legend() -> None:
    figure = draw_progress(many(), "fd@x", 400, 2)
    assert cut_off(figure) == []
    by_time = figure.axes[1]
    legend = by_time.get_legend()
    assert legend is not None
    boxes = [(text.get_text(), text.get_window_extent()) for text in legend.get_texts()]
    assert len(boxes) == 6
    others = [pair for pair in boxes_of(figure) if pair[0] not in dict(boxes)]
    assert [pair for pair in overlapping([*boxes, *others]) if pair[0] in dict(boxes)] == []
    assert not any(box.overlaps(axes.bbox) for _, box in boxes for axes in figure.axes)
