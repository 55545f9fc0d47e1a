import numpy as np

from ganetic.plots.progress import best_so_far, draw_progress, working_seconds
from tests.plots.frames import trials


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
