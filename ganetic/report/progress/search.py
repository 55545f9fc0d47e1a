"""What a search shows while it runs: a live display on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ganetic.callbacks import Progress, ProgressCallback, TopIndividual
from ganetic.report.progress.terminal import Parts, redraws

REFRESH_SECONDS = 0.25
"""The live display is drawn at most this often."""

LINE_SECONDS = 10.0
"""Plain lines are at least so far apart, but for changes of phase."""

_TOP = 5

_BAR = 32
"""Columns of a bar, where there is room for so many."""


@contextmanager
def progress_on(console: Console) -> Iterator[ProgressCallback[Progress]]:
    """Show on a console what the callback is told: a live display on a terminal, plain lines elsewhere.

    A file or a pipe gets plain lines, and a terminal that cannot draw over what it has drawn.
    """
    if not redraws(console):
        yield PlainProgress(console)
        return
    with closing(RichProgress(console)) as live:
        yield live


class Pace:
    """Trials a second and seconds left, measured within one phase and since this process began.

    A resumed run starts with trials that took no time, so the first state of a phase is the origin.
    """

    def __init__(self) -> None:
        self._origin: Progress | None = None
        self._latest: Progress | None = None

    def update(self, progress: Progress) -> None:
        """Take the next state into account."""
        if self._latest is None or begins_anew(self._latest, progress):
            self._origin = progress
        self._latest = progress

    @property
    def per_second(self) -> float | None:
        """Finished trials a second; None before the first."""
        if self._origin is None or self._latest is None:
            return None
        seconds = self._latest.elapsed_seconds - self._origin.elapsed_seconds
        trials = self._latest.finished - self._origin.finished
        return trials / seconds if trials > 0 and seconds > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """Until the target of the phase; None where there is no target or no rate."""
        rate, latest = self.per_second, self._latest
        if rate is None or latest is None or latest.target is None:
            return None
        return max(0, latest.target - latest.finished) / rate


def begins_anew(before: Progress, after: Progress) -> bool:
    """Return whether a state is of another phase, or of another round of the same one, whose time began again."""
    return before.phase != after.phase or after.elapsed_seconds < before.elapsed_seconds


class RichProgress(ProgressCallback[Progress]):
    """A live display: bar, rate, time left, states, what was not trained, and the formulas of the best."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._pace = Pace()
        self._drawn_at = -REFRESH_SECONDS
        self._latest: Progress | None = None
        self._live = Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)

    def update(self, progress: Progress) -> None:
        """Draw the state, unless one was drawn just now."""
        self._pace.update(progress)
        self._latest = progress
        if self._clock() - self._drawn_at >= REFRESH_SECONDS:
            self._draw(progress)

    def close(self) -> None:
        """Draw the last state and leave it standing."""
        if self._latest is not None:
            self._draw(self._latest)
            self._latest = None
        self._live.stop()

    def _draw(self, progress: Progress) -> None:
        if not self._live.is_started:
            self._live.start()
        self._live.update(display(progress, self._pace), refresh=True)
        self._drawn_at = self._clock()


class PlainProgress(ProgressCallback[Progress]):
    """A line every ten seconds and at every change of phase."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._pace = Pace()
        self._latest: Progress | None = None
        self._printed_at = 0.0  # seconds within the phase

    def update(self, progress: Progress) -> None:
        """Print a line if it is time for one."""
        self._pace.update(progress)
        due = progress.elapsed_seconds - self._printed_at >= LINE_SECONDS
        if due or self._latest is None or begins_anew(self._latest, progress):
            self._printed_at = progress.elapsed_seconds
            self._console.print(Text(plain_line(progress, self._pace)), soft_wrap=True)
        self._latest = progress


def display(progress: Progress, pace: Pace) -> RenderableType:
    """Lay out where a search stands for a terminal of 60 columns or more."""
    parts: list[RenderableType] = [_bar(progress), Parts(_speed(progress, pace))]
    duplicates, rejected = _split(progress.rejections)
    for title, counts in (("trials", progress.states), ("duplicates avoided", duplicates), ("rejected", rejected)):
        if counts:
            parts.append(Parts(_counted(counts), f"{title}: "))
    if progress.top:
        parts.append(_top_table(progress.top))
    return Group(*parts)


def plain_line(progress: Progress, pace: Pace) -> str:
    """Say in one line where a search stands."""
    parts = [f"{progress.phase}: {_done(progress)}", ", ".join(_speed(progress, pace))]
    if progress.states:
        parts.append(counts_line(progress.states))
    if progress.rejections:
        duplicates, rejected = _split(progress.rejections)
        parts.append(f"{sum(duplicates.values())} duplicates avoided, {sum(rejected.values())} rejected")
    if progress.top:
        best = progress.top[0]
        parts.append(f"best fd {best.fd:.1f}: {best.formula}")
    return "; ".join(parts)


def duration(seconds: float) -> str:
    """Write seconds as ``42 s``, ``3:07 min`` or ``2:05 h``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"


def _bar(progress: Progress) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(max_width=_BAR)
    grid.add_column(no_wrap=True)
    # Without a target the bar pulses by the clock of the search, so that drawing it twice gives the same bar.
    bar = ProgressBar(
        total=progress.target,
        completed=progress.finished,
        pulse=progress.target is None,
        animation_time=progress.elapsed_seconds,
    )
    grid.add_row(Text(f"{progress.phase:<10}", style="bold"), bar, Text(_done(progress)))
    return grid


def _done(progress: Progress) -> str:
    target = "" if progress.target is None else f"/{progress.target}"
    return f"{progress.finished}{target} trials"


def _speed(progress: Progress, pace: Pace) -> list[str]:
    parts = [duration(progress.elapsed_seconds)]
    if pace.per_second is not None:
        parts.append(f"{_rate(pace.per_second * 60)} trials/min")
    if pace.seconds_left is not None and pace.seconds_left > 0:
        parts.append(f"{duration(pace.seconds_left)} left")
    parts.append(f"{progress.running} of {progress.slots} workers busy")
    return parts


def _rate(a_minute: float) -> str:
    """Write a rate with two digits at least: one trial in five minutes is not none."""
    return f"{a_minute:.0f}" if a_minute >= 10 else f"{a_minute:.2g}"


def counts_line(counts: Mapping[str, int]) -> str:
    """Write counts in one line, the largest first."""
    return ", ".join(_counted(counts))


def _counted(counts: Mapping[str, int]) -> list[str]:
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [f"{count} {name.replace('_', ' ')}" for name, count in most]


def _split(rejections: Mapping[str, int]) -> tuple[dict[str, int], dict[str, int]]:
    """Tell draws that were known already from draws that could not train."""
    known = {reason: count for reason, count in rejections.items() if reason.startswith("duplicate_")}
    rejected = {reason: count for reason, count in rejections.items() if reason not in known}
    return {reason.removeprefix("duplicate_"): count for reason, count in known.items()}, rejected


def _top_table(top: tuple[TopIndividual, ...]) -> Table:
    table = Table(box=None, pad_edge=False, expand=True, header_style="dim")
    for name in ("loss", "fd", "instability", "seeds"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("formula", ratio=1, no_wrap=True, overflow="ellipsis")
    for one in top[:_TOP]:
        table.add_row(
            f"#{one.individual}",
            f"{one.fd:.1f}",
            f"{one.instability:.2f}",
            str(one.seeds),
            Text(one.formula),
        )
    return table
