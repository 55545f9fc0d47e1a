"""A driver of its own process group: what it starts, where that listens, what Ctrl-C does to it, what it leaves."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import ray

from ganetic.errors import UserError
from ganetic.jobs.ray_executor import RayExecutor, begin
from tests.jobs.works import work

pytestmark = pytest.mark.ray

DRIVER = """
import signal, sys
from contextlib import nullcontext
from ganetic.jobs.ray_executor import RayExecutor, begin
from tests.jobs.works import work

interrupts = []
signal.signal(signal.SIGINT, lambda *_: interrupts.append(1))
early = begin("tests.jobs.works", 2, None) if sys.argv[2] == "early" else nullcontext()
with early, RayExecutor(work, {}, workers=2, wall_seconds=60.0) as executor:
    assert (executor._session.head_start is not None) == (sys.argv[2] == "early")
    executor.submit(0, {"do": "die_times", "times": 1, "file": sys.argv[1], "value": 1})
    executor.submit(1, {"do": "process"})
    while executor.outstanding():
        executor.wait()
    executor.submit(2, {"do": "sleep", "seconds": 1.5})
    executor.submit(3, {"do": "sleep", "seconds": 1.5})
    executor.wait(timeout=0.3)
    print("running", flush=True)
    outcomes = []
    while executor.outstanding():
        outcomes += executor.wait(timeout=0.2)
    print(*sorted((o.number, o.status, o.attempts) for o in outcomes), len(interrupts), flush=True)
    sys.stdin.readline()
print("closed", flush=True)
sys.stdin.readline()
"""


@pytest.fixture(params=["late", "early"])
def driver(
    request: pytest.FixtureRequest, tmp_path: Path, pytestconfig: pytest.Config
) -> Iterator["subprocess.Popen[str]"]:
    warnings = [f"-W{rule}" for rule in pytestconfig.getini("filterwarnings")]  # none in `make test-lowest`
    command = [sys.executable, *warnings, "-c", DRIVER, str(tmp_path / "deaths"), request.param]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
    with process:
        yield process
        process.kill()


def test_local_ray_is_private_quiet_deaf_to_ctrl_c_and_leaves_nothing(driver: "subprocess.Popen[str]") -> None:
    assert driver.stdin is not None
    assert driver.stdout is not None
    assert driver.stderr is not None
    assert driver.stdout.readline() == "running\n"
    os.killpg(driver.pid, signal.SIGINT)  # as a terminal does
    assert driver.stdout.readline() == "(2, 'done', 1) (3, 'done', 1) 1\n"

    processes = descendants(driver.pid)
    assert len(processes) > 3
    listening = listening_addresses({driver.pid, *processes, *processes_of_sessions(processes)})
    assert listening
    assert all(map(is_loopback, listening)), listening

    driver.stdin.write("\n")
    driver.stdin.flush()
    assert driver.stdout.readline() == "closed\n"
    assert not wait_for_death(processes)
    driver.stdin.close()
    assert driver.stdout.read() == ""
    assert driver.stderr.read() == ""
    assert driver.wait(timeout=10) == 0


def test_a_killed_driver_leaves_no_workers(driver: "subprocess.Popen[str]") -> None:
    assert driver.stdout is not None
    assert driver.stdout.readline() == "running\n"
    workers = {pid for pid in descendants(driver.pid) if "_Worker" in Path(f"/proc/{pid}/cmdline").read_text()}
    assert workers
    driver.kill()
    assert not wait_for_death(workers)  # Ray's own agents follow within a minute


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense", "auto", "ray://127.0.0.1:10001"])
def test_an_address_without_a_cluster_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr("ray._private.services.find_gcs_addresses", cache(set))  # whatever else runs on this machine
    with pytest.raises(UserError, match=f'address "{address}": .*expected "auto" or "host:port"') as caught:
        RayExecutor(work, {}, address=address, wall_seconds=60.0)
    assert "\n" not in str(caught.value)
    assert not ray.is_initialized()


def test_no_room_on_this_machine_is_refused_and_ray_ended() -> None:
    with pytest.raises(UserError, match="no GPU here has room"):
        RayExecutor(work, {}, workers=1, gpus_per_job=1.0, wall_seconds=60.0)
    assert not ray.is_initialized()


def test_a_start_that_nobody_takes_over_is_ended() -> None:
    with begin("tests.jobs.works", 1, None):
        pass
    assert not ray.is_initialized()
    assert not any(thread.name == "ray-start" and thread.is_alive() for thread in ended(threading.enumerate()))


def ended(threads: list[threading.Thread]) -> list[threading.Thread]:
    """Threads that were given a moment to end."""
    for thread in threads:
        if thread.name == "ray-start":
            thread.join(10)
    return threads


def test_workers_are_started_once_and_in_their_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    names = ["OMP_NUM_THREADS", "RAY_preload_python_modules"]
    with RayExecutor(work, {}, workers=1, wall_seconds=60.0) as executor:
        executor.submit(0, {"do": "environment", "names": names})
        (outcome,) = executor.wait()
        assert outcome.record == {"OMP_NUM_THREADS": "1", "RAY_preload_python_modules": "tests.jobs.works"}
        titles = [Path(f"/proc/{pid}/cmdline").read_text() for pid in descendants(os.getpid())]
        assert sum(title.startswith(("ray::_Worker", "ray::IDLE")) for title in titles) == 1
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "RAY_preload_python_modules" not in os.environ


def descendants(pid: int) -> set[int]:
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(text.rpartition(")")[2].split()[1])
    found, grown = {pid}, True
    while grown:
        more = {child for child, parent in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return found - {pid}


def wait_for_death(processes: set[int], seconds: float = 15.0) -> set[int]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        processes = {pid for pid in processes if Path(f"/proc/{pid}").exists() and not is_zombie(pid)}
        if not processes:
            break
        time.sleep(0.1)
    return processes


def is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def processes_of_sessions(processes: set[int]) -> set[int]:
    """All processes of the Ray sessions that these name in their commands, whoever their parents are."""
    commands = {int(path.parent.name): command_of(path) for path in Path("/proc").glob("[0-9]*/cmdline")}
    own = {name for pid in processes for name in re.findall(r"session_[\d_-]+", commands.get(pid, ""))}
    assert own
    return {pid for pid, command in commands.items() if any(name in command for name in own)}


def command_of(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches an address in the kernel's form: 127.0.0.1, the same in IPv6, or ::1."""
    return address in ("0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000")


def test_loopback_is_told_from_other_addresses() -> None:
    with socket.socket() as own, socket.socket() as all_addresses, socket.socket(type=socket.SOCK_DGRAM) as udp:
        own.bind(("127.0.0.1", 0))
        own.listen()
        assert listening_addresses({os.getpid()}) == ["0100007F"]
        udp.bind(("0.0.0.0", 0))
        all_addresses.bind(("0.0.0.0", 0))
        all_addresses.listen()
        found = listening_addresses({os.getpid()})
    assert sorted(map(is_loopback, found)) == [False, False, True]


def listening_addresses(processes: set[int]) -> list[str]:
    """The local addresses, in the kernel's form, on which a process takes TCP connections or anybody's UDP packets."""
    sockets = set()
    for pid in processes:
        for descriptor in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                sockets.add(str(descriptor.readlink()))
            except OSError:
                continue
    found = []
    for table, state in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            row = line.split()
            if row[3] == state and f"socket:[{row[9]}]" in sockets:
                found.append(row[1].split(":")[0])
    return found
