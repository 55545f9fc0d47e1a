"""Ray is started on this machine while its user does other things: it takes seconds, and mostly waits for itself."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_GPU_DRIVERS = (Path("/dev/nvidiactl"), Path("/dev/kfd"))

Wanted = tuple[int | None, dict[str, str], str]
"""What a Ray is started with; see `ganetic.jobs.ray_session.connect`."""


class HeadStart:
    """A start of Ray in a thread.

    The thread stays until it is released: Linux ends Ray's processes with the thread that started them.

    Args:
        wanted: what Ray is started with.
        start: starts it.
    """

    def __init__(self, wanted: Wanted, start: Callable[[], None]) -> None:
        self.wanted, self._start = wanted, start
        self._error: BaseException | None = None
        self._ended, self._released = threading.Event(), threading.Event()
        threading.Thread(target=self._run, name="ray-start", daemon=True).start()

    def wait(self) -> None:
        """Wait until Ray has started.

        Raises:
            BaseException: what came in the way.
        """
        self._ended.wait()
        if self._error is not None:
            raise self._error

    def release(self) -> None:
        """Let the thread end, once Ray has ended."""
        self._released.set()

    def _run(self) -> None:
        try:
            self._start()
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            self._error = error
            return
        finally:
            self._ended.set()
        self._released.wait()


_begun: HeadStart | None = None


@contextmanager
def head_start(wanted: Wanted, start: Callable[[], None], end: Callable[[], None]) -> Iterator[None]:
    """Start Ray in the background; what nobody has taken by the end is ended.

    Nothing is started where another one is under way, or where the workers' environment hides a GPU: while Ray starts,
    that is this process's own environment, and it may look for the GPU meanwhile.

    Args:
        wanted: what Ray is started with.
        start: starts it.
        end: ends it.
    """
    global _begun  # noqa: PLW0603 - as there is one Ray in a process
    hides_gpu = "CUDA_VISIBLE_DEVICES" in wanted[1] and any(driver.exists() for driver in _GPU_DRIVERS)
    if _begun is not None or hides_gpu:
        yield
        return
    _begun = own = HeadStart(wanted, start)
    try:
        yield
    finally:
        if _begun is own:
            abandon(end)


def take(wanted: Wanted) -> HeadStart | None:
    """The start that was begun with this, if any; who takes it ends it."""
    global _begun
    if _begun is None or _begun.wanted != wanted:
        return None
    taken, _begun = _begun, None
    return taken


def abandon(end: Callable[[], None]) -> None:
    """End what was begun and not taken, if anything."""
    global _begun
    given_up, _begun = _begun, None
    if given_up is None:
        return
    try:
        given_up.wait()
    except BaseException:  # noqa: BLE001 - nobody wants it any more
        return
    end()
    given_up.release()
