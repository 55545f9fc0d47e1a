"""What is written to the streams of a command: warnings, and texts that a console cannot print."""

import codecs
import io
import logging
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import typer

_ASCII = {
    "²": "^2",
    "³": "^3",
    "·": "*",
    "×": "x",
    "−": "-",
    "–": "-",
    "…": "...",
    "→": "->",
    "≤": "<=",
    "≥": ">=",
    "±": "+-",
    "λ": "lambda",
    "√": "sqrt",
}
"""What stands for characters of our texts of which Unicode has no plain form, or one that means something else."""


class _Plain(logging.Handler):
    """Prints every record's message as a line on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print the message."""
        typer.echo(record.getMessage(), err=True)


@contextmanager
def warnings_on_stderr() -> Iterator[None]:
    """Print what ``ganetic`` warns of while no display shows its sentences; see `ganetic.report.progress.sentences`."""
    logger, handler = logging.getLogger("ganetic"), _Plain(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def print_what_can_be(*streams: TextIO) -> None:
    """Let streams write plain characters in place of those that their encoding lacks, where they would fail."""
    codecs.register_error("ganetic.plain", _plain)
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="ganetic.plain")


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_plain_character, error.object[error.start : error.end])), error.end


def _plain_character(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte of a file's name that is not UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    known = _ASCII.get(character) or unicodedata.normalize("NFKD", character)
    return "".join(one for one in known if one.isascii()) or "?"
