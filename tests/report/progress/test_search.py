import io
import logging
from collections.abc import Mapping

import pytest
from rich.cells import cell_len
from rich.console import Console

from ganetic.callbacks import Phase, Progress, TopIndividual
from ganetic.report.progress.search import (
    Pace,
    PlainProgress,
    RichProgress,
    counts_line,
    display,
    duration,
    plain_line,
    progress_on,
)
from ganetic.report.progress.sentences import sentences_on

TOP = tuple(
    TopIndividual(number, f"[red]p·{number}[/red]" + " + log(p)" * 20, 40.0 + number, 0.25, 3) for number in range(8)
)
REJECTIONS = {"duplicate_text": 300, "duplicate_fingerprint": 20, "no_separation": 4000, "vanishing": 55}
STATES = {"completed": 30, "pruned: mode_collapse": 6, "failed: learnt_nothing": 1}


def progress(
    finished: int = 37,
    seconds: float = 20.0,
    phase: Phase = "searching",
    target: int | None = 240,
    rejections: Mapping[str, int] = REJECTIONS,
) -> Progress:
    return Progress(
        phase=phase,
        submitted=finished + 8,
        finished=finished,
        running=2,
        target=target,
        elapsed_seconds=seconds,
        states=STATES,
        rejections=rejections,
        top=TOP,
        slots=2,
    )


def rendered(width: int, shot: Progress) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as capture:
        console.print(display(shot, Pace()))
    return capture.get().splitlines()


def test_display_fits_eighty_columns_and_says_everything() -> None:
    lines = rendered(80, progress())
    text = "\n".join(lines)
    assert max(len(line) for line in lines) <= 80
    for part in (
        "searching",
        "37/240 trials",
        "2 of 2 workers busy",
        "30 completed, 6 pruned: mode collapse, 1 failed: learnt nothing",
        "duplicates avoided: 300 text, 20 fingerprint",
        "rejected: 4000 no separation, 55 vanishing",
        "#0  40.0         0.25      3  [red]p·0[/red] + log(p)",
    ):
        assert part in text
    assert "#5" not in text, "only the best five are shown"
    assert len(lines) == 5 + 1 + 5


WORDY = {
    "no_separation": 123456,
    "no_gradient": 98765,
    "wrong_direction": 4321,
    "vanishing": 999,
    "non_finite": 87,
    "too_large": 6,
}


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_width_cuts_a_number_or_parts_it_from_what_it_counts(width: int) -> None:
    pace = Pace()
    pace.update(progress(finished=100_000, seconds=50.0, target=1_000_000, rejections=WORDY))
    last = progress(finished=234_567, seconds=36_000.0, target=1_000_000, rejections=WORDY)
    pace.update(last)
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as capture:
        console.print(display(last, pace))
    lines = capture.get().splitlines()
    assert max(map(cell_len, lines)) <= width
    whole = ["234567/1000000 trials", "10:00 h", "225 trials/min", "2 of 2 workers busy", "30 completed"]
    for part in [*whole, *(f"{count} {name.replace('_', ' ')}" for name, count in WORDY.items())]:
        assert any(part in line for line in lines), f"{part} is broken or cut"
    assert all("…" not in line or line.lstrip().startswith("#") for line in lines), "only formulas are cut"


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_bar_gives_way_to_the_numbers_and_is_never_longer_than_it_was(width: int) -> None:
    (line, *_) = rendered(width, progress(finished=1_000_000, target=1_000_000))
    assert line.count("━") == {60: 26, 80: 32, 200: 32}[width]


def test_a_slow_rate_is_not_none() -> None:
    pace = Pace()
    pace.update(progress(finished=0, seconds=0.0))
    pace.update(progress(finished=1, seconds=290.0))
    assert "0.21 trials/min" in plain_line(progress(finished=1, seconds=290.0), pace)


def test_display_without_target_or_results() -> None:
    shot = Progress("preparing", 0, 0, 0, None, 0.0, {}, {}, (), 0)
    assert "0 trials" in "\n".join(rendered(80, shot))


def test_pace_is_measured_within_a_phase_and_from_the_first_state_on() -> None:
    pace = Pace()
    assert pace.per_second is None and pace.seconds_left is None
    pace.update(progress(finished=100, seconds=5.0))
    assert pace.per_second is None, "a resumed run starts with trials that took no time"
    pace.update(progress(finished=120, seconds=15.0))
    assert pace.per_second == pytest.approx(2.0)
    assert pace.seconds_left == pytest.approx(60.0)
    pace.update(progress(finished=3, seconds=1.0, phase="finals"))
    assert pace.per_second is None
    pace.update(progress(finished=5, seconds=2.0, phase="finals", target=None))
    assert pace.per_second == pytest.approx(2.0)
    assert pace.seconds_left is None


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (59.4, "59 s"), (59.6, "1:00 min"), (187, "3:07 min"), (7530, "2:05 h")]
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_counts_are_sorted_by_size_then_name() -> None:
    assert counts_line({"b_x": 1, "c": 3, "a": 1}) == "3 c, 1 a, 1 b x"


def test_plain_progress_prints_a_line_every_ten_seconds_and_at_every_phase() -> None:
    file = io.StringIO()
    plain = PlainProgress(Console(file=file, width=80))
    for tenths in range(250):
        plain.update(progress(finished=tenths // 5, seconds=tenths / 10))
    plain.update(progress(finished=0, seconds=0.1, phase="finals", target=9))
    plain.update(progress(finished=1, seconds=0.5, phase="finals", target=9))
    lines = file.getvalue().splitlines()
    assert [line.split(":")[0] for line in lines] == ["searching"] * 3 + ["finals"]
    assert "20/240 trials" in lines[1] and "120 trials/min" in lines[1]


def test_a_second_round_of_a_phase_is_shown_as_the_first_is() -> None:
    file = io.StringIO()
    plain = PlainProgress(Console(file=file, width=80))
    for target in (80, 30):
        for tenths in range(450):
            plain.update(progress(finished=tenths // 20, seconds=tenths / 10, phase="choosing", target=target))
    lines = [line for line in file.getvalue().splitlines() if line.startswith("choosing")]
    assert [line.split("/")[1].split()[0] for line in lines] == ["80"] * 5 + ["30"] * 5
    assert all("30 trials/min" in line for line in (lines[4], lines[9]))


def test_plain_line_is_one_line_with_the_whole_formula() -> None:
    line = plain_line(progress(), Pace())
    assert "\n" not in line
    assert TOP[0].formula in line
    assert "320 duplicates avoided, 4055 rejected" in line


def test_rich_progress_draws_at_most_four_times_a_second_and_the_last_state() -> None:
    file, now = io.StringIO(), [0.0]
    console = Console(file=file, width=80, force_terminal=True)
    live = RichProgress(console, clock=lambda: now[0])
    with sentences_on(console):
        for hundredths in range(200):
            now[0] = hundredths / 100
            live.update(progress(finished=hundredths))
        logging.getLogger("ganetic.evolution").info("a [message]")
    live.close()
    live.close()
    text = file.getvalue()
    # Each drawing is printed once, plus once more after the message was put above it.
    assert 8 <= text.count("trials:") <= 8 + 3
    assert "a [message]" in text
    assert "199/240 trials" in text.split("a [message]")[1]


def test_a_terminal_gets_the_live_display_and_a_file_gets_lines() -> None:
    with progress_on(Console(file=io.StringIO(), force_terminal=True)) as live:
        assert isinstance(live, RichProgress)
    with progress_on(Console(file=io.StringIO(), force_terminal=False)) as plain:
        assert isinstance(plain, PlainProgress)
