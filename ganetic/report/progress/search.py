"""What a search shows while it runs: a live display on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Mapping

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ganetic.evolution.listener import Leader, Listener, Snapshot

REFRESH_SECONDS = 0.25
"""The live display is drawn at most this often."""

LINE_SECONDS = 10.0
"""Plain lines are at least so far apart, but for changes of phase and messages."""

_LEADERS = 5


def listener_for(console: Console) -> Listener:
    """Choose the display that fits the console: live on a terminal, plain lines in a file or a pipe."""
    return RichProgress(console) if console.is_terminal else PlainProgress(console)


class Pace:
    """Trials a second and seconds left, measured within one phase and since this process began.

    A resumed run starts with trials that took no time, so the first snapshot of a phase is the origin.
    """

    def __init__(self) -> None:
        self._origin: Snapshot | None = None
        self._latest: Snapshot | None = None

    def update(self, snapshot: Snapshot) -> None:
        """Take the next snapshot into account."""
        if self._latest is None or begins_anew(self._latest, snapshot):
            self._origin = snapshot
        self._latest = snapshot

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


def begins_anew(before: Snapshot, after: Snapshot) -> bool:
    """Return whether a snapshot is of another phase, or of another round of the same one, whose time began again."""
    return before.phase != after.phase or after.elapsed_seconds < before.elapsed_seconds


class RichProgress(Listener):
    """A live display: bar, rate, time left, states, what was not trained, and the leaders' formulas."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._pace = Pace()
        self._drawn_at = -REFRESH_SECONDS
        self._latest: Snapshot | None = None
        self._live = Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)

    def update(self, snapshot: Snapshot) -> None:
        """Draw the snapshot, unless one was drawn just now."""
        self._pace.update(snapshot)
        self._latest = snapshot
        if self._clock() - self._drawn_at >= REFRESH_SECONDS:
            self._draw(snapshot)

    def log(self, message: str) -> None:
        """Print a line above the display."""
        self._console.print(Text(message))

    def close(self) -> None:
        """Draw the last snapshot and leave it standing."""
        if self._latest is not None:
            self._draw(self._latest)
            self._latest = None
        self._live.stop()

    def _draw(self, snapshot: Snapshot) -> None:
        if not self._live.is_started:
            self._live.start()
        self._live.update(display(snapshot, self._pace), refresh=True)
        self._drawn_at = self._clock()


class PlainProgress(Listener):
    """A line every ten seconds and at every change of phase."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._pace = Pace()
        self._latest: Snapshot | None = None
        self._printed_at = 0.0  # seconds within the phase

    def update(self, snapshot: Snapshot) -> None:
        """Print a line if it is time for one."""
        self._pace.update(snapshot)
        due = snapshot.elapsed_seconds - self._printed_at >= LINE_SECONDS
        if due or self._latest is None or begins_anew(self._latest, snapshot):
            self._printed_at = snapshot.elapsed_seconds
            self._print(plain_line(snapshot, self._pace))
        self._latest = snapshot

    def log(self, message: str) -> None:
        """Print a line."""
        self._print(message)

    def close(self) -> None:
        """Nothing is left to show."""

    def _print(self, line: str) -> None:
        self._console.print(Text(line), soft_wrap=True)


def display(snapshot: Snapshot, pace: Pace) -> RenderableType:
    """Lay a snapshot out for a terminal of 80 columns or more."""
    parts: list[RenderableType] = [_bar(snapshot), Text(_speed(snapshot, pace))]
    duplicates, rejected = _split(snapshot.rejections)
    for title, counts in (("trials", snapshot.states), ("duplicates avoided", duplicates), ("rejected", rejected)):
        if counts:
            parts.append(Text(f"{title}: {counts_line(counts)}"))
    if snapshot.leaders:
        parts.append(_leaders(snapshot.leaders))
    return Group(*parts)


def plain_line(snapshot: Snapshot, pace: Pace) -> str:
    """Say a snapshot in one line."""
    parts = [f"{snapshot.phase}: {_done(snapshot)}", _speed(snapshot, pace)]
    if snapshot.states:
        parts.append(counts_line(snapshot.states))
    if snapshot.rejections:
        duplicates, rejected = _split(snapshot.rejections)
        parts.append(f"{sum(duplicates.values())} duplicates avoided, {sum(rejected.values())} rejected")
    if snapshot.leaders:
        best = snapshot.leaders[0]
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


def _bar(snapshot: Snapshot) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    # Without a target the bar pulses by the clock of the snapshot, so that drawing it twice gives the same bar.
    bar = ProgressBar(
        total=snapshot.target,
        completed=snapshot.finished,
        width=32,
        pulse=snapshot.target is None,
        animation_time=snapshot.elapsed_seconds,
    )
    grid.add_row(Text(f"{snapshot.phase:<10}", style="bold"), bar, Text(_done(snapshot)))
    return grid


def _done(snapshot: Snapshot) -> str:
    target = "" if snapshot.target is None else f"/{snapshot.target}"
    return f"{snapshot.finished}{target} trials"


def _speed(snapshot: Snapshot, pace: Pace) -> str:
    parts = [duration(snapshot.elapsed_seconds)]
    if pace.per_second is not None:
        parts.append(f"{pace.per_second * 60:.0f} trials/min")
    if pace.seconds_left is not None and pace.seconds_left > 0:
        parts.append(f"{duration(pace.seconds_left)} left")
    parts.append(f"{snapshot.running} of {snapshot.slots} workers busy")
    return ", ".join(parts)


def counts_line(counts: Mapping[str, int]) -> str:
    """Write counts in one line, the largest first."""
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in most)


def _split(rejections: Mapping[str, int]) -> tuple[dict[str, int], dict[str, int]]:
    """Tell draws that were known already from draws that could not train."""
    known = {reason: count for reason, count in rejections.items() if reason.startswith("duplicate_")}
    rejected = {reason: count for reason, count in rejections.items() if reason not in known}
    return {reason.removeprefix("duplicate_"): count for reason, count in known.items()}, rejected


def _leaders(leaders: tuple[Leader, ...]) -> Table:
    table = Table(box=None, pad_edge=False, expand=True, header_style="dim")
    for name in ("loss", "fd", "instability", "seeds"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("formula", ratio=1, no_wrap=True, overflow="ellipsis")
    for leader in leaders[:_LEADERS]:
        table.add_row(
            f"#{leader.individual}",
            f"{leader.fd:.1f}",
            f"{leader.instability:.2f}",
            str(leader.seeds),
            Text(leader.formula),
        )
    return table
