import json
import os
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from ganetic.cli import run_command
from ganetic.cli.options import seconds_of
from ganetic.errors import UserError
from ganetic.evolution.resources import Runtime
from ganetic.evolution.results import open_run
from ganetic.jobs.executor import Executor, SerialExecutor
from ganetic.loss.card import read_card
from ganetic.loss.library import LIBRARY
from ganetic.training.proxy_data import ProxyData
from tests.small_run import SPACE, pretend, small_run_directory

SPACE_TOML = """
name = "small"
data = "digits"
form = "label"
operators = ["add", "sub", "mul", "div", "neg", "square", "sqrt", "log", "exp"]
trees = { max_nodes = 16 }
evolution = { population = 8, window = 4, reduction_factor = 2 }
rungs = [{ steps = 100, seeds = 1 }, { steps = 100, seeds = 3 }]
finals = { finalists = 3, seeds = 3, steps = 200 }
proxies = [{ images = 64 }]
kill = []
stop = { max_trials = 40 }
"""

COMMANDS = (
    *("search", "resume", "show", "export", "plot", "score", "losses"),
    *("calibrate", "compare", "confirm", "train", "generate", "evaluate"),
)

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> None:
    def executor(self: Runtime, proxy_data: ProxyData, steps: int) -> Executor:
        return SerialExecutor(pretend, proxy_data)

    monkeypatch.setattr(Runtime, "executor", executor)
    monkeypatch.setattr("ganetic.jobs.ray_executor.begin", lambda *_: nullcontext())


def complaint(capsys: Capture, *arguments: str | Path, code: int = 2) -> str:
    """Run a command that must end with one line of complaint, nothing on stdout, nothing written; return the line."""
    before = sorted(Path().rglob("*"))
    assert run_command([str(argument) for argument in arguments]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("ganetic: error: ")
    assert sorted(Path().rglob("*")) == before
    return line


def installed(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("ganetic")
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["search", "--help"], []])
def test_help_waits_for_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys; from ganetic.cli import run_command; run_command(sys.argv[1:]);"
        "print('HEAVY', sorted(sys.modules.keys() & {'torch', 'ray', 'sympy', 'deap', 'numpy', 'pandas'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "HEAVY []"


def test_installed_program_names_its_commands_and_version() -> None:
    text = installed("--help").stdout
    assert all(command in text for command in COMMANDS)
    assert max(map(len, text.splitlines())) <= 80
    assert "..." not in text.partition("Commands:")[2], "a summary is cut off"
    assert installed("--version").stdout.startswith("ganetic ")


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("1h30m", 5400), ("0.5m", 30), ("1h 5s", 3605)]
)
def test_times(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds
    assert seconds_of(None) is None


@pytest.mark.parametrize("text", ["", "30", "m", "30min", "1m1h", "-5m", "0s", "nan", "1e3s"])
def test_bad_times(text: str) -> None:
    with pytest.raises(UserError, match="expected one such as 90s, 30m or 1h30m"):
        seconds_of(text)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["serch"], ["serch", "search"]),
        (["search", "--sed", "3"], ["--sed", "--seed"]),
        (["search", "--seed", "x"], ["--seed"]),
        (["search", "--workers", "0"], ["--workers"]),
        (["search", "--time-budget", "30"], ['"30"', "30m"]),
        (["search", "quik"], ['unknown search space "quik"', 'did you mean "quick"?']),
        (["search", "missing.toml"], ["missing.toml: cannot be read"]),
        (["search", "--data", "mnits"], ['"mnits"', 'did you mean "mnist']),
        (["search", "--data", "npz:missing.npz"], ["missing.npz"]),
        (["search", "--features", "imagnet"], ["--features", 'did you mean "imagenet"?']),
        (["search", "--features", "resnet19:a.pt"], ["--features", 'did you mean "resnet18"?']),
        (["search", "--sha256", "01234567"], ["--sha256", "are in no file"]),
        (["search", "--features", "resnet18:a.pt", "--sha256", "zz"], ["expected 8 to 64 hex digits"]),
        (["compare", "all", "--features", "imagnet"], ["--features", 'did you mean "imagenet"?']),
        (["score", "bcee"], ['unknown loss "bcee"', 'did you mean "bce"?']),
        (["score", "pwo(p, 2)"], ['unknown operator "pwo"']),
        (["score", "add(p"], ["ends too early"]),
        (["score", "bce", "--seeds", "0"], ["--seeds"]),
        (["score", "missing.json"], ["missing.json"]),
        (["score", "bce", "--space", "quik"], ['did you mean "quick"?']),
        (["show"], ["runs: no run there yet"]),
        (["show", "nowhere"], ["nowhere", "no run here"]),
        (["resume", "nowhere"], ["nowhere", "no run here"]),
        (["export", "best.json"], ["runs: no run there yet"]),
        (["plot", "nowhere"], ["nowhere", "no run here"]),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], parts: list[str], in_folder: Path, capsys: Capture) -> None:
    line = complaint(capsys, *arguments)
    for part in parts:
        assert part in line


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (('"exp"]', '"exp", "pwo"]'), '"pwo"; expected one of'),
        (("window =", "windw ="), 'did you mean "window"?'),
        (('form = "label"', 'form = "lable"'), "form"),
        (("population = 8", "population = -8"), "evolution.population"),
        (("name =", "name"), "not valid TOML"),
        (("stop = { max_trials = 40 }", ""), 'key "stop" is missing'),
    ],
)
def test_bad_spaces_are_refused(change: tuple[str, str], part: str, in_folder: Path, capsys: Capture) -> None:
    Path("my.toml").write_text(SPACE_TOML.replace(*change), encoding="utf-8")
    line = complaint(capsys, "search", "my.toml")
    assert "my.toml: " in line and part in line


HOSTILE: dict[str, dict[str, object]] = {
    "code": {"expressions": {"loss": "__import__('os').system('touch hacked')"}},
    "depth": {"expressions": {"loss": "neg(" * 5000 + "p" + ")" * 5000}},
    "bomb": {"expressions": {"loss": "cube(" * 16 + "9" + ")" * 16}},
    "version": {"schema": "ganetic.loss/2"},
    "slots": {"slots": {"d_real": "p", "d_fake": "p", "g_fake": "p"}},
    "missing": {"expressions": {}},
}


@pytest.mark.parametrize("attack", HOSTILE)
def test_hostile_cards_are_refused(attack: str, in_folder: Path, capsys: Capture) -> None:
    run_command(["export", "good.json", "--run", str(small_run_directory())])
    capsys.readouterr()
    card = {**json.loads(Path("good.json").read_text(encoding="utf-8")), **HOSTILE[attack]}
    Path("card.json").write_text(json.dumps(card), encoding="utf-8")
    assert "card.json" in complaint(capsys, "score", "card.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, '{"schema": NaN}', "\x00"])
def test_what_is_no_card_is_refused(text: str, in_folder: Path, capsys: Capture) -> None:
    Path("card.json").write_text(text, encoding="utf-8")
    assert "card.json" in complaint(capsys, "score", "card.json")


def damaged(directory: Path, how: str) -> Path:
    run = directory / "run"
    shutil.copytree(small_run_directory(), run)
    journal = run / "journal.db"
    content = journal.read_bytes()
    if how == "truncated":
        journal.write_bytes(content[: len(content) // 2])
    elif how == "overwritten":
        journal.write_bytes(content[:4096] + os.urandom(len(content) - 4096))
    elif how == "empty":
        journal.write_bytes(b"")
    elif how == "text":
        journal.write_bytes(b"not a journal " * 1000)
    else:
        journal.unlink()
    return run


@pytest.mark.parametrize("how", ["truncated", "overwritten", "empty", "text", "gone"])
@pytest.mark.parametrize("command", ["show", "resume", "plot"])
def test_damaged_journals_are_refused(how: str, command: str, in_folder: Path, capsys: Capture) -> None:
    run = damaged(in_folder, how)
    before = {file.name: file.read_bytes() for file in run.iterdir() if file.name != "lock"}
    assert "run" in complaint(capsys, command, run)
    assert {file.name: file.read_bytes() for file in run.iterdir() if file.name != "lock"} == before


def test_dry_run_prints_the_resolved_settings_and_writes_nothing(in_folder: Path, capsys: Capture) -> None:
    assert run_command(["search", "quick", "--dry-run", "--seed", "7"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["seed"] == 7 and plan["data"] == "mnist5k" and plan["space"]["name"] == "quick"
    assert not list(in_folder.iterdir())


@pytest.mark.usefixtures("pretended")
def test_search_stop_resume_and_all_that_follows(in_folder: Path, capsys: Capture) -> None:
    Path("my.toml").write_text(SPACE_TOML, encoding="utf-8")
    assert run_command(["search", "my.toml", "--run", "run", "--seed", "3", "--max-trials", "24"]) == 0
    captured = capsys.readouterr()
    for name in ("best.json", "best.py", "best.tex", "pareto.png"):
        assert f"run/{name}" in captured.out.splitlines()
        assert Path("run", name).stat().st_size > 0
    for part in ("small on digits, seed 3: finished", "Finals on fresh seeds", "ganetic confirm run"):
        assert part in captured.out
    assert "finals: " in captured.err and "run directory run" in captured.err
    card = read_card(Path("run/best.json"))
    assert card.provenance.seed == 3 and card.results[0].role == "final"

    assert run_command(["show", "run", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["status"] == "finished" and record["finals"]

    assert "finished" in complaint(capsys, "resume", "run")
    assert "exists already" in complaint(capsys, "search", "my.toml", "--run", "run")

    assert run_command(["resume", "run", "--max-trials", "32"]) == 0
    assert "small on digits, seed 3: finished" in capsys.readouterr().out

    for kind in ("progress", "loss"):
        assert run_command(["plot", "run", "--kind", kind, "-o", f"{kind}.svg"]) == 0
        assert capsys.readouterr().out == f"{kind}.svg\n"
        assert Path(f"{kind}.svg").read_text(encoding="utf-8").startswith("<?xml")
    assert 'did you mean "pareto"?' in complaint(capsys, "plot", "run", "--kind", "paretto")


@pytest.mark.usefixtures("pretended")
def test_random_search_says_so_everywhere(in_folder: Path, capsys: Capture) -> None:
    Path("my.toml").write_text(SPACE_TOML, encoding="utf-8")
    assert run_command(["search", "my.toml", "--random", "--dry-run"]) == 0
    assert json.loads(capsys.readouterr().out)["space"]["evolution"]["random"] is True

    assert run_command(["search", "my.toml", "--random", "--seed", "3", "--max-trials", "24"]) == 0
    captured = capsys.readouterr()
    (run,) = Path("runs").iterdir()
    assert run.name.endswith("-small-random-digits-s3")
    assert "small (random search) on digits, seed 3: finished" in " ".join(captured.out.split())
    assert set(open_run(run).individuals()["origin"]) == {"random"}

    assert run_command(["show", str(run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["random"] is True
    assert run_command(["resume", str(run), "--max-trials", "32"]) == 0
    capsys.readouterr()
    assert set(open_run(run).individuals()["origin"]) == {"random"}

    assert run_command(["search", "my.toml", "--seed", "3", "--max-trials", "24", "--run", "base"]) == 0
    capsys.readouterr()
    assert run_command(["plot", "base", "--kind", "progress", "--beside", str(run), "-o", "both.svg"]) == 0
    assert capsys.readouterr().out == "both.svg\n"
    drawn = Path("both.svg").read_text(encoding="utf-8")
    assert "base (24 trials)" in drawn and f"{run.name} (32 trials)" in drawn
    assert "only" in complaint(capsys, "plot", "base", "--beside", run)


@pytest.mark.parametrize("pick", ["knee", "fd", "0"])
def test_export_writes_a_card_a_module_and_a_formula(pick: str, in_folder: Path, capsys: Capture) -> None:
    assert run_command(["export", "loss.json", "--run", str(small_run_directory()), "--pick", pick]) == 0
    assert capsys.readouterr().out.splitlines() == ["loss.json", "loss.py", "loss.tex"]
    assert sorted(file.name for file in in_folder.iterdir()) == ["loss.json", "loss.py", "loss.tex"]
    card = read_card(Path("loss.json"))
    if pick == "0":
        assert card.provenance.individual == 0


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["best.json", "--pick", "kne"], 'unknown pick "kne"'),
        (["best.json", "--pick", "9999"], "no individual 9999"),
        (["best.txt"], "ends in .json"),
        (["nowhere/best.json"], "does not exist"),
    ],
)
def test_bad_exports(arguments: list[str], part: str, in_folder: Path, capsys: Capture) -> None:
    assert part in complaint(capsys, "export", *arguments, "--run", small_run_directory())


@pytest.mark.parametrize("name", ["figure.pgn", "nowhere/figure.png"])
def test_bad_figure_names(name: str, in_folder: Path, capsys: Capture) -> None:
    assert name in complaint(capsys, "plot", small_run_directory(), "-o", name)


def test_losses_as_table_and_as_json(capsys: Capture) -> None:
    assert run_command(["losses"]) == 0
    text = capsys.readouterr().out
    assert run_command(["losses", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == list(LIBRARY)
    assert all(name in text for name in LIBRARY)


@pytest.mark.usefixtures("pretended")
def test_score_as_table_and_as_json(in_folder: Path, capsys: Capture) -> None:
    Path("my.toml").write_text(SPACE_TOML, encoding="utf-8")
    arguments = ["score", "square(sub(p, y))", "--space", "my.toml", "--seeds", "2"]
    assert run_command(arguments) == 0
    text = capsys.readouterr().out
    assert "real against real" in " ".join(text.split()) and "0 of 2 seeds failed" in text
    assert run_command([*arguments, "--json"]) == 0
    score = json.loads(capsys.readouterr().out)
    assert score["steps"] == SPACE.finals.steps
    assert len(score["seeds"]) == 2


def test_our_own_errors_are_one_line_and_a_log(
    in_folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("first line\nsecond line")

    monkeypatch.setattr("tempfile.tempdir", str(in_folder))
    monkeypatch.setattr("ganetic.report.losses.losses_page", broken)
    assert run_command(["losses"]) == 1
    line = capsys.readouterr().err
    assert line.startswith("ganetic: error: ZeroDivisionError: first line; details in ")
    assert line.count("\n") == 1
    log = Path(line.strip().rpartition(" ")[2])
    assert "Traceback" in log.read_text(encoding="utf-8")


def test_interrupt_is_one_line(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ganetic.report.losses.losses_page", interrupted)
    assert run_command(["losses"]) == 130
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.slow
@pytest.mark.usefixtures("pretended")
def test_a_run_keeps_the_features_that_were_asked_for(in_folder: Path, capsys: Capture) -> None:
    Path("small.toml").write_text(SPACE_TOML)
    assert run_command(["search", "small.toml", "--run", "run", "--features", "auto", "--max-trials", "8"]) == 0
    begun = open_run(Path("run"))
    assert "digits: features: imagenet32, as cnn " in " ".join(capsys.readouterr().err.split())
    assert begun.config.metric == "fd@digits-efflite0-b4b10@32/64"
    assert begun.config.space.proxies[0].features == "auto"
    assert run_command(["resume", "run", "--max-trials", "12"]) == 0
    assert open_run(Path("run")).asked == 12
