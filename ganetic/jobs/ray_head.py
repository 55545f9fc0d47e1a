"""Whether the head of a cluster still answers: Ray ends a driver that has lost it, and does not say so in time."""

import socket
import threading
import time

PATIENCE_SECONDS = 30.0
"""Silence after which the head counts as lost: Ray itself ends the driver's process after 60 seconds."""
_PERIOD_SECONDS = 3.0
_CONNECT_SECONDS = 5.0


class HeadWatch:
    """Knocks at the head's port every few seconds, in a thread, because a call into Ray would wait for the head.

    Args:
        address: of the head, as ``host:port``.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        host, _, port = address.rpartition(":")
        self._place = (host.strip("[]"), int(port))
        self._silent_since: float | None = None
        self._ended = threading.Event()
        threading.Thread(target=self._knock, name="ganetic-head-watch", daemon=True).start()

    @property
    def silent_seconds(self) -> float:
        """For how long the head has not answered; a process that was stopped for a while has not asked meanwhile."""
        since = self._silent_since
        return 0.0 if since is None else time.monotonic() - since

    def close(self) -> None:
        """Knock no more."""
        self._ended.set()

    def _knock(self) -> None:
        while not self._ended.is_set():
            began = time.monotonic()
            try:
                socket.create_connection(self._place, timeout=_CONNECT_SECONDS).close()
                self._silent_since = None
            except OSError:
                if self._silent_since is None:
                    self._silent_since = began
            self._ended.wait(_PERIOD_SECONDS)
