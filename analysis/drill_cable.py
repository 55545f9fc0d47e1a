"""A cable between two network namespaces that delays frames and loses some, for kernels without ``netem``."""

import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import threading
import time
from contextlib import suppress
from pathlib import Path

_TUNSETIFF = 0x400454CA
_TAP_WITHOUT_HEADER = 0x1002
_CLONE_NEWNET = 0x40000000
_LONGEST_FRAME = 65536


class Cable:
    """Two TAP devices, one in each namespace, and a thread that carries frames between them.

    Args:
        ends: a process in each namespace, and the name of the device there.
        delay_seconds: that each frame takes, either way.
        loss: share of frames that never arrive.
        seed: of which ones.
    """

    def __init__(self, ends: tuple[tuple[int, str], tuple[int, str]], delay_seconds: float, loss: float, seed: int):
        self._taps: list[int] = []
        self._ends, self._delay_seconds, self._loss = ends, delay_seconds, loss
        self._draw = random.Random(seed)
        self._ready, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()
        if not self._ready.wait(10) or len(self._taps) < len(ends):
            raise RuntimeError("a cable needs /dev/net/tun, which cannot be used here")

    def close(self) -> None:
        """Take the cable and its two devices away."""
        self._ended.set()
        self._thread.join()

    def _carry(self) -> None:
        try:
            with suppress(OSError):
                self._taps += [_tap(pid, name) for pid, name in self._ends]  # moves this thread alone
            self._ready.set()
            if len(self._taps) == len(self._ends):
                self._forward()
        finally:
            for tap in self._taps:
                os.close(tap)

    def _forward(self) -> None:
        under_way: list[tuple[float, int, int, bytes]] = []
        other = dict(zip(self._taps, reversed(self._taps), strict=True))
        count = 0
        while not self._ended.is_set():
            due = under_way[0][0] - time.monotonic() if under_way else 0.1
            for tap in select.select(self._taps, [], [], min(max(due, 0.0), 0.1))[0]:
                frame = os.read(tap, _LONGEST_FRAME)
                if self._draw.random() >= self._loss:
                    count += 1
                    heapq.heappush(under_way, (time.monotonic() + self._delay_seconds, count, other[tap], frame))
            while under_way and under_way[0][0] <= time.monotonic():
                _, _, tap, frame = heapq.heappop(under_way)
                with suppress(OSError):  # its device is down
                    os.write(tap, frame)


def _tap(pid: int, name: str) -> int:
    """Make a TAP device in the network of a process, where the calling thread stays."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(f"/proc/{pid}/ns/net").open() as namespace:
        if libc.setns(namespace.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _TAP_WITHOUT_HEADER))
    return tap
