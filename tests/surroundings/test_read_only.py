"""A run that may not be written: what only reads it works, and what must write says so."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ganetic.cli import run_command
from ganetic.training.train import train
from tests.small_run import new_small_run
from tests.surroundings.machine import files_under, ganetic, nobody, read_only
from tests.training.full.conftest import LOSS, tiny

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A search and a training in a folder that nobody may write."""
    place = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANETIC_CACHE", str(tmp_path_factory.getbasetemp() / "surroundings-cache"))
        new_small_run(place / "search")
        train(tiny("mlp", data={"name": "digits"}, eval_images=100, steps=20), LOSS, place / "training")
    with read_only(place):
        yield place


READING = (
    "show {runs}/search",
    "show {runs}/search --json",
    "plot {runs}/search -o pareto.png",
    "plot {runs}/search --kind progress -o progress.png",
    "export best.json --run {runs}/search",
    "generate {runs}/training -n 4 -o grid.png",
    "generate {runs}/training/checkpoints/step-00000000 -n 4 -o many",
    "evaluate {runs}/training -n 16",
)
WRITING = (
    "plot {runs}/search",
    "export {runs}/search/best.json --run {runs}/search",
    "resume {runs}/search --max-trials 100",
    "resume {runs}/training",
    "confirm {runs}/search --seeds 2",
    "generate {runs}/training -o {runs}/training/grid.png",
    "generate {runs}/training -o {runs}/many",
    "train hinge --run {runs}/new",
    "search quick --run {runs}/new",
    "compare bce hinge -o {runs}/new",
)


@pytest.mark.parametrize("command", READING)
def test_what_reads_works(command: str, runs: Path, in_folder: Path) -> None:
    before = files_under(runs)
    assert run_command(command.format(runs=runs).split()) == 0
    assert files_under(runs) == before


@pytest.mark.usefixtures("in_folder")
@pytest.mark.parametrize("command", WRITING)
def test_what_must_write_says_so_before_it_works(command: str, runs: Path, capsys: Capture) -> None:
    assert run_command(command.format(runs=runs).split()) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert captured.out == ""
    assert line.startswith(f"ganetic: error: {runs}/")
    assert "cannot be written" in line or "cannot be made" in line
    assert "name another" in line or "choose a place that may be written" in line


@pytest.mark.slow
def test_another_users_run(for_all: Path) -> None:
    run = new_small_run(for_all / "theirs").directory
    for command in (["show", str(run)], ["export", "runs/best.json", "--run", str(run)]):
        assert ganetic(command, for_all, nobody()).returncode == 0
    done = ganetic(["plot", run], for_all, nobody(), MPLCONFIGDIR=str(for_all / "runs"))
    assert done.returncode == 2
    assert "pareto.png: cannot be written: Permission denied; choose a place that may be written" in done.stderr
