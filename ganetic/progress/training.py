"""What a full training shows while it runs: a live bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ganetic.progress.search import LINE_SECONDS, REFRESH_SECONDS, duration
from ganetic.training.listener import Progress, TrainListener


def training_listener_for(console: Console) -> TrainListener:
    """Choose the display that fits the console: live on a terminal, plain lines in a file or a pipe."""
    return LiveTraining(console) if console.is_terminal else PlainTraining(console)


def standing_line(progress: Progress) -> str:
    """Write where a training stands: images a second, time left, the last distances."""
    parts = [f"step {progress.step}/{progress.steps}"]
    made = progress.step - progress.first
    if made > 0 and progress.elapsed_seconds > 0:
        a_second = made / progress.elapsed_seconds
        parts.append(f"{a_second * progress.images:.0f} images/s")
        parts.append(f"{duration((progress.steps - progress.step) / a_second)} left")
    if progress.fd is not None and progress.best_fd is not None:
        parts.append(f"fd {progress.fd:.1f}, best {progress.best_fd:.1f}")
    if progress.ill is not None:
        parts.append(progress.ill.replace("_", " "))
    return ", ".join(parts)


class PlainTraining(TrainListener):
    """Writes a line now and then, and every message.

    Args:
        console: where to write.
        clock: seconds, from any origin.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._clock = console, clock
        self._last = clock()

    def update(self, progress: Progress) -> None:
        """Write a line where the last one is some time ago."""
        now = self._clock()
        if now - self._last >= LINE_SECONDS:
            self._last = now
            self.log(standing_line(progress))

    def log(self, message: str) -> None:
        """Write a message."""
        self._console.print(message, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Nothing to stop."""


class LiveTraining(TrainListener):
    """Draws a bar that stays at the bottom, with messages above it.

    Args:
        console: a terminal.
        clock: seconds, from any origin.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._clock = console, clock
        self._live: Live | None = None
        self._drawn = -REFRESH_SECONDS

    def update(self, progress: Progress) -> None:
        """Draw the bar where the last drawing is some time ago, or the training is done."""
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        now = self._clock()
        if now - self._drawn >= REFRESH_SECONDS or progress.step == progress.steps:
            self._drawn = now
            self._live.update(bar(progress), refresh=True)

    def log(self, message: str) -> None:
        """Write a message above the bar."""
        self._console.print(message, markup=False, highlight=False)

    def close(self) -> None:
        """Take the bar away."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def bar(progress: Progress) -> Table:
    """Return the bar with its line of text."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1)
    grid.add_row(ProgressBar(total=progress.steps, completed=progress.step, width=24), Text(standing_line(progress)))
    return grid
