"""A search as a job of a cluster, from `ray job submit` to its end, by way of `ray job stop` and a second submit."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ganetic.evolution.records import JOURNAL
from ganetic.evolution.results import open_run
from ganetic.jobs.journal import Journal, Record

pytestmark = [pytest.mark.ray, pytest.mark.slow]

CHECKOUT = Path(__file__).parents[2]
RAY = str(Path(sys.executable).with_name("ray"))
PATIENT_RAY = CHECKOUT / "analysis" / "drill_ray.py"
SPACE, TRIALS = "analysis/drill.toml", "12"


class Jobs:
    """A head with its dashboard, on this machine alone, and the command `ray job` for it."""

    def __init__(self, folder: Path) -> None:
        port, self._dashboard = free_port(), free_port()
        self._environment = os.environ | {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_ADDRESS": f"http://127.0.0.1:{self._dashboard}",
        }
        self._environment.pop("PYTHONWARNINGS", None)
        options = ("--num-cpus=1", "--object-store-memory=100000000", "--disable-usage-stats", "--block")
        listening = ("--node-ip-address=127.0.0.1", f"--port={port}", f"--dashboard-port={self._dashboard}")
        self._log = folder / "head.log"
        with self._log.open("wb") as log:
            self._head = subprocess.Popen(
                [sys.executable, "-P", PATIENT_RAY, "start", "--head", *listening, *options],
                env={name: value for name, value in self._environment.items() if name != "RAY_ADDRESS"},
                cwd=folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def is_up(self) -> bool:
        return "Ray runtime started" in self._log.read_text()

    def job(self, *words: str) -> str:
        done = subprocess.run(
            [RAY, "job", *words], env=self._environment, capture_output=True, text=True, cwd=CHECKOUT, check=False
        )
        assert done.returncode == 0, f"{words}: {done.stdout[-2000:]} {done.stderr[-2000:]}"
        return done.stdout

    def submit(self, name: str, *words: str) -> None:
        command = (sys.executable, "-m", "ganetic", *words, "--address", "auto", "--workers", "1")
        self.job("submit", "--no-wait", "--submission-id", name, "--working-dir", ".", "--", *command)

    def status(self, name: str) -> str:
        said = self.job("status", name).upper()
        return next(word for word in ("SUCCEEDED", "STOPPED", "FAILED", "RUNNING", "PENDING") if word in said)

    def close(self) -> None:
        os.killpg(self._head.pid, signal.SIGTERM)
        self._head.wait(timeout=120)


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    for module in ("aiohttp", "aiohttp_cors", "opencensus", "prometheus_client"):
        pytest.importorskip(module, reason="`ray job` needs ray[default]")
    jobs = Jobs(tmp_path)
    try:
        wait_until(jobs.is_up)
        yield jobs
    finally:
        jobs.close()


def test_a_job_that_is_stopped_is_resumed_by_another(jobs: Jobs, tmp_path: Path) -> None:
    run = tmp_path / "run"
    jobs.submit("first", "search", SPACE, "--max-trials", TRIALS, "--run", str(run))
    wait_until(lambda: len(records(run)) >= 2 or jobs.status("first") == "FAILED")
    assert records(run), jobs.job("logs", "first")
    jobs.job("stop", "first")
    assert jobs.status("first") == "STOPPED"
    ended = records(run)
    assert open_run(run).status == "stopped"

    jobs.submit("second", "resume", str(run))
    wait_until(lambda: jobs.status("second") not in ("PENDING", "RUNNING"))
    assert jobs.status("second") == "SUCCEEDED", jobs.job("logs", "second")
    assert open_run(run).status == "finished"
    assert records(run)[: len(ended)] == ended
    assert [record.number for record in records(run)] == list(range(len(records(run))))


def records(run: Path) -> list[Record]:
    if not (run / JOURNAL).exists():
        return []
    with Journal.open_readonly(run / JOURNAL) as journal:
        return journal.records()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_until(is_so: Callable[[], bool], seconds: float = 1200.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(1.0)
