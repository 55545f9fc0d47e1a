import fcntl
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from rich.console import Console

from ganetic.cli.main import run_command
from ganetic.errors import UserError
from ganetic.evolution.results import Run, open_run
from ganetic.report import watch as watching
from ganetic.report.watch import LOOK_SECONDS, looks, status_line, watch
from tests.small_run import small_run

WRITER = """
import sys, time
from pathlib import Path
from ganetic.evolution.resources import Runtime
from ganetic.evolution.search import search
from ganetic.jobs.executor import SerialExecutor
from tests.small_run import SPACE, pretend

def slow(context, payload):
    time.sleep(0.03)
    return pretend(context, payload)

search(SPACE, run=Path(sys.argv[1]), runtime=Runtime(make_executor=lambda context: SerialExecutor(slow, context)))
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run, which others may think is at work; see `at_work`."""
    return Path(shutil.copytree(small_run().directory, tmp_path / "run"))


@contextmanager
def at_work(run: Path) -> Iterator[Callable[[], None]]:
    """Hold the lock of a run as a driver does, and yield what gives it back."""
    with (run / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lambda: fcntl.flock(lock, fcntl.LOCK_UN)


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=80, height=40, _environ={"TERM": "xterm"})


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_finished_run_is_shown_once(run: Path) -> None:
    assert [look.last for look in looks(run)] == [True]
    for console, drawn in ((terminal(), 2), (Console(file=io.StringIO(), width=80), 1)):
        watch(run, console)
        # What is live is drawn over itself once more when it is left standing.
        assert text_of(console).count("Finals on fresh seeds") == drawn
        assert "Ctrl-C" not in text_of(console)


def test_a_run_is_read_when_it_has_changed_and_when_it_ends(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []

    def noted(directory: Path) -> Run:
        read.append(directory)
        return open_run(directory)

    monkeypatch.setattr(watching, "open_run", noted)
    with at_work(run) as end:
        clock = count(1).__next__

        def sleep(seconds: float) -> None:
            del seconds
            naps = clock()
            if naps == 5:
                os.utime(run / "journal.db", ns=(naps, naps))
            if naps == 8:
                end()

        seen = [(len(read), look.last) for look in looks(run, sleep=sleep)]
    assert seen == [(1, False), (2, False), (3, True)]


def test_long_runs_are_read_less_often(run: Path) -> None:
    naps, now = [], [0.0]

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            end()

    with at_work(run) as end:
        for _ in looks(run, sleep=sleep, clock=lambda: now[0]):
            now[0] += 2.0  # so long it took to read and to show it
    assert naps == [pytest.approx(18.0), LOOK_SECONDS, LOOK_SECONDS]


def test_ctrl_c_ends_the_watching_and_leaves_the_run(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    before = (run / "journal.db").read_bytes()
    monkeypatch.setattr("time.sleep", interrupted)
    monkeypatch.setattr(watching.looks, "__defaults__", (interrupted, lambda: 0.0))
    with at_work(run):
        assert run_command(["show", "--watch", str(run)]) == 130
    assert (run / "journal.db").read_bytes() == before
    assert {path.name for path in run.iterdir()} == {path.name for path in small_run().directory.iterdir()}


def test_a_line_says_where_a_run_stands(run: Path) -> None:
    line = status_line(open_run(run))
    assert line.startswith("finished: ") and "under way; best fd " in line and "\n" not in line


def test_json_is_not_watched(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["show", "--watch", "--json", str(run)]) == 2
    assert "expected --json or --watch, not both" in capsys.readouterr().err


def test_there_must_be_a_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no run here"):
        watch(tmp_path / "nowhere", terminal())


@pytest.mark.slow
def test_a_search_of_another_process_is_watched_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.05)
    directory, console = tmp_path / "run", terminal()
    with subprocess.Popen([sys.executable, "-c", WRITER, str(directory)]) as writer:
        while not (directory / "journal.db").exists():
            assert writer.poll() is None
        watch(directory, console)
    assert writer.returncode == 0
    text = text_of(console)
    assert "seed 0: running" in text and "seed 0: finished" in text.rsplit("\x1b[?25h", 1)[0]
    assert text.count("Ctrl-C ends the watching; the run goes on") >= 2
    watched, alone = open_run(directory).trials(), small_run().trials()
    columns = ["number", "formula", "seed", "state", "fd"]
    assert watched[columns].equals(alone[columns]), "watching changes nothing"
