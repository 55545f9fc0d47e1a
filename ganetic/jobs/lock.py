"""One driver for each run: a lock that ends with the process that holds it."""

import fcntl
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ganetic.errors import UserError


@contextmanager
def run_lock(directory: Path) -> Iterator[None]:
    """Hold the lock of a run's directory.

    The lock is the kernel's (``flock`` on ``directory/lock``), so that the death of its holder releases it whatever the
    cause; the file stays, and says who held it last. The directory must lie on a local disk.

    Raises:
        UserError: another process holds the lock, or the file cannot be written.
    """
    path = directory / "lock"
    try:
        # Opened without truncation: until the lock is ours the text in the file is its holder's.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 200).decode(errors="replace").strip() or "another process"
            raise UserError(
                f"{directory}: another process is working on this run ({holder}); wait for it, or stop it first"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {platform.node()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
