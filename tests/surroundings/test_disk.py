"""A disk that is full: one line, nothing half-written, what was finished is kept, and it goes on once there is room."""

import shlex
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ganetic.cli import run_command
from ganetic.data import load_images
from ganetic.errors import UserError
from ganetic.evolution.results import Run, open_run
from ganetic.evolution.search import search
from ganetic.jobs.lock import run_lock
from ganetic.metrics.features import cached_feature_net
from ganetic.training.tensorboard import Board
from ganetic.training.train import resume_training, train
from tests.small_run import small_run_directory
from tests.surroundings.machine import files_under, small_disk
from tests.training.full.conftest import LOSS, tiny
from tests.training.full.test_train import assert_equal, content

pytestmark = pytest.mark.slow

Capture = pytest.CaptureFixture[str]


def one_line(capsys: Capture) -> str:
    """The complaint, below what was said before it."""
    captured = capsys.readouterr()
    *said, last = captured.err.splitlines()
    assert last.startswith("ganetic: error: ") and "details in" not in last
    assert not any(line.startswith(("Traceback", "ganetic: error")) for line in said)
    return last


def found(run: Run) -> object:
    """All that a search found, but for its times."""
    columns = ["individual", "seed", "rung", "state", "fd"]
    trials = run.trials()
    return [trials[[name for name in columns if name in trials]].to_csv(), run.front().to_csv(), run.finals().to_csv()]


@pytest.fixture
def whole(tomls: Path, pretended: None) -> Run:
    """The search as it goes where there is room."""
    assert run_command(["search", str(tomls / "space.toml"), "--max-trials", "24", "--run", str(tomls / "whole")]) == 0
    return open_run(tomls / "whole")


@pytest.mark.parametrize("size", ["4k", "12k", "32k", "60k", "100k", "140k"])
def test_a_search(size: str, tomls: Path, whole: Run, capsys: Capture) -> None:
    capsys.readouterr()
    run = tomls / "disk" / "run"
    arguments = ["search", str(tomls / "space.toml"), "--max-trials", "24", "--run", str(run)]
    with small_disk(tomls / "disk", size) as resize:
        assert run_command(arguments) == 2
        assert "room" in one_line(capsys)
        assert not [name for name in files_under(tomls / "disk") if name.startswith("run/.")]
        resize("10m")
        again = ["resume", str(run)] if (run / "journal.db").exists() else arguments
        assert run_command(again) == 0
        assert found(open_run(run)) == found(whole)
        assert (run / "best.json").is_file()


@pytest.mark.usefixtures("pretended")
def test_a_finished_search_whose_pick_has_no_room(
    tomls: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = tomls / "disk"

    def search_and_fill(*arguments: Any) -> Run:
        done = search(*arguments)
        with suppress(OSError), (disk / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4096))
        return done

    monkeypatch.setattr("ganetic.evolution.search.search", search_and_fill)
    with small_disk(disk, "1m"):
        arguments = ["search", str(tomls / "space.toml"), "--max-trials", "24", "--run", str(disk / "a run")]
        assert run_command(arguments) == 2
        captured = capsys.readouterr()
        assert "Finals on fresh seeds" in captured.out
        last = captured.err.splitlines()[-1]
        assert "best.json: cannot be written: No space left on device; make room; the run is kept: `ganetic" in last
        assert not [name for name in files_under(disk) if "best" in name]
        (disk / "filler").unlink()
        assert run_command(shlex.split(last.split("`")[1])[1:]) == 0
        assert (disk / "a run" / "best.json").is_file()


@pytest.mark.parametrize("size", ["4k", "8k", "20k", "60k", "300k"])
def test_a_training(size: str, tmp_path: Path) -> None:
    config = tiny("mlp", steps=30)
    train(config, LOSS, tmp_path / "whole")
    run = tmp_path / "disk" / "run"
    with small_disk(tmp_path / "disk", size) as resize:
        with pytest.raises(UserError, match=r"cannot be (written|made).*[Nn]o space left") as caught:
            train(config, LOSS, run)
        assert "\n" not in str(caught.value)
        assert not [name for name in files_under(tmp_path / "disk") if "/." in name or name.startswith(".")]
        resize("100m")
        if run.exists():
            resume_training(run)
        else:
            train(config, LOSS, run)
        assert_equal(content(run), content(tmp_path / "whole"))


@pytest.mark.parametrize("size", ["4k", "8k"])
def test_exports_figures_and_images_are_whole_or_not_there(size: str, tmp_path: Path, capsys: Capture) -> None:
    train(tiny("mlp", steps=10), LOSS, tmp_path / "training")
    disk, run = tmp_path / "disk", str(small_run_directory())
    with small_disk(disk, size):
        for command in (
            ["export", f"{disk}/best.json", "--run", run],
            ["plot", run, "-o", f"{disk}/pareto.png"],
            ["plot", run, "--kind", "progress", "-o", f"{disk}/progress.svg"],
            ["generate", str(tmp_path / "training"), "-n", "64", "-o", f"{disk}/grid.png"],
            ["generate", str(tmp_path / "training"), "-n", "64", "-o", f"{disk}/many"],
        ):
            assert run_command(command) == 2, command
            assert "No space left on device; make room" in one_line(capsys)
            assert not list(disk.iterdir())


def test_the_lock_of_a_run(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "4k"):
        (tmp_path / "disk" / "filler").write_bytes(b"x" * 4096)
        said = "lock: cannot be written: No space left on device; make room"
        with pytest.raises(UserError, match=said), run_lock(tmp_path / "disk"):
            raise AssertionError


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of protobuf
def test_tensorboard_files(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "40k") as resize:
        board = Board(tmp_path / "disk", -1)
        with pytest.raises(UserError, match="tensorboard: cannot be written: No space left on device; make room"):
            for step in range(2000):
                board.add({"step": step, "fd": 1.0})
        resize("1m")
        board.close()


def test_a_cache_without_room_keeps_nothing(tmp_path: Path) -> None:
    images = load_images("digits")
    assert images.labels is not None
    with small_disk(tmp_path / "cache", "16k"):
        for _ in range(2):
            _, known = cached_feature_net(images.images[:64], images.labels[:64], tmp_path / "cache")
            assert not known
            assert not list((tmp_path / "cache").iterdir())
