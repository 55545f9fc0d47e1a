import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ganetic.jobs import ray_head
from ganetic.jobs.ray_head import HeadWatch
from tests.jobs.test_ray_session import descendants

DRIVER = """
from ganetic.errors import ClusterLostError
from ganetic.jobs import ray_executor
from tests.jobs.works import work

ray_executor.PATIENCE_SECONDS = 3.0
try:
    with ray_executor.RayExecutor(work, {}, workers=1, wall_seconds=600.0) as executor:
        executor.submit(0, {"do": "echo", "value": 1})
        executor.wait()
        executor.submit(1, {"do": "hang"})
        print("running", flush=True)
        executor.wait()
except ClusterLostError as lost:
    print(lost, flush=True)
    raise SystemExit(1)
"""


def until(watch: HeadWatch, silent: bool) -> float:
    deadline = time.monotonic() + 20
    while (watch.silent_seconds > 0) != silent:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return watch.silent_seconds


def test_silence_begins_when_nobody_listens_and_ends_when_somebody_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_head, "_PERIOD_SECONDS", 0.02)
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    watch = HeadWatch(f"127.0.0.1:{port}")
    try:
        time.sleep(0.1)
        assert watch.silent_seconds == 0
        server.close()
        assert until(watch, silent=True) < 5
        with socket.create_server(("127.0.0.1", port)):
            until(watch, silent=False)
    finally:
        watch.close()


@pytest.mark.ray
def test_a_head_that_dies_ends_the_driver_in_time_and_with_a_reason() -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", DRIVER], stdout=pipe, stderr=pipe, text=True) as driver:
        assert driver.stdout is not None
        assert driver.stdout.readline() == "running\n"
        heads = [pid for pid in descendants(driver.pid) if "gcs_server" in command_of(pid)]
        assert len(heads) == 1
        began = time.monotonic()
        os.kill(heads[0], signal.SIGKILL)
        said = driver.stdout.readline()
        assert "has not answered for 3 seconds" in said
        assert "127.0.0.1" in said
        assert driver.wait(timeout=60) == 1
        assert time.monotonic() - began < 60


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0]
    except OSError:
        return ""
