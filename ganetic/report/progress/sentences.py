"""The sentences of the package on a console: lines above a live display on a terminal, plain lines elsewhere."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from ganetic.report.progress.terminal import redraws


class ConsoleHandler(logging.Handler):
    """Prints every record's message as a line; where there is a live display it is wrapped, and stands above it.

    Args:
        console: where the display is drawn, too.
    """

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Print the message; where that cannot be, such as on a full disk, the work ends like with any other print."""
        self._console.print(Text(record.getMessage()), soft_wrap=not redraws(self._console))


@contextmanager
def sentences_on(console: Console) -> Iterator[None]:
    """Print on a console what ``ganetic`` and all below it says at INFO or above, and let nobody else print it.

    At the end logging is as it was.
    """
    logger, handler = logging.getLogger("ganetic"), ConsoleHandler(console)
    level, propagates, others = logger.level, logger.propagate, logger.handlers[:]
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False  # a handler that a library gave the root logger would print it again
    try:
        yield
    finally:
        logger.handlers[:] = others
        logger.setLevel(level)
        logger.propagate = propagates
