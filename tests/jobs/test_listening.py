"""Where a whole search listens: the command, its Ray, its workers, the process that simplifies formulas."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.jobs.test_ray_session import descendants, is_loopback, listening_addresses, processes_of_sessions
from tests.surroundings.machine import ROOT
from tests.surroundings.test_ray import SPACE


@pytest.mark.ray
@pytest.mark.slow
def test_a_local_search_listens_on_this_machine_alone(tmp_path: Path) -> None:
    (tmp_path / "space.toml").write_text(SPACE.replace("max_trials = 2", "max_trials = 2000"), encoding="utf-8")
    command = [sys.executable, "-m", "ganetic", "search", "space.toml", "--workers", "2", "--run", "run"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "GANETIC_CACHE": str(tmp_path / "cache")}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL) as driver:
        try:
            found: set[str] = set()
            while sum("ray::" in name for name in names_of(driver.pid)) < 2 or not (tmp_path / "run").exists():
                assert driver.poll() is None
                time.sleep(0.2)
            until = time.monotonic() + 5
            while time.monotonic() < until:  # trials run
                processes = descendants(driver.pid)
                everybody = {driver.pid, *processes, *processes_of_sessions(processes)}
                found.update(listening_addresses(everybody))
                time.sleep(0.2)
        finally:
            driver.send_signal(signal.SIGKILL)
    assert found
    assert all(map(is_loopback, found)), found


def names_of(pid: int) -> list[str]:
    found = []
    for child in descendants(pid):
        try:
            found.append(Path(f"/proc/{child}/cmdline").read_text(errors="replace"))
        except OSError:
            continue
    return found
