"""A page that is served: to whom, what of, and until when. A browser looks at it in test_browser_trainings."""

import http.client
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest

from ganetic.cli import run_command
from ganetic.errors import UserError
from ganetic.jobs.lock import run_lock
from ganetic.report.web.watch import HOST, MOST_REST_SECONDS, Watched, WatchServer, state_of
from tests.report.web.pages import REFERENCE, ROOT, check, elements, text_of
from tests.report.web.trainings import add_lines, add_samples, evaluation_in, training_of
from tests.small_run import small_run_directory

ALWAYS = 1e9
"""A clock that is far ahead at each look, so that no page is too young to be made again."""

INTERRUPTIBLE = """
import signal, sys
from ganetic.cli import run_command

signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background have it ignored
sys.exit(run_command(sys.argv[1:]))
"""


class Clock:
    """Goes on by so many seconds at each look."""

    def __init__(self, seconds: float) -> None:
        self.now, self.seconds = 0.0, seconds

    def __call__(self) -> float:
        self.now += self.seconds
        return self.now


def inventory(run: Path) -> dict[str, tuple[int, int]]:
    found = {path: path.stat() for path in run.rglob("*")}
    return {str(path): (one.st_size, one.st_mtime_ns) for path, one in found.items()}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchServer]:
    run = training_of(tmp_path_factory.mktemp("watched"))
    with WatchServer(Watched(run)) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.05,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def asked(
    server: WatchServer, path: str | None = None, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], str]:
    """Status, headers and text of an answer."""
    connection = http.client.HTTPConnection(HOST, server.server_port, timeout=60)
    host = headers.pop("Host", f"{HOST}:{server.server_port}")
    connection.putrequest(method, f"/{server.token}/" if path is None else path, skip_host=True)
    for name, value in {"Host": host, **headers}.items():
        if value:
            connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, dict(answer.getheaders()), text


def test_who_knows_the_address_gets_the_page(server: WatchServer) -> None:
    assert server.url == f"http://127.0.0.1:{server.server_port}/{server.token}/"
    status, headers, text = asked(server)
    assert status == 200
    assert "all 30 steps were made" in text_of(check(text))
    status, _, version = asked(server, f"/{server.token}/version")
    (root,) = elements(check(text), "html")
    assert (status, version) == (200, root.get("data-version"))
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_the_page_may_ask_its_server_and_nobody_else(server: WatchServer) -> None:
    _, headers, text = asked(server)
    (policy,) = [one.get("content") or "" for one in elements(check(text), "meta") if one.get("http-equiv")]
    assert headers["Content-Security-Policy"] == f"{policy}; frame-ancestors 'none'"
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["connect-src"] == "'self'"
    assert "unsafe" not in policy


def test_the_token_cannot_be_guessed(server: WatchServer) -> None:
    assert len(server.token) >= 32
    with WatchServer(server.watched) as other:
        assert other.token != server.token


@pytest.mark.parametrize(
    "path", ["/", "/version", "/favicon.ico", "/{wrong}/", "/{token}", "/{token}/../", "/{token}/x", "//"]
)
def test_without_the_token_there_is_nothing(server: WatchServer, path: str) -> None:
    wrong = server.token[:-1] + ("A" if server.token[-1] != "A" else "B")
    status, _, text = asked(server, path.format(token=server.token, wrong=wrong))
    assert (status, text) == (404, "Not Found")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "[::1]:{port}", ""]
)
def test_other_hosts_are_refused(server: WatchServer, host: str) -> None:
    status, _, text = asked(server, Host=host.format(port=server.server_port))
    assert (status, text) == (403, "Forbidden")


def test_the_machine_has_two_names(server: WatchServer) -> None:
    local = f"localhost:{server.server_port}"
    assert asked(server, Host=local)[0] == 200
    assert asked(server, Host=local, Origin=f"http://{local}")[0] == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:{port}", "http://127.0.0.1:1"])
def test_other_origins_are_refused(server: WatchServer, origin: str) -> None:
    status, _, text = asked(server, Origin=origin.format(port=server.server_port))
    assert (status, text) == (403, "Forbidden")


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "get"])
def test_only_get_is_answered(server: WatchServer, method: str) -> None:
    status, headers, _ = asked(server, method=method)
    assert (status, headers["Allow"]) == (405, "GET")


def test_nonsense_ends_no_server(server: WatchServer) -> None:
    for line in (
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"\x00\xff" * 100 + b"\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /x\r\n\r\n",
    ):
        with socket.create_connection((HOST, server.server_port), timeout=60) as raw:
            raw.sendall(line)
    with socket.create_connection((HOST, server.server_port), timeout=60) as gone:
        gone.sendall(f"GET /{server.token}/ HTTP/1.1\r\nHost: {server.hosts[0]}\r\n\r\n".encode())
    assert asked(server)[0] == 200


def test_it_listens_on_this_machine_alone(server: WatchServer) -> None:
    assert server.socket.getsockname()[0] == "127.0.0.1"


def test_a_new_checkpoint_makes_a_new_page(tmp_path: Path) -> None:
    run = training_of(tmp_path)
    watched = Watched(run, Clock(ALWAYS))
    before = watched.shown()
    assert watched.shown() is before, "nothing has changed"
    add_samples(run, 40)
    add_lines(run, {"step": 40, "fd": 21.5, "ill": None, "seconds": 1.0})
    after = watched.shown()
    assert after.version != before.version
    assert "The lowest fd is 21.5, at step 40" in text_of(check(after.html))
    with run_lock(run):
        assert "It is running" in text_of(check(watched.shown().html)), "whoever works on it changes no file for long"
    evaluation_in(run / "evaluation")
    assert "Evaluation at step 30" in text_of(check(watched.shown().html))


def test_a_new_trial_makes_a_new_page(tmp_path: Path) -> None:
    run = copytree(small_run_directory(), tmp_path / "run")
    with sqlite3.connect(run / "journal.db") as journal:
        (last,) = journal.execute("SELECT MAX(number) FROM records").fetchone()
        row = journal.execute("SELECT * FROM records WHERE number = ?", (last,)).fetchone()
        journal.execute("DELETE FROM records WHERE number = ?", (last,))
    watched = Watched(run, Clock(ALWAYS))
    before = watched.shown()
    assert "1 under way" in text_of(check(before.html))
    with sqlite3.connect(run / "journal.db") as journal:
        journal.execute(f"INSERT INTO records VALUES ({', '.join('?' * len(row))})", row)
    after = watched.shown()
    assert after.version != before.version
    assert "0 under way" in text_of(check(after.html))


@pytest.mark.parametrize("run", ["transfer/width16", "paper"])
def test_searches_and_comparisons_are_watched_and_nothing_is_written(run: str, tmp_path: Path) -> None:
    directory = copytree(REFERENCE / run, tmp_path / "run")
    before = inventory(directory)
    watched = Watched(directory, Clock(ALWAYS))
    check(watched.shown().html)
    assert watched.shown() is watched.shown(), "to look at a run does not change it"
    assert inventory(directory) == before


def test_a_page_is_not_made_again_at_once(tmp_path: Path) -> None:
    run = training_of(tmp_path)
    clock = Clock(MOST_REST_SECONDS / 100)
    watched = Watched(run, clock)
    before = watched.shown()
    add_lines(run, {"step": 40, "fd": 21.5, "ill": None, "seconds": 1.0})
    assert watched.shown() is before
    clock.now += MOST_REST_SECONDS
    assert watched.shown() is not before


def test_a_run_that_cannot_be_read_for_a_moment_keeps_its_page(tmp_path: Path) -> None:
    run = training_of(tmp_path)
    watched = Watched(run, Clock(ALWAYS))
    before = watched.shown()
    (run / "training.json").rename(run / "other.json")
    assert watched.shown() is before
    (run / "other.json").rename(run / "training.json")
    assert "all 30 steps" in watched.shown().html


def test_the_state_passes_over_what_is_written_aside(tmp_path: Path) -> None:
    run = training_of(tmp_path)
    before = state_of(run)
    (run / ".journal.db.new").touch()
    (run / "journal.db-shm").touch()
    assert state_of(run) == before
    assert state_of(tmp_path / "missing")


def test_a_port_in_use_is_one_line(server: WatchServer, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(ROOT / "tests" / "golden" / "runs" / "training-2" / "killed")
    assert run_command(["watch", run, "--port", str(server.server_port)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        f"ganetic: error: port {server.server_port} is in use; name another one with --port, or none for a free one\n"
    )
    with pytest.raises(UserError, match=r"missing: there is no run here"):
        Watched(Path("missing"))


@pytest.mark.slow
def test_ctrl_c_ends_it_and_frees_the_port(tmp_path: Path) -> None:
    run = training_of(tmp_path)
    before = inventory(run)
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, "watch", str(run)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    port = int(url.split("/")[2].partition(":")[2])
    connection = http.client.HTTPConnection(HOST, port, timeout=60)
    connection.request("GET", "/" + url.split("/")[3] + "/")
    assert connection.getresponse().status == 200
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "ganetic: interrupted\n")
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind((HOST, port))
    assert inventory(run) == before
