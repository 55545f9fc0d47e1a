"""Files that are whole or not there, and directories that can be made or are refused."""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ganetic.errors import UserError

DIGEST = re.compile("[0-9a-fA-F]{8,64}")
"""A sha256, or its first 8 digits or more."""


def cache_directory() -> Path:
    """Return ``$GANETIC_CACHE``, or ``~/.cache/ganetic``. It may not exist yet, nor be one that can be made.

    A user without a home, as in a container, has a folder among the temporary files.
    """
    if given := os.environ.get("GANETIC_CACHE"):
        return Path(given)
    try:
        return Path.home() / ".cache" / "ganetic"
    except RuntimeError:
        return Path(os.environ.get("TMPDIR") or "/tmp") / f"ganetic-{os.getuid()}"


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
        raise not_written(path, error) from None
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


def not_written(path: Path, error: OSError) -> UserError:
    """Return what is to be said of a place that cannot be written."""
    advice = "; make room" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        advice = "; choose a place that may be written"
    return UserError(f"{path}: cannot be written: {error.strerror or error}{advice}")


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
        UserError: its path is not UTF-8, or what is above it is a file or may not be written.
    """
    refuse_other_than_utf8(path)
    above = _deepest(path.absolute().parent)
    if not above.is_dir():
        raise UserError(f"{path}: cannot be made: {above} is a file; name another directory")
    if not _exists(path) and not is_writable(above):
        raise UserError(f"{path}: cannot be made: {above} may not be written; name another directory")


def refuse_other_than_utf8(path: Path) -> None:
    """Refuse a path that runs cannot write down, and that SQLite and safetensors cannot open.

    Raises:
        UserError: it has bytes that are not UTF-8.
    """
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError:
        raise UserError(f"{path}: the path is not UTF-8; rename it, or name another one") from None


def is_writable(directory: Path, room: int = 0) -> bool:
    """Return whether files of so many bytes can be made in a directory, which itself may have to be made."""
    above = _deepest(directory.absolute())
    if not (above.is_dir() and os.access(above, os.W_OK | os.X_OK)):
        return False
    return room == 0 or shutil.disk_usage(above).free >= room


def _deepest(path: Path) -> Path:
    """The path itself, or what is above it as far as it exists."""
    return next(one for one in (path, *path.parents) if _exists(one))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:  # above it is a directory into which we may not look
        return False
