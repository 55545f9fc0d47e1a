"""What commands that work for long have in common on a terminal."""
# ruff: noqa: PLC0415 - `--help` and `--version` wait for none of what these import

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ganetic.cli.app import console

if TYPE_CHECKING:
    from ganetic.callbacks import Progress, ProgressCallback

_logger = logging.getLogger(__name__)

SAME_COMMAND = "the same command goes on"
SAME_DIRECTORY = "the same command with -o and the {} directory goes on"


@contextmanager
def long_work(how_to_go_on: str) -> "Iterator[ProgressCallback[Progress]]":
    """Show sentences and progress beside the results; where work is stopped, say how it goes on.

    Args:
        how_to_go_on: said after a stop, `SAME_COMMAND`, or `SAME_DIRECTORY` of such a study.
    """
    from ganetic.report.progress.search import progress_on
    from ganetic.report.progress.sentences import sentences_on

    screen = console(stderr=True)
    with sentences_on(screen), progress_on(screen) as callback:
        try:
            yield callback
        except KeyboardInterrupt:
            _logger.info(f"what has ended is kept; {how_to_go_on}")
            raise
