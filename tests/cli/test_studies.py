import json
from pathlib import Path

import pytest

from ganetic.cli import run_command
from ganetic.evolution.resources import Context, Runtime
from ganetic.jobs.executor import Executor, JobResult, SerialExecutor
from ganetic.loss.card import read_card
from tests.evolution.fakes import PROXY_DATA
from tests.small_run import new_small_run, pretend
from tests.studies.tunable import tunable

Capture = pytest.CaptureFixture[str]

TWO = ("compare", "bce", "hinge")
FILES = ("comparison.json", "comparison.csv", "comparison.md", "comparison.tex", "boxes.png", "curves.png")


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> None:
    def executor(self: Runtime, context: Context, steps: int) -> Executor:
        return SerialExecutor(pretend, context)

    monkeypatch.setattr(Runtime, "executor", executor)
    monkeypatch.setattr(Runtime, "proxy_data", lambda self, data, proxy: PROXY_DATA)


def complaint(capsys: Capture, *arguments: str) -> str:
    """Run a command that must end with one line of complaint, nothing on stdout, nothing written; return the line."""
    before = sorted(Path().rglob("*"))
    assert run_command(list(arguments)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    line = captured.err.splitlines()[-1]
    assert line.startswith("ganetic: error: ")
    assert sorted(Path().rglob("*")) == before
    return line


@pytest.mark.usefixtures("pretended")
def test_compare_prints_tables_and_writes_files(in_folder: Path, capsys: Capture) -> None:
    command = ["compare", "bce", "hinge", "ganetic", "--seeds", "4", "--steps", "60", "-o", "out"]
    assert run_command(command) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert "3 losses, 4 seeds, 60 steps a training" in out and "fd over that of bce" in out
    assert all(f"out/{name}" in out and (in_folder / "out" / name).stat().st_size for name in FILES)
    assert run_command([*command, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["ended"] == record["total"] == 12
    assert run_command([*command, "--reference", "hinge"]) == 2
    assert "pairs" in capsys.readouterr().err.splitlines()[-1]


def test_compare_at_rates_of_their_own(in_folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Runtime, "executor", lambda self, context, steps: tunable(context))
    monkeypatch.setattr(Runtime, "proxy_data", lambda self, data, proxy: PROXY_DATA)
    command = ["compare", "bce", "hinge", "--seeds", "2", "--steps", "60", "-o", "out", "--tuning-seeds", "2"]
    tried = ["--rates", "5e-4, 1e-3,2e-3,4e-3", "--beta1s", "0,0.5"]
    assert run_command([*command, *tried]) == 0
    captured = capsys.readouterr()
    assert max(map(len, captured.out.splitlines())) <= 80
    assert "each loss at its own best of 8" in captured.out and "chosen on 2 seeds of their own" in captured.out
    assert "tuning: 1/32 trials" in captured.err
    for name in (*FILES, "tuning.csv", "tuning.md"):
        assert f"out/{name}" in captured.out and (in_folder / "out" / name).stat().st_size
    assert run_command([*command, *tried, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert {loss["name"]: loss["rates"]["learning_rate"] for loss in record["settings"]["losses"]} == {
        "bce": 1e-3,
        "hinge": 2e-3,
    }
    assert run_command(["compare", "bce", "hinge", "--seeds", "2", "--steps", "60", "-o", "out"]) == 2
    assert "out: was begun with learning rates" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.usefixtures("pretended")
def test_an_interrupted_comparison_says_how_to_go_on(
    in_folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(context: Context, payload: dict[str, object]) -> dict[str, object]:
        raise KeyboardInterrupt

    monkeypatch.setattr(Runtime, "executor", lambda self, context, steps: SerialExecutor(interrupted, context))
    assert run_command(["compare", "bce", "hinge", "--seeds", "1", "-o", "out"]) == 130
    assert "the same command with -o and the comparison directory goes on" in capsys.readouterr().err


@pytest.mark.usefixtures("pretended")
@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["compare"], ["LOSS"]),
        (["compare", "bce"], ["1 loss to compare"]),
        (["compare", "bce", "hing"], ['unknown loss "hing"', 'did you mean "hinge"?']),
        (["compare", "bce", "bce"], ["given twice"]),
        (["compare", "bce", "hinge", "--seeds", "0"], ["--seeds"]),
        (["compare", "bce", "hinge", "--steps", "0"], ["--steps"]),
        (["compare", "bce", "hinge", "--space", "quik"], ['did you mean "quick"?']),
        (["compare", "bce", "hinge", "--model", "msg"], ['unknown model "msg"', "dcgan"]),
        (["compare", "bce", "hinge", "--reference", "bec"], ['unknown reference "bec"', 'did you mean "bce"?']),
        ([*TWO, "--beta1s", "0,0.5"], ["--beta1s", "expected it with --rates"]),
        ([*TWO, "--tuning-seeds", "3"], ["--tuning-seeds", "expected it with --rates"]),
        ([*TWO, "--tuning-seeds", "0"], ["--tuning-seeds"]),
        ([*TWO, "--rates", "1e-3,fast"], ['--rates: "fast" is not a number; expected learning rates above 0', "5e-4"]),
        ([*TWO, "--rates", ""], ['--rates: "" is not a number']),
        ([*TWO, "--rates", "2e-3,1e-3"], ["--rates: 0.002, 0.001 must rise from one to the next; expected learning"]),
        ([*TWO, "--rates", "1e-3,1e-3"], ["must rise"]),
        ([*TWO, "--rates", "0,1e-3"], ["--rates: Input should be greater than 0; expected learning rates above 0"]),
        ([*TWO, "--rates", "nan"], ["--rates", "finite"]),
        ([*TWO, "--rates", "1e-3", "--beta1s", "0,1"], ["--beta1s: Input should be less than 1; expected β₁ from 0"]),
        ([*TWO, "--rates", "1e-3", "--beta1s", "x"], ['--beta1s: "x" is not a number; expected β₁ from 0']),
        (["confirm"], ["runs: no run there yet"]),
        (["confirm", "nowhere"], ["nowhere", "no run here"]),
        (["confirm", "nowhere", "--seeds", "101"], ["--seeds"]),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], parts: list[str], in_folder: Path, capsys: Capture) -> None:
    line = complaint(capsys, *arguments)
    for part in parts:
        assert part in line


def test_a_confirmation_without_any_trace_is_written_down_and_drawn(
    in_folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(SerialExecutor):
        def wait(self, timeout: float | None = None) -> list[JobResult]:
            ended = super().wait(timeout)
            return [JobResult(one.number, "timed_out", None, "it ran too long", 2, 9.0, one.node) for one in ended]

    run = new_small_run(in_folder / "run")
    monkeypatch.setattr(Runtime, "executor", lambda self, context, steps: Slow(pretend, context))
    capsys.readouterr()
    assert run_command(["confirm", "run", "--seeds", "2", "--pick", "fd"]) == 0
    (card,) = (run.directory / "confirmation").rglob("card.json")
    assert read_card(card).results[-1].failed == 2
    assert (card.parent / "curves.png").is_file() and (card.parent / "boxes.png").is_file()


def test_confirm_writes_the_card_and_what_may_be_claimed(
    in_folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Runtime, "executor", lambda self, context, steps: SerialExecutor(pretend, context))
    run = new_small_run(in_folder / "run")
    capsys.readouterr()
    assert run_command(["confirm", "run", "--seeds", "5", "--pick", "fd"]) == 0
    out = capsys.readouterr().out
    card = read_card(run.directory / "best.json")
    assert [result.role for result in card.results] == ["final", "confirmation"]
    assert f"{card.name} on 5 seeds that chose nothing, 200 steps each:" in out
    assert "May be claimed of fd@digits-cnn64/64 and dcgan32-w16" in out
    folder = run.directory / "confirmation" / f"{card.name}-5-seeds"
    assert {path.suffix for path in folder.glob("confirmation.*")} == {".json", ".csv", ".md", ".tex"}
    assert (run.directory / "best.py").is_file() and (run.directory / "best.tex").is_file()
    assert read_card(folder / "card.json") == card
    assert run_command(["confirm", "run", "--seeds", "1", "--pick", "fd"]) == 0
    capsys.readouterr()
    assert read_card(run.directory / "best.json") == card, "fewer seeds do not replace more"
    assert run_command(["confirm", "run", "--seeds", "5", "--pick", "fd", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["claims"][0].startswith(card.name)
    assert run_command(["show", "run"]) == 0
