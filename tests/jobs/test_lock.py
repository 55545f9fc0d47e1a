import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ganetic.errors import UserError
from ganetic.jobs.lock import run_lock

HOLDER = """
import sys, time
from pathlib import Path
from ganetic.jobs.lock import run_lock
with run_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(1000)
"""


def test_a_second_driver_is_refused_until_the_first_is_dead(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        for _ in range(2):  # a refusal leaves the holder's name in the file
            with pytest.raises(UserError, match=rf"another process .*process {holder.pid} on "), run_lock(tmp_path):
                pass
        holder.kill()
    with run_lock(tmp_path):
        assert f"process {os.getpid()} on" in (tmp_path / "lock").read_text()


def test_the_lock_can_be_taken_again_after_it_was_given_back(tmp_path: Path) -> None:
    with pytest.raises(KeyError), run_lock(tmp_path):
        raise KeyError
    with run_lock(tmp_path), pytest.raises(UserError, match=f"process {os.getpid()} on"), run_lock(tmp_path):
        pass


def test_a_look_at_the_lock_does_not_keep_a_driver_away(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    looks = (tmp_path / "lock").open()
    fcntl.flock(looks, fcntl.LOCK_SH)
    threading.Timer(0.2, looks.close).start()
    with run_lock(tmp_path):
        assert f"process {os.getpid()} on" in (tmp_path / "lock").read_text()


def test_a_missing_directory_is_an_error_of_the_user(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written"), run_lock(tmp_path / "nowhere"):
        pass
