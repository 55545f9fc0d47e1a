"""What a full training shows while it runs: a live bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ganetic.callbacks import ProgressCallback, TrainingProgress
from ganetic.report.progress.search import LINE_SECONDS, REFRESH_SECONDS, duration
from ganetic.report.progress.terminal import Parts, redraws


@contextmanager
def training_progress_on(console: Console) -> Iterator[ProgressCallback[TrainingProgress]]:
    """Show on a console what the callback is told: a live bar on a terminal, plain lines elsewhere.

    A file or a pipe gets plain lines, and a terminal that cannot draw over what it has drawn.
    """
    if not redraws(console):
        yield PlainTraining(console)
        return
    with closing(LiveTraining(console)) as live:
        yield live


def standing_line(progress: TrainingProgress) -> str:
    """Write where a training stands: images a second, time left, the last distances."""
    return ", ".join(_standing(progress))


def _standing(progress: TrainingProgress) -> list[str]:
    parts = [f"step {progress.step}/{progress.steps}"]
    made = progress.step - progress.first
    if made > 0 and progress.elapsed_seconds > 0:
        a_second = made / progress.elapsed_seconds
        parts.append(f"{a_second * progress.images:.0f} images/s")
        parts.append(f"{duration((progress.steps - progress.step) / a_second)} left")
    if progress.fd is not None and progress.best_fd is not None:
        parts.append(f"fd {progress.fd:.1f}, best {progress.best_fd:.1f}")
    if progress.p is not None:
        parts.append(f"augmentation p {progress.p:.2f}")
    if progress.failure is not None:
        parts.append(progress.failure.replace("_", " "))
    return parts


class PlainTraining(ProgressCallback[TrainingProgress]):
    """Writes a line now and then.

    Args:
        console: where to write.
        clock: seconds, from any origin.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._clock = console, clock
        self._last = clock()

    def update(self, progress: TrainingProgress) -> None:
        """Write a line where the last one is some time ago."""
        now = self._clock()
        if now - self._last >= LINE_SECONDS:
            self._last = now
            self._console.print(Text(standing_line(progress)), soft_wrap=True)


class LiveTraining(ProgressCallback[TrainingProgress]):
    """Draws a bar that stays at the bottom.

    Args:
        console: a terminal.
        clock: seconds, from any origin.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._clock = console, clock
        self._live: Live | None = None
        self._drawn = -REFRESH_SECONDS

    def update(self, progress: TrainingProgress) -> None:
        """Draw the bar where the last drawing is some time ago, or the training is done."""
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        now = self._clock()
        if now - self._drawn >= REFRESH_SECONDS or progress.step == progress.steps:
            self._drawn = now
            self._live.update(bar(progress), refresh=True)

    def close(self) -> None:
        """Take the bar away."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def bar(progress: TrainingProgress) -> Table:
    """Return the bar with its line of text."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1)
    grid.add_row(ProgressBar(total=progress.steps, completed=progress.step, width=24), Parts(_standing(progress)))
    return grid
