import io
import logging
from dataclasses import replace

import pytest
from rich.console import Console

from ganetic.callbacks import TrainingProgress
from ganetic.report.progress.sentences import sentences_on
from ganetic.report.progress.training import LiveTraining, PlainTraining, bar, standing_line, training_progress_on


def progress(step: int, failure: str | None = None, fd: float | None = 88.84) -> TrainingProgress:
    return TrainingProgress(
        step=step,
        steps=1000,
        first=100,
        images=16,
        elapsed_seconds=(step - 100) / 4,
        fd=fd,
        best_fd=fd,
        failure=failure,
    )


@pytest.mark.parametrize(
    ("now", "line"),
    [
        (progress(100, fd=None), "step 100/1000"),
        (progress(500), "step 500/1000, 64 images/s, 2:05 min left, fd 88.8, best 88.8"),
        (replace(progress(100), p=0.126), "step 100/1000, fd 88.8, best 88.8, augmentation p 0.13"),
        (progress(1000, "mode_collapse"), "step 1000/1000, 64 images/s, 0 s left, fd 88.8, best 88.8, mode collapse"),
    ],
)
def test_a_line_says_rate_and_time_left(now: TrainingProgress, line: str) -> None:
    assert standing_line(now) == line


def test_plain_lines_are_ten_seconds_apart() -> None:
    file, clock = io.StringIO(), iter(range(0, 1000, 2))
    plain = PlainTraining(Console(file=file, width=80), lambda: float(next(clock)))
    for step in range(101, 111):
        plain.update(progress(step))
    lines = file.getvalue().splitlines()
    assert [line.split(",")[0] for line in lines] == ["step 105/1000", "step 110/1000"]


def test_a_terminal_gets_a_bar_that_fits_80_columns_and_goes_away() -> None:
    file = io.StringIO()
    console = Console(file=file, width=80, force_terminal=True, legacy_windows=False)
    with sentences_on(console), training_progress_on(console) as live:
        assert isinstance(live, LiveTraining)
        live.update(progress(500, "non_convergence"))
        logging.getLogger("ganetic.training").info("step 500: fd 88.8")
    assert "step 500: fd 88.8" in file.getvalue()
    drawn = Console(file=io.StringIO(), width=80)
    drawn.print(bar(progress(500, "non_convergence")))
    text = drawn.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= 80
    assert "non convergence" in " ".join(text.split())


def test_a_pipe_gets_plain_lines() -> None:
    with training_progress_on(Console(file=io.StringIO())) as plain:
        assert isinstance(plain, PlainTraining)
