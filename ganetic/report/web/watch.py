"""A page about a run, served to this machine alone while the run goes on.

It is served on 127.0.0.1, under a path that only who started it knows. A page of another site is refused by the name
that it asks for where it has one of its own point to 127.0.0.1 (DNS rebinding), and by its origin elsewhere.
"""

import errno
import hashlib
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ganetic.errors import UserError
from ganetic.jobs.lock import is_locked
from ganetic.report.web.page import page_html, policy_of_served, report_of

HOST = "127.0.0.1"
REST = 9.0
"""After a page no other is made for so many times as long as it took: the run wants the cores."""
MOST_REST_SECONDS = 60.0
_DEPTH = 3
_UNREAD = ("checkpoints", "samples", "trainings")
"""Folders of a run of which it matters that something changed, and not what."""
_WAITS_SECONDS = 30


@dataclass(frozen=True)
class Shown:
    """A page as it is served.

    Attributes:
        state: of the run's files that it was made of, see `state_of`.
        version: of the page.
        html: the page.
    """

    state: str
    version: str
    html: str


class Watched:
    """A run, and the page of it, which is made again when the run's files have changed and somebody asks.

    Args:
        run: its directory.
        clock: seconds, from any origin.

    Raises:
        UserError: there is no run, or a damaged one.
    """

    def __init__(self, run: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._run, self._clock, self._lock = run, clock, threading.Lock()
        self._next = clock()
        self._shown = self._made()

    def shown(self) -> Shown:
        """Give the page of today, or that of a moment ago where one was made just now or the run cannot be read."""
        with self._lock:
            if self._clock() >= self._next and state_of(self._run) != self._shown.state:
                try:
                    self._shown = self._made()
                except (UserError, OSError):  # a file that was there a moment ago is gone: the next look finds another
                    self._next = self._clock() + 1
            return self._shown

    def _made(self) -> Shown:
        began, state = self._clock(), state_of(self._run)
        version = hashlib.sha256(state.encode()).hexdigest()[:16]
        html = page_html(report_of([self._run]), version)
        ended = self._clock()
        self._next = ended + min(REST * (ended - began), MOST_REST_SECONDS)
        return Shown(state, version, html)


def state_of(run: Path) -> str:
    """Say in a text that is another one as soon as something of a run is another: its files, and whether it runs."""
    files = "\n".join(f"{path} {found.st_size} {found.st_mtime_ns}" for path, found in _files(run, _DEPTH))
    return f"{is_locked(run)}\n{files}"


def _files(folder: Path, depth: int) -> Iterator[tuple[str, os.stat_result]]:
    try:
        with os.scandir(folder) as entries:
            found = sorted((one for one in entries if not _is_passing(one.name)), key=lambda one: one.name)
    except OSError:
        return
    for entry in found:
        try:
            yield entry.path, entry.stat()
        except OSError:  # it is gone
            continue
        if depth > 1 and entry.name not in _UNREAD and entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path), depth - 1)


def _is_passing(name: str) -> bool:
    """Whether a file is written aside, or is one that SQLite touches when a journal is read."""
    return name.startswith(".") or name.endswith("-shm")


class WatchServer(ThreadingHTTPServer):
    """Serves the page of a run to this machine.

    Attributes:
        watched: the run.
        token: the part of the address that only who started the server knows.

    Args:
        watched: the run.
        port: where to listen; 0 for any that is free.

    Raises:
        UserError: the port is in use, or may not be used.
    """

    daemon_threads = True

    def __init__(self, watched: Watched, port: int = 0) -> None:
        self.watched, self.token = watched, secrets.token_urlsafe(24)
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise UserError(
                    f"port {port} is in use; name another one with --port, or none for a free one"
                ) from None
            if error.errno == errno.EACCES:
                raise UserError(f"port {port} may not be used; name one from 1024 to 65535 with --port") from None
            raise

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://{HOST}:{self.server_port}/{self.token}/"

    @property
    def hosts(self) -> tuple[str, str]:
        """What a browser of this machine calls the server."""
        return f"{HOST}:{self.server_port}", f"localhost:{self.server_port}"

    def handle_error(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """Pass over who hung up; whatever else went wrong is printed."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Answers the page and its version, to who may ask."""

    server: WatchServer
    server_version, sys_version = "ganetic", ""
    timeout = _WAITS_SECONDS

    def parse_request(self) -> bool:
        """Read the head of a request, and refuse it where that is wrong; nothing else of it is looked at then."""
        if not super().parse_request():
            return False
        refused = self._refusal()
        if refused is not None:
            self._answer(refused.phrase, refused)
        return refused is None

    def do_GET(self) -> None:
        """Answer with the page, or with its version."""
        shown = self.server.watched.shown()
        if self.path == f"/{self.server.token}/":
            self._answer(shown.html, content="text/html", policy=policy_of_served())
        else:
            self._answer(shown.version)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of requests."""

    def _refusal(self) -> HTTPStatus | None:
        hosts, origins = self.headers.get_all("Host", []), self.headers.get_all("Origin", [])
        if self.command != "GET":
            return HTTPStatus.METHOD_NOT_ALLOWED
        if len(hosts) != 1 or hosts[0] not in self.server.hosts:
            return HTTPStatus.FORBIDDEN
        if origins and origins != [f"http://{hosts[0]}"]:
            return HTTPStatus.FORBIDDEN
        known = (f"/{self.server.token}/{name}".encode() for name in ("", "version"))
        path = self.path.encode(errors="replace")
        return None if any(secrets.compare_digest(path, one) for one in known) else HTTPStatus.NOT_FOUND

    def _answer(
        self,
        text: str,
        status: HTTPStatus = HTTPStatus.OK,
        content: str = "text/plain",
        policy: str = "default-src 'none'",
    ) -> None:
        body = text.encode()
        headers = {
            "Content-Type": f"{content}; charset=utf-8",
            "Content-Length": str(len(body)),
            "Content-Security-Policy": f"{policy}; frame-ancestors 'none'",
            "Cache-Control": "no-store",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            **({"Allow": "GET"} if status == HTTPStatus.METHOD_NOT_ALLOWED else {}),
        }
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
