"""Ray, which wants a home, and a short path with room for its sockets."""

from pathlib import Path

import pytest

from ganetic.errors import UserError
from ganetic.evolution.results import open_run
from ganetic.jobs import ray_session
from ganetic.jobs.ray_executor import RayExecutor
from tests.jobs.works import work
from tests.surroundings.machine import ganetic, nobody, small_disk

LONG = 80 * "x"
SPACE = """
name = "tiny"
data = "digits"
form = "label"
operators = ["add", "sub", "mul", "square", "log"]
evolution = { population = 2, window = 2, reduction_factor = 2 }
rungs = [{ steps = 2, seeds = 1 }, { steps = 2, seeds = 2 }]
finals = { finalists = 1, seeds = 2, steps = 2 }
proxies = [{ width = 4, latent = 4, images = 64 }]
checkpoint_every = 1
kill = []
stop = { max_trials = 2 }
"""


def test_a_long_path_makes_room_for_sockets_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv("TMPDIR", "/tmp")
    assert ray_session.place_for_sockets() == Path("/tmp/ray")
    monkeypatch.setenv("TMPDIR", str(tmp_path / LONG))
    assert ray_session.place_for_sockets() == Path("/tmp/ray")
    monkeypatch.setenv("RAY_TMPDIR", "/proc/nowhere")  # which nobody can make
    assert ray_session.place_for_sockets() == Path("/tmp/ray")


def test_a_full_disk_makes_room_for_sockets_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RAY_TMPDIR", "/tmp")
    monkeypatch.setattr(ray_session, "SHORT_FOLDERS", ("/var/tmp",))
    with small_disk(tmp_path / "d", "40k"):
        monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / "d"))
        monkeypatch.setattr(ray_session, "LONGEST_PLACE", 1000)
        assert ray_session.place_for_sockets() == Path("/var/tmp/ray")


def test_where_there_is_noplace_for_sockets_it_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / LONG))
    monkeypatch.setattr(ray_session, "SHORT_FOLDERS", (f"/tmp/{LONG}",))
    with pytest.raises(UserError, match="set RAY_TMPDIR to one that can be written, has 32 MiB of room") as caught:
        RayExecutor(work, {}, wall_seconds=60.0)
    assert "\n" not in str(caught.value)


@pytest.mark.ray
@pytest.mark.slow
def test_a_search_under_a_long_tmpdir(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "space.toml").write_text(SPACE)
    (tmp_path / LONG).mkdir()
    variables = {"TMPDIR": str(tmp_path / LONG), "HOME": str(tmp_path), "GANETIC_CACHE": str(cache)}
    done = ganetic(["search", "space.toml", "--run", "run", "--workers", "1"], tmp_path, **variables)
    assert done.returncode == 0, done.stderr
    assert open_run(tmp_path / "run").status == "finished"


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize("home", [None, "read-only"])
def test_a_user_without_an_entry_searches(home: str | None, for_all: Path) -> None:
    (for_all / "space.toml").write_text(SPACE)
    variables = {} if home is None else {"HOME": str(for_all)}
    arguments = ["search", "space.toml", "--run", "runs/one", "--workers", "1"]
    done = ganetic(arguments, for_all, nobody(), **variables)
    assert done.returncode == 0, done.stderr
    assert open_run(for_all / "runs" / "one").status == "finished"
