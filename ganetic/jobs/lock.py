"""One driver for each run: a lock that ends with the process that holds it."""

import fcntl
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ganetic.errors import UserError
from ganetic.files import not_written

PATIENCE_SECONDS = 1.0
"""Who looks whether a run is at work holds its lock for a moment, too."""


@contextmanager
def run_lock(directory: Path, patience_seconds: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Hold the lock of a run's directory.

    The lock is the kernel's (``flock`` on ``directory/lock``), so that the death of its holder releases it whatever the
    cause; the file stays, and says who held it last. The directory must lie on a local disk.

    Args:
        directory: of the run.
        patience_seconds: for how long to wait for another process.

    Raises:
        UserError: another process holds the lock, or the file cannot be written.
    """
    path = directory / "lock"
    try:
        # Opened without truncation: until the lock is ours the text in the file is its holder's.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise not_written(path, error) from None
    try:
        if not _locked(descriptor, patience_seconds):
            holder = os.read(descriptor, 200).decode(errors="replace").strip() or "another process"
            raise UserError(
                f"{directory}: another process is working on this run ({holder}); wait for it, or stop it first"
            )
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()} on {platform.node()}\n".encode(), 0)
        except OSError as error:
            raise not_written(path, error) from None
        yield
    finally:
        os.close(descriptor)


def is_locked(directory: Path) -> bool:
    """Return whether another process works on the run in a directory; nothing is written."""
    path = directory / "lock"
    if not path.exists():
        return False
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(file, fcntl.LOCK_UN)
    return False


def _locked(descriptor: int, patience_seconds: float) -> bool:
    """Take the lock of an open file; whether it was free, or became so in time."""
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(PATIENCE_SECONDS / 20)
        else:
            return True
