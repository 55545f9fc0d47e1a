"""Hosts with addresses, processes, disks and names of their own, on one machine: Linux namespaces joined by a bridge.

The first process of a host is a ``cat`` that reads a pipe of ours. Whatever becomes of us, the pipe is closed, the
first process ends, and the kernel ends all processes of the namespaces with it, and takes their disks in memory and
their end of the link. The bridge lies in namespaces of its own for the same reason: nothing of a drill stays on the
machine, not even after ``kill -9``.
"""

import os
import shlex
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from analysis.drill_cable import Cable

NETWORK = "10.77.0"
_TOOLS = ("unshare", "nsenter", "ip", "mount")
_KINDS = ("--net", "--mount", "--pid", "--uts", "--ipc")
_DUTY_SECONDS = 0.1
_READY = "ready\n"


def why_not() -> str | None:
    """Why no hosts can be made here, as a sentence, or None where they can."""
    if missing := [tool for tool in _TOOLS if shutil.which(tool) is None]:
        return f"Hosts need the command {missing[0]}, which this machine does not have."
    if os.geteuid() != 0:
        return "Hosts need network namespaces, which only root may make here."
    probe = ["unshare", *_KINDS, "--fork", "ip", "link", "add", "br0", "type", "bridge"]
    tried = subprocess.run(probe, capture_output=True, text=True, check=False)
    return f"Hosts need namespaces and a bridge: {tried.stderr.strip()}." if tried.returncode else None


class Namespace:
    """Namespaces with a first process, which ends with us.

    Args:
        name: the host name inside.
        disk_bytes: size of its ``/tmp``.
        hidden: folders of this machine that are empty inside.
    """

    def __init__(self, name: str, disk_bytes: int = 1 << 20, hidden: Sequence[Path] = ()) -> None:
        self.name = name
        disks = [f"-o size={disk_bytes} tmpfs /tmp", "-o size=1g tmpfs /dev/shm"]
        disks += [f"tmpfs {shlex.quote(str(folder))}" for folder in hidden]
        setup = (
            f"hostname {name} && {' && '.join(f'mount -t tmpfs {disk}' for disk in disks)} && ip link set lo up && "
            "trap '' CHLD && echo ready && exec cat >/dev/null"  # who ignores CHLD needs not bury its orphans
        )
        command = ["unshare", *_KINDS, "--fork", "--kill-child", "--mount-proc", "sh", "-c", setup]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        assert self._process.stdout is not None
        if self._process.stdout.readline() != _READY:
            raise RuntimeError(f"{name}: its namespaces could not be made: {self._process.communicate()[1].strip()}")
        self.pid = int(Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()[0])
        self._inode = Path(f"/proc/{self.pid}/ns/pid").readlink()
        self._entered: list[subprocess.Popen[bytes]] = []

    @property
    def is_up(self) -> bool:
        """Whether there is such a host."""
        return self._process.poll() is None

    def command(self, *words: object) -> list[str]:
        """The command that runs another one inside."""
        return ["nsenter", "-t", str(self.pid), "-n", "-m", "-p", "-u", "-i", "--", *map(str, words)]

    def spawn(self, *words: object, environment: Mapping[str, str], log: IO[bytes]) -> None:
        """Start a command inside, which ends with the host at the latest."""
        options: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, "cwd": "/"}
        self._entered.append(subprocess.Popen(self.command(*words), env=environment, **options))

    def run(self, *words: object) -> str:
        """Run a command inside to its end, and return what it printed."""
        done = subprocess.run(self.command(*words), capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{self.name}: {' '.join(map(str, words))}: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def processes(self) -> dict[int, str]:
        """The command lines of all living processes inside, by their numbers outside, but for the first."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if (folder / "ns/pid").readlink() == self._inode and int(folder.name) != self.pid:
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        return {pid: line for pid, line in found.items() if line}  # a zombie has none

    def kill(self, is_meant: Callable[[str], bool]) -> int:
        """Kill the processes with such command lines; returns how many there were."""
        meant = [pid for pid, line in self.processes().items() if is_meant(line)]
        _signal(meant, signal.SIGKILL)
        return len(meant)

    def close(self) -> None:
        """End every process inside at once, as a power cut does, and the namespaces with them."""
        if self.is_up:
            os.kill(self.pid, signal.SIGKILL)
        for entered in self._entered:  # one that stopped with its child would not bury it, and the host would stay
            entered.kill()
            entered.wait()
        self._process.wait(timeout=60)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()


class Host(Namespace):
    """A host on a network.

    Args:
        switch: where the bridge is.
        number: the last part of its address.
        name: its name.
        disk_bytes: size of its ``/tmp``.
        hidden: folders of this machine that are empty there.
    """

    def __init__(self, switch: Namespace, number: int, name: str, disk_bytes: int, hidden: Sequence[Path] = ()) -> None:
        super().__init__(name, disk_bytes, hidden)
        self.address = f"{NETWORK}.{number}"
        self._switch, self._port = switch, f"port{number}"
        self._cable: Cable | None = None
        # The namespace of the other end is named by a process number of outside, so only the network is entered.
        link = ["ip", "link", "add", self._port, "type", "veth", "peer", "name", "eth0", "netns", str(self.pid)]
        subprocess.run(["nsenter", "-t", str(switch.pid), "-n", "--", *link], check=True)
        switch.run("ip", "link", "set", self._port, "master", "br0", "up")
        self._plug("eth0")

    def cut(self) -> None:
        """Cut its link."""
        self._switch.run("ip", "link", "set", self._port, "down")

    def join(self) -> None:
        """Join its link again."""
        self._switch.run("ip", "link", "set", self._port, "up")

    def worsen(self, delay_seconds: float, loss: float, seed: int) -> None:
        """Replace its link by one that delays frames and loses a share of them, in either direction."""
        self._cable = Cable(((self.pid, "eth1"), (self._switch.pid, f"{self._port}b")), delay_seconds, loss, seed)
        self._switch.run("ip", "link", "set", f"{self._port}b", "master", "br0", "up")
        card = self.run("cat", "/sys/class/net/eth0/address").strip()
        self.run("ip", "link", "set", "eth1", "address", card)  # others know it by its card
        self.run("ip", "address", "flush", "dev", "eth0")
        self.cut()
        self._plug("eth1")

    def mend(self) -> None:
        """Give it its good link back."""
        assert self._cable is not None
        self._cable.close()
        self._cable = None
        self._plug("eth0")
        self.join()

    @contextmanager
    def slowed(self, factor: int) -> Iterator[None]:
        """Let its processes run for one part of the time in so many, while the machine's own load may be what it is."""
        ended = threading.Event()
        thread = threading.Thread(target=self._hold_back, args=(factor, ended), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _hold_back(self, factor: int, ended: threading.Event) -> None:
        while not ended.is_set():
            held = self.processes()
            _signal(held, signal.SIGSTOP)
            ended.wait((factor - 1) * _DUTY_SECONDS)
            _signal(held, signal.SIGCONT)
            ended.wait(_DUTY_SECONDS)

    def fill_disk(self) -> None:
        """Leave no room in its ``/tmp``."""
        self.run("sh", "-c", "cat /dev/zero > /tmp/full 2>/dev/null; true")

    def empty_disk(self) -> None:
        """Make room again."""
        self.run("rm", "/tmp/full")

    def close(self) -> None:
        """End it, as a power cut does."""
        if self._cable is not None:
            self._cable.close()
        super().close()

    def _plug(self, device: str) -> None:
        self.run("ip", "address", "add", f"{self.address}/24", "dev", device)
        self.run("ip", "link", "set", device, "up")


def _signal(processes: Iterable[int], number: int) -> None:
    for pid in processes:
        with suppress(ProcessLookupError):  # it ended meanwhile
            os.kill(pid, number)


class Network:
    """Hosts joined by a bridge; leaving it ends them all."""

    def __init__(self) -> None:
        self._hosts: list[Host] = []
        self._switch = Namespace("switch")
        try:
            self._switch.run("ip", "link", "add", "br0", "type", "bridge")
            self._switch.run("ip", "link", "set", "br0", "up")
        except BaseException:
            self._switch.close()
            raise

    def host(self, number: int, name: str, disk_bytes: int, hidden: Sequence[Path] = ()) -> Host:
        """Make a host; see `Host`."""
        host = Host(self._switch, number, name, disk_bytes, hidden)
        self._hosts.append(host)
        return host

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for host in self._hosts:
            host.close()
        self._switch.close()
