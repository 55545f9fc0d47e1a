"""A run's page, shown again and again while another process works on the run."""

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from ganetic.evolution.results import Run, last_change, open_run
from ganetic.jobs.lock import is_locked
from ganetic.report.progress.search import LINE_SECONDS, counts_line
from ganetic.report.progress.terminal import redraws
from ganetic.report.renderers.terminal import laid_out, print_page
from ganetic.report.run import run_page

LOOK_SECONDS = 1.0
"""How long to wait before the files are looked at again."""

READING_SHARE = 0.1
"""Reading takes at most this share of the time, however long the run is: its driver needs the processor more."""


class Look(NamedTuple):
    """A run at one moment.

    Attributes:
        run: the run as it stood then.
        last: whether nobody worked on it any more.
    """

    run: Run
    last: bool


def watch(directory: Path, console: Console) -> None:
    """Show a run until nobody works on it: in place on a terminal, plain lines elsewhere.

    A finished or stopped run is shown once. The run is only read, and its lock is not held.

    Args:
        directory: of the run.
        console: where to show it.

    Raises:
        UserError: there is no run, or its journal is damaged.
    """
    show = _draw if redraws(console) else _print
    show(console, looks(directory))


def looks(
    directory: Path, sleep: Callable[[float], object] = time.sleep, clock: Callable[[], float] = time.monotonic
) -> Iterator[Look]:
    """Open a run now and whenever its journal has changed, for the last time when nobody works on it.

    While nothing changes no file is opened but the lock.

    Args:
        directory: of the run.
        sleep: how to wait for some seconds.
        clock: seconds, from any origin.

    Raises:
        UserError: there is no run, or its journal is damaged.
    """
    seen = None
    while True:
        began = clock()
        # Both before the run is read: what is written meanwhile is found at the next look.
        at_work, change = is_locked(directory), last_change(directory)
        if change != seen or not at_work:
            yield Look(open_run(directory), last=not at_work)
            seen = change
        if not at_work:
            return
        sleep(max(LOOK_SECONDS, (clock() - began) * (1 / READING_SHARE - 1)))


def status_line(run: Run) -> str:
    """Say in one line where a run stands."""
    parts = [f"{run.status}: {counts_line(run.states()) or 'no trial ended yet'}, {run.under_way} under way"]
    best = run.front().head(1).to_dict("records")
    return "; ".join([*parts, *(f"best fd {one['fd']:.1f}: {one['readable']}" for one in best)])


def _draw(console: Console, looks: Iterable[Look]) -> None:
    with Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:
        for look in looks:
            live.update(_view(look), refresh=True)


def _view(look: Look) -> RenderableType:
    page = laid_out(run_page(look.run))
    return page if look.last else Group(page, Text(), Text("Ctrl-C ends the watching; the run goes on", style="dim"))


def _print(console: Console, looks: Iterable[Look], clock: Callable[[], float] = time.monotonic) -> None:
    """Print the page first and last, and lines between at least `LINE_SECONDS` apart."""
    printed_at = None
    for look in looks:
        if printed_at is None or look.last:
            print_page(console, run_page(look.run))
        elif clock() - printed_at >= LINE_SECONDS:
            console.print(Text(status_line(look.run)), soft_wrap=True)
        else:
            continue
        printed_at = clock()
