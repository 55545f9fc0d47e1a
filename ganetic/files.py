"""Files that are whole or not there, and directories that can be made or are refused."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ganetic.errors import UserError


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a place to write a file aside, and rename it into place, so that no reader meets half a file.

    Whatever goes wrong, nothing is left aside.

    Raises:
        UserError: the place cannot be written.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}{path.suffix}")  # some writers go by the suffix
    try:
        yield aside
        aside.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Write text aside, then rename it into place, so that no reader meets half a file.

    Raises:
        UserError: the place cannot be written.
    """
    with whole(path) as aside:
        aside.write_text(text, encoding="utf-8")


def make_directory(path: Path) -> None:
    """Make a directory, with those above it, unless it is there.

    Raises:
        UserError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path}: cannot be made: {error.strerror}; name another directory") from None


def refuse_impossible_directory(path: Path) -> None:
    """Refuse a directory that plainly cannot be made, before anything costly is done for it.

    Raises:
        UserError: something above it is a file, or may not be written.
    """
    above = next(one for one in path.absolute().parents if one.exists())
    if not above.is_dir():
        raise UserError(f"{path}: cannot be made: {above} is a file; name another directory")
    if not path.exists() and not os.access(above, os.W_OK | os.X_OK):
        raise UserError(f"{path}: cannot be made: {above} may not be written; name another directory")
