"""Starting a local Ray, joining a cluster, or using the Ray that is there."""

import logging
import os
import secrets
import socket
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
import ray._private.ray_constants
import ray._private.worker

import ganetic
from ganetic.errors import UserError
from ganetic.files import is_writable
from ganetic.jobs.head_start import HeadStart, abandon, head_start, take

_LOOPBACK = ("127.0.0.1", "::1")
_CONNECT_SECONDS = 10.0
_ROOM_BYTES = 32 << 20  # without room Ray waits for half a minute, and does not say for what
_TOKEN = secrets.token_hex(32)
SHORT_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")
LONGEST_PLACE = 103 - len("/session_2026-11-26_15-14-12_123456_4194304/sockets/plasma_store")
"""Bytes of a path that leave room for the longest name of a socket; on macOS it may have 103 bytes, on Linux 107."""


@dataclass(frozen=True)
class Session:
    """A connection to Ray.

    Attributes:
        started: this process started Ray, on this machine, and nobody else uses it.
        owned: this process connected to Ray and so disconnects in the end; otherwise the caller had done it before.
        runtime_env: what an actor still has to ask for, because the connection did not.
    """

    started: bool
    owned: bool
    runtime_env: dict[str, Any]
    head_start: HeadStart | None = None
    """The start in the background that it came of, if any."""

    def close(self) -> None:
        """Disconnect; a Ray that was started here is ended with all its processes."""
        if self.owned:
            _end()
        if self.head_start is not None:
            self.head_start.release()


def _end() -> None:
    ray.shutdown()
    _print_messages(True)


def start_early(cpus: int | None, environment: dict[str, str], module: str = "") -> AbstractContextManager[None]:
    """Begin to start Ray on this machine, for a `connect` with the same arguments and without an address.

    Nothing is begun where this process is connected to Ray. What no `connect` has taken ends with the context.
    """
    _prepare()
    if ray.is_initialized():
        return nullcontext()
    return head_start((cpus, environment, module), lambda: _start_with(cpus, environment, module), _end)


def connect(address: str | None, cpus: int | None, environment: dict[str, str], module: str = "") -> Session:
    """Start Ray on this machine, or join a cluster.

    Where this process is connected to Ray already, that connection is used as it is and never closed.

    Args:
        address: None starts Ray here, reachable from this machine only; ``"auto"`` joins the cluster this machine is a
            node of (inside ``ray job submit``: the cluster of the job), ``"host:port"`` the one with this head node.
            Ray wants the driver on a node of the cluster. The package is sent to the workers.
        cpus: how many CPUs a Ray started here offers; None for all cores.
        environment: environment variables of the workers.
        module: what the workers of a Ray started here import while it starts, so that jobs need not wait for it.

    Raises:
        UserError: there is no cluster at the address, or Ray cannot use such an address.
    """
    _prepare()
    early = take((cpus, environment, module)) if address is None else None
    if early is not None:
        early.wait()
        return Session(started=True, owned=True, runtime_env={}, head_start=early)
    abandon(_end)
    if ray.is_initialized():
        return Session(started=False, owned=False, runtime_env={"env_vars": environment})
    if address is None:
        _start_with(cpus, environment, module)
        return Session(started=True, owned=True, runtime_env={})
    package = str(Path(ganetic.__path__[0]))
    _join(address, {"env_vars": environment, "py_modules": [package]})
    return Session(started=False, owned=True, runtime_env={})


def _prepare() -> None:
    # Ray hides all GPUs from an actor that asked for none, and warns that it will stop: the environment does it.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"


def _start_with(cpus: int | None, environment: dict[str, str], module: str) -> None:
    _start(cpus, environment | (_preload(module) if module else {}) | _token())


def _preload(module: str) -> dict[str, str]:
    """Ray hands its workers the driver's path after the preload, which would find another package of the same name."""
    path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    return {"PYTHONPATH": path, "RAY_preload_python_modules": module}


def _token() -> dict[str, str]:
    """Ray keeps a token in the home directory, which its processes know each other by; without one it is given it."""
    try:
        home = Path.home()
    except RuntimeError:
        home = None
    return {} if home is not None and is_writable(home / ".ray") else {"RAY_AUTH_TOKEN": _TOKEN}


def _start(cpus: int | None, environment: dict[str, str]) -> None:
    """Start Ray in an environment that its processes inherit; in one of their own, workers would start twice."""
    place = place_for_sockets()
    _print_messages(False)
    with _loopback(), _environment(environment):
        ray.init("local", num_cpus=cpus, include_dashboard=False, _temp_dir=str(place), **_quiet())
    address = nodes()[0]["NodeManagerAddress"]
    if address not in _LOOPBACK:
        ray.shutdown()
        raise RuntimeError(f"Ray {ray.__version__} was to listen on 127.0.0.1 only but listens on {address}")


def place_for_sockets() -> Path:
    """Where Ray keeps its sockets and logs: its own choice, which follows TMPDIR, unless that is too long or full.

    Raises:
        UserError: there is no such place.
    """
    own = Path(os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp", "ray").absolute()
    for place in (own, *(Path(folder) / "ray" for folder in SHORT_FOLDERS)):
        if len(os.fsencode(place)) <= LONGEST_PLACE and is_writable(place, _ROOM_BYTES):
            return place
    raise UserError(
        f"{own}: no place for Ray's sockets, nor is {', '.join(SHORT_FOLDERS)}; set RAY_TMPDIR to one that can "
        f"be written, has {_ROOM_BYTES >> 20} MiB of room and a path of at most {LONGEST_PLACE - len('/ray')} bytes"
    )


def _join(address: str, runtime_env: dict[str, Any]) -> None:
    if "://" in address:
        raise UserError(
            f'address "{address}": expected "auto" or "host:port"; run the search on a node of the cluster, for '
            "example with: ray job submit -- ganetic search SPACE --address auto"
        )
    _print_messages(False)
    try:
        _check_listening(address)
        ray.init(address, runtime_env=runtime_env, **_quiet())
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        _print_messages(True)
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f'address "{address}": no Ray cluster can be joined there ({reason}); expected "auto" or "host:port" of '
            "the head node, on a machine that is a node of the cluster"
        ) from None


def _check_listening(address: str) -> None:
    """Find out in seconds what Ray would try for minutes, printing warnings."""
    if address == "auto":
        address = os.environ.get("RAY_ADDRESS") or address
    if address == "auto":
        return  # Ray looks at the processes of this machine, which takes no time
    host, _, port = address.rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_SECONDS).close()


def _quiet() -> dict[str, Any]:
    return {"log_to_driver": False, "logging_level": logging.CRITICAL}


def _print_messages(enabled: bool) -> None:
    """Ray prints a paragraph to our standard output whenever a worker dies; outcomes say it already."""
    ray._private.worker._worker_logs_enabled = enabled


@contextmanager
def _loopback() -> Iterator[None]:
    """Let Ray listen on 127.0.0.1 only, as it does on macOS and Windows; elsewhere it has no public option for it."""
    constants = ray._private.ray_constants
    before = constants.ENABLE_RAY_CLUSTER
    constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        constants.ENABLE_RAY_CLUSTER = before


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def nodes() -> list[dict[str, Any]]:
    """Return Ray's description of every node, alive or dead."""
    found: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return found


def room_for_jobs(gpus_per_job: float) -> int:
    """Return how many jobs of one CPU, and a share of a GPU, the nodes that are alive have room for when empty."""
    return sum(_room_on(node["Resources"], gpus_per_job) for node in nodes() if node["Alive"])


def _room_on(resources: dict[str, float], gpus_per_job: float) -> int:
    cpus, gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
    if gpus_per_job == 0:
        return cpus
    on_gpus = gpus * int(1 / gpus_per_job + 1e-9) if gpus_per_job < 1 else gpus // int(gpus_per_job)
    return min(cpus, on_gpus)
