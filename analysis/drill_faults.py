"""What can happen to a cluster: each fault is done to a drill, mended, and told of in a phrase."""

import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from subprocess import Popen

from analysis.drill_checks import Written
from analysis.drill_cluster import DRIVER, OTHER_PACKAGE, Cluster, wait_until
from analysis.drill_hosts import Host
from ganetic.evolution.results import open_run

HEAD_SECONDS = 60.0
"""How soon the driver must have said that the head is gone."""
MEND_SECONDS = 900.0
"""How long Ray may take to be whole again, on a machine that does other things, too."""
LATE, OTHER_PYTHON = "late host", "other Python"
_DELAY_SECONDS, _LOSS = 0.15, 0.05
_SLOWER, _SLOW_SECONDS, _BAD_SECONDS = 8, 45.0, 45.0


class Drill:
    """A search that runs on a cluster, for faults to be done to.

    Attributes:
        cluster: where it runs.
        run: its directory.
        draw: what is left to chance.
        other_python: a Python of another version that has the same Ray.
        driver: of the search.
    """

    def __init__(self, cluster: Cluster, run: Path, draw: Random, other_python: Path | None) -> None:
        self.cluster, self.run, self.draw, self.other_python = cluster, run, draw, other_python
        self.driver: Popen[bytes] | None = None
        self._slots = 0

    @property
    def is_searching(self) -> bool:
        """Whether the driver is at work."""
        return self.driver is not None and self.driver.poll() is None

    def begin(self, space: Path, slots: int) -> None:
        """Start the search."""
        self._slots = slots
        self.driver = self.cluster.drive("search", space, "--run", self.run, "--workers", slots)

    def resume(self, slots: int | None = None) -> None:
        """Start a driver that goes on with the search."""
        self._slots = slots or self._slots
        self.driver = self.cluster.drive("resume", self.run, "--workers", self._slots)

    def kill_driver(self) -> None:
        """Kill the driver with signal 9."""
        assert self.driver is not None
        self.cluster.head.kill(lambda line: DRIVER in line)  # what it started must end by itself
        self.driver.wait()

    def start_again(self) -> None:
        """Start the cluster and the driver again, whatever state they are in."""
        if self.is_searching:
            self.kill_driver()
        self.cluster.restart()
        if open_run(self.run).status != "finished":
            self.resume()

    def ended_on(self, host: Host) -> int:
        """How many trials have ended on a host."""
        return sum(record.node == host.name for record in Written.read(self.run).records.values())

    def wait_for_trial_on(self, host: Host) -> None:
        """Wait until a trial has ended on a host, or the search has."""
        what = f"a trial on {host.name}"
        wait_until(lambda: self.ended_on(host) > 0 or not self.is_searching, MEND_SECONDS, what)

    def victim(self) -> Host:
        """A worker, by chance."""
        return self.draw.choice(self.cluster.workers)


def _worker(drill: Drill) -> str:
    busy = [host for host in drill.cluster.workers if drill.cluster.actors()[host.name]]
    host = drill.draw.choice(busy)
    count = host.kill(lambda line: line.startswith("ray::_Worker"))
    return f"`kill -9` of {count} trial process on {host.name}"


def _raylet(drill: Drill) -> str:
    host = drill.victim()
    host.kill(lambda line: line.split(" ")[0].endswith("/raylet/raylet"))
    return f"`kill -9` of the raylet on {host.name}; its service manager started Ray again"


def _host(drill: Drill) -> str:
    host, seconds = drill.victim(), drill.draw.uniform(2, 15)
    drill.cluster.lose_worker(host)
    time.sleep(seconds)
    return f"power cut on {host.name}; {drill.cluster.add_worker().name} in its place after {seconds:.0f} s"


def _driver(drill: Drill) -> str:
    drill.kill_driver()
    drill.resume()
    return "`kill -9` of the driver, then `ganetic resume`"


def _head(drill: Drill) -> str:
    """By turns the head's process alone and all of Ray on its host."""
    log = drill.cluster.driver_log
    before = len(log.read_text())
    alone = drill.draw.random() < 0.5
    drill.cluster.stop_head(alone)

    def said() -> list[str]:
        return [line for line in log.read_text()[before:].splitlines() if "error" in line]

    assert drill.driver is not None
    what = "the driver says that the head is gone, or the search ends"
    seconds = wait_until(lambda: bool(said()) or not drill.is_searching, 4 * HEAD_SECONDS, what)
    code, lines = drill.driver.wait(timeout=4 * HEAD_SECONDS), said()
    drill.cluster.restart()
    what = "the head's process (GCS)" if alone else "all of Ray on the head's host"
    if code == 0 and seconds < HEAD_SECONDS:  # workers answer the driver without the head
        return f"`kill -9` of {what}; the search came to its end without it, in {seconds:.0f} s; a new head"
    drill.resume()
    if code == 0 or seconds > HEAD_SECONDS or len(lines) != 1:
        raise AssertionError(f"the driver ended with {code} and said after {seconds:.0f} s {lines}")
    told = f"after {seconds:.0f} s the driver said “{lines[0]}”, and ended with {code}"
    return f"`kill -9` of {what}; {told}; a new head, then `ganetic resume`"


def _cut(seconds: float) -> Callable[[Drill], str]:
    def cut(drill: Drill) -> str:
        host = drill.victim()
        host.cut()
        time.sleep(seconds)
        host.join()
        return f"link of {host.name} cut for {seconds:.0f} s"

    return cut


def _bad_link(drill: Drill) -> str:
    host = drill.victim()
    host.worsen(_DELAY_SECONDS, _LOSS, drill.draw.randrange(1 << 30))
    time.sleep(_BAD_SECONDS)
    host.mend()
    return (
        f"link of {host.name} with {2000 * _DELAY_SECONDS:.0f} ms of delay there and back and {_LOSS:.0%} of frames "
        f"lost either way, for {_BAD_SECONDS:.0f} s"
    )


def _late(drill: Drill) -> str:
    """The search was begun without it."""
    host = drill.cluster.add_worker()
    drill.wait_for_trial_on(host)
    return f"search begun with one host missing; {host.name} came later, and took trials"


def _slow(drill: Drill) -> str:
    host = drill.victim()
    with host.slowed(_SLOWER):
        time.sleep(_SLOW_SECONDS)
    return f"{host.name} eight times slower for {_SLOW_SECONDS:.0f} s (its processes stopped 7/8 of the time)"


def _disk(drill: Drill) -> str:
    host = drill.victim()
    host.fill_disk()
    time.sleep(drill.draw.uniform(1, 5))
    host.kill(lambda line: line.startswith("ray::_Worker"))
    time.sleep(30)
    host.empty_disk()
    return f"disk of {host.name} full, its trial process killed, room again after 30 s"


def _package(drill: Drill) -> str:
    """Whoever imports the package of that host fails."""
    drill.cluster.lose_worker(drill.victim())
    host = drill.cluster.add_worker(path=OTHER_PACKAGE)
    drill.wait_for_trial_on(host)
    return f"{host.name} has ganetic 0.0.1, which cannot be imported; its trials ran with the search's own package"


def _python(drill: Drill) -> str:
    assert drill.other_python is not None
    drill.cluster.lose_worker(drill.victim())
    host = drill.cluster.add_worker(drill.other_python)
    log = drill.cluster.log_of(host)
    wait_until(lambda: "ersion mismatch" in log.read_text(), MEND_SECONDS, "Ray refuses the other Python")
    drill.cluster.lose_worker(host)
    right = drill.cluster.add_worker()
    return f"{host.name} came with another Python, and Ray refused it; {right.name} in its place"


FAULTS: dict[str, Callable[[Drill], str]] = {
    "worker process": _worker,
    "raylet": _raylet,
    "host": _host,
    "driver": _driver,
    "head": _head,
    "link cut for 5 s": _cut(5),
    "link cut for 60 s": _cut(60),
    "bad link": _bad_link,
    LATE: _late,
    "slow host": _slow,
    "full disk": _disk,
    "other package": _package,
    OTHER_PYTHON: _python,
}
"""What is done, by the name of its kind; each returns when it is done and what it broke has been started again."""
