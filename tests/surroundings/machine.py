"""The machines that users have: a user without a home, a disk of a few kilobytes, a folder that may not be written."""

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from ganetic.cli.main import main

ROOT = Path(__file__).parents[2]
NOBODY = 12345
"""A user without an entry in passwd, and so without a home."""


def ganetic(
    arguments: Sequence[str | Path], folder: Path, prefix: Sequence[str] = (), module: str = "ganetic", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the command line in a folder, in an environment of these variables alone."""
    plain = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", "TMPDIR": "/tmp"}
    command = [*prefix, sys.executable, "-m", module, *map(str, arguments)]
    environment = {**plain, **variables}
    return subprocess.run(
        command, cwd=folder, env=environment, check=False, capture_output=True, text=True, errors="replace", timeout=300
    )


def nobody() -> list[str]:
    """What a command is prefixed with to run as `NOBODY`, who may read everything and write what is for all.

    The right to read is for interpreters in another user's home.
    """
    setpriv = shutil.which("setpriv")
    if os.geteuid() != 0 or setpriv is None:
        pytest.skip("only root can become a user without an entry, with setpriv of util-linux")
    read = "dac_read_search"
    own = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    rights = [f"--inh-caps=-all,+{read}", f"--ambient-caps=+{read}", f"--bounding-set=-all,+{read}"]
    return [setpriv, *own, *rights]


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[Callable[[str], None]]:
    """Mount a disk of a size such as ``40k`` at a folder; gives a function that changes its size."""
    place.mkdir(exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place))
    try:
        yield lambda other: _mount("-o", f"remount,size={other}", str(place))
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@contextmanager
def read_only(place: Path) -> Iterator[None]:
    """Let a folder be one that not even root may write."""
    _mount("--bind", str(place), str(place))
    try:
        _mount("-o", "remount,ro,bind", str(place))
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def _mount(*arguments: str) -> None:
    mount = shutil.which("mount")
    if mount is None or subprocess.run([mount, *arguments], check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting is not allowed here")


def printed(monkeypatch: pytest.MonkeyPatch, encoding: str, *arguments: str | Path) -> tuple[int, str, str]:
    """Run a command on a console of an encoding; return its exit code and what it printed."""
    streams = {name: io.TextIOWrapper(io.BytesIO(), encoding=encoding) for name in ("stdout", "stderr")}
    with monkeypatch.context() as patch, pytest.raises(SystemExit) as ended:
        for name, stream in streams.items():
            patch.setattr(sys, name, stream)
        patch.setattr(sys, "argv", ["ganetic", *map(str, arguments)])
        main()
    texts = []
    for stream in streams.values():
        stream.flush()
        buffer = stream.buffer
        assert isinstance(buffer, io.BytesIO)
        texts.append(buffer.getvalue().decode("utf-8" if encoding == "ascii" else encoding))
    return int(str(ended.value.code)), texts[0], texts[1]


def files_under(place: Path) -> list[str]:
    """The names of all files under a folder, hidden ones too."""
    return sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.is_file())
