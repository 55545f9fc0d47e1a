"""Users without a home, without an entry in passwd, with a home or a cache that cannot be written."""

import pwd
from pathlib import Path

import pytest

from ganetic.cli import run_command
from ganetic.data import cache_directory, load_images, resolved
from ganetic.errors import UserError
from tests.surroundings.machine import files_under, ganetic, nobody

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs under any number."""

    def unknown(_: object) -> None:
        raise KeyError("uid not found")

    for name in ("HOME", "GANETIC_CACHE"):
        monkeypatch.delenv(name, raising=False)
    for function in ("getpwuid", "getpwnam"):
        monkeypatch.setattr(pwd, function, unknown)


@pytest.mark.usefixtures("homeless")
def test_without_a_home_data_loads_and_the_cache_is_temporary(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert cache_directory().parent == tmp_path
    assert len(load_images("digits").images) > 1000
    assert len(load_images(f"npz:{images}").images) == 200


@pytest.mark.usefixtures("homeless")
@pytest.mark.parametrize("name", ["npz:~/x.npz", "npz:~nosuchuser/x.npz", "folder:~nosuchuser"])
def test_a_home_that_nobody_knows_is_one_line(name: str, in_folder: Path, capsys: Capture) -> None:
    for command in (["train", "hinge"], ["search", "quick"], ["score", "hinge"]):
        assert run_command([*command, "--data", name]) == 2
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 1 and "write the whole path" in said[0], said
    assert not list(in_folder.iterdir())


def test_tilde_is_the_home(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(images.parent))
    assert resolved("npz:~/images.npz") == f"npz:{images}"
    assert len(load_images("npz:~/images.npz").images) == 200


@pytest.mark.usefixtures("pretended")
def test_a_cache_that_cannot_be_written_keeps_no_calibration_and_says_so(
    tomls: Path, images: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("GANETIC_CACHE", str(tomls / "train.toml" / "cache"))  # not even root can make that
    space = tomls / "space.toml"
    space.write_text(space.read_text().replace("kill = []", 'kill = "calibrated"'))
    arguments = ["calibrate", "--space", str(space), "--data", f"npz:{images}", "--seeds", "1"]
    assert run_command([*arguments, "-o", str(tomls / "kept.json")]) == 0
    captured = capsys.readouterr()
    assert "this calibration is not kept; GANETIC_CACHE names another place" in captured.err
    assert "not kept" in captured.out and (tomls / "kept.json").is_file()


def test_downloads_that_cannot_be_written_name_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GANETIC_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(UserError, match="GANETIC_CACHE names another place for downloads"):
        load_images("mnist", download=True)


@pytest.mark.slow
@pytest.mark.parametrize("home", [None, "/nowhere"])
def test_a_user_without_an_entry_trains(home: str | None, tomls: Path, images: Path, for_all: Path) -> None:
    variables = {} if home is None else {"HOME": home}
    arguments = ["train", "hinge", "--config", str(tomls / "train.toml"), "--steps", "10", "--run", "runs/one"]
    done = ganetic([*arguments, "--data", f"npz:{images}"], for_all, nobody(), **variables)
    assert done.returncode == 0, done.stderr
    assert "training.json" in files_under(for_all / "runs" / "one")
