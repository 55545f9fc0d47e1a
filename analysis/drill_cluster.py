"""A Ray cluster on hosts of a drill: a head without trials, and workers with one trial each, kept alive by a loop."""

import os
import secrets
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from subprocess import Popen

from analysis.drill_hosts import Host, Network

PORT = 6379
HEAD_NUMBER = 1
CHECKOUT = Path(__file__).parents[1]
_RAY = Path(__file__).with_name("drill_ray.py")
_STORE_BYTES = 80 << 20
_DISK_BYTES = 600 << 20
_START_SECONDS = 900.0
_STARTED = "Ray runtime started"
_GCS = "gcs_server"
_BROKEN = '__version__ = "0.0.1"; raise RuntimeError("this is the package of the host, not the one of the search")'

_PATIENCE = {
    "RAY_worker_register_timeout_seconds": "600",
    "RAY_agent_register_timeout_ms": "600000",
    "RAY_process_startup_timeout_seconds": "600",
}
"""How long processes of Ray may take to start, on a machine that does other things, too."""

DRIVER = "-m ganetic"
"""What stands in a driver's command line."""

OTHER_PACKAGE = "/tmp/other"
"""Where a host may have a package of its own."""


class Cluster:
    """A head and workers; each runs ``ray start`` again whenever it ends, as a service manager does.

    Args:
        network: that the hosts are on.
        work: folder of the driver's files and of all logs; workers do not see it.
        nice: of every process.
    """

    def __init__(self, network: Network, work: Path, nice: int) -> None:
        self._network, self._work, self._nice = network, work, nice
        self._environment = os.environ | {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
            "OMP_NUM_THREADS": "1",
            **_PATIENCE,
            "RAY_worker_niceness": "0",  # or Ray adds 15, and what is nice already never runs
            "PYTHONPATH": "",
        }
        self._hidden = [*_packages(), work]  # the package must come with the search
        self._count = 0
        self.head = network.host(HEAD_NUMBER, "head", _DISK_BYTES)
        self.workers: list[Host] = []
        self.driver_log = work / "driver.log"
        self.address = f"{self.head.address}:{PORT}"

    def start_head(self) -> None:
        """Start the head's part of Ray, and wait until it listens."""
        log = self.log_of(self.head)
        before = log.read_text().count(_STARTED) if log.exists() else 0
        self._supervise(self.head, ("--head", f"--port={PORT}", "--num-cpus=0", "--include-dashboard=false"))
        wait_until(lambda: log.read_text().count(_STARTED) > before, _START_SECONDS, "the head has started")

    def stop_head(self, alone: bool) -> None:
        """Kill the head's process, alone or with all of Ray on its host; a driver there stays."""
        self.head.kill(_is_manager)
        self.head.kill(lambda line: not is_driver(line) and (not alone or _GCS in line.split(" ")[0]))

    def restart(self) -> None:
        """Kill what is left of Ray on every host, and start it again, the head first."""
        for host in (self.head, *self.workers):
            host.kill(lambda _: True)
        self.start_head()
        for host in self.workers:
            self.start_worker(host)

    def add_worker(self, python: Path | None = None, path: str = "") -> Host:
        """Add a host with one CPU, and do not wait for it.

        Args:
            python: whose Ray it runs; by default this one's.
            path: its PYTHONPATH.
        """
        self._count += 1
        taken = {host.address for host in self.workers}
        number = next(n for n in range(HEAD_NUMBER + 1, 100) if f"{self.head.address[:-1]}{n}" not in taken)
        host = self._network.host(number, f"worker{self._count}", _DISK_BYTES, self._hidden)
        self.workers.append(host)
        if path:
            host.run("sh", "-c", f"mkdir -p {path}/ganetic && echo '{_BROKEN}' > {path}/ganetic/__init__.py")
        self.start_worker(host, python, path)
        return host

    def start_worker(self, host: Host, python: Path | None = None, path: str = "") -> None:
        """Start a worker's part of Ray, again and again; see `add_worker`."""
        self._supervise(host, (f"--address={self.address}", "--num-cpus=1"), python, path)

    def lose_worker(self, host: Host) -> None:
        """Take a host away, as a power cut does."""
        self.workers.remove(host)
        host.close()

    def drive(self, *words: object) -> "Popen[bytes]":
        """Start `ganetic` on the head; what it says is appended to ``driver.log``."""
        command = [sys.executable, "-m", "ganetic", *words, "--address", self.address]
        own = {"PYTHONPATH": str(CHECKOUT), "COLUMNS": "200", "GANETIC_CACHE": str(self._work / "cache")}
        environment = self._environment | own  # a cache below /tmp would count as left behind
        niced = self.head.command("nice", "-n", self._nice, *command)
        with self.driver_log.open("ab") as log:
            return Popen(niced, stdout=log, stderr=log, env=environment, cwd=self._work)

    def actors(self) -> dict[str, list[int]]:
        """The processes that hold a trial's slot, by host."""
        return {
            host.name: [pid for pid, line in host.processes().items() if line.startswith("ray::_Worker")]
            for host in self.workers
        }

    def log_of(self, host: Host) -> Path:
        """What Ray said while it was started there."""
        return self._work / f"{host.name}.log"

    def _supervise(self, host: Host, words: Sequence[str], python: Path | None = None, path: str = "") -> None:
        words = (f"--node-ip-address={host.address}", f"--object-store-memory={_STORE_BYTES}", *words)
        ray = (str(python or sys.executable), "-P", str(_RAY))
        line = shlex.join(["nice", "-n", str(self._nice), *ray, "start", "--block", *words])
        environment = self._environment | {"PYTHONPATH": path}
        with self.log_of(host).open("ab") as log:
            host.spawn("sh", "-c", f"while :; do {line}; sleep 1; done", environment=environment, log=log)


def is_driver(line: str) -> bool:
    """Whether this is the command line of a driver, or of what it started for itself."""
    return DRIVER in line or "ganetic.loss.simplifier" in line


def _is_manager(line: str) -> bool:
    return line.startswith("sh -c while :")


def _packages() -> list[Path]:
    """Where this machine has the package: in this checkout, and where its Python finds it installed."""
    code = "import importlib.util as u; s = u.find_spec('ganetic'); print(s.origin if s else '')"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    asked = [sys.executable, "-c", code]
    found = subprocess.run(asked, capture_output=True, text=True, check=True, cwd="/", env=environment).stdout.strip()
    return sorted({CHECKOUT / "ganetic", *((Path(found).parent,) if found else ())})


def wait_until(is_so: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait until something is so, and return after how many seconds.

    Raises:
        TimeoutError: it never was.
    """
    began = time.monotonic()
    while not is_so():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"not within {seconds:g} seconds: {what}")
        time.sleep(0.25)
    return time.monotonic() - began
