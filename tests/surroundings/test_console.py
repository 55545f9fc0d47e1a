"""Consoles that cannot print what we print: files come first, and what cannot be printed is written in other words."""

import io
import json
from pathlib import Path

import pytest

from ganetic.cli.streams import print_what_can_be
from ganetic.loss.card import read_card
from tests.small_run import small_run_directory
from tests.surroundings.machine import ganetic, printed

POSIX = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("ascii", "p^3 - p^2 ... x * lambda \\xff ?"),
        ("latin-1", "p³ - p² ... × · lambda \\xff ?"),
        ("cp1252", "p³ – p² … × · lambda \\xff ?"),
        ("utf-8", "p³ – p² … × · λ \\xff 木"),
    ],
)
def test_what_an_encoding_lacks_is_written_in_plain_characters(encoding: str, shown: str) -> None:
    buffer = io.BytesIO()
    stream = io.TextIOWrapper(buffer, encoding=encoding)
    print_what_can_be(stream)
    stream.write("p³ – p² … × · λ \udcff 木")
    stream.flush()
    assert buffer.getvalue().decode(encoding) == shown


@pytest.mark.usefixtures("pretended")
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_search_writes_its_pick_and_says_so(encoding: str, tomls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tomls / "run"
    code, out, err = printed(monkeypatch, encoding, "search", tomls / "space.toml", "--run", run, "--max-trials", "24")
    assert code == 0, err
    assert {"best.json", "best.py", "best.tex", "pareto.png"} <= {path.name for path in run.iterdir()}
    assert read_card(run / "best.json")
    assert "Finals on fresh seeds" in out and "What next:" in out


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize(
    "arguments",
    [("show", "RUN"), ("losses",), ("--help",), ("search", "--help"), ("plot", "RUN", "-o", "x.svg"), ("--version",)],
)
def test_every_command_prints(
    arguments: tuple[str, ...], encoding: str, in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = str(small_run_directory())
    code, out, err = printed(monkeypatch, encoding, *(run if word == "RUN" else word for word in arguments))
    assert (code, err) == (0, "")
    assert out


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize("arguments", [("show", "RUN", "--json"), ("losses", "--json")])
def test_json_stays_json(arguments: tuple[str, ...], encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = str(small_run_directory())
    code, out, _ = printed(monkeypatch, encoding, *(run if word == "RUN" else word for word in arguments))
    assert code == 0
    assert json.loads(out)


def test_an_error_is_one_line(in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for encoding in ("ascii", "latin-1"):
        code, out, err = printed(monkeypatch, encoding, "search", "spaces/…/ü.toml")
        assert (code, out) == (2, "")
        assert err.startswith("ganetic: error: spaces/") and err.count("\n") == 1


def test_several_spaces_in_a_path_stay(in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "my  run: " in printed(monkeypatch, "utf-8", "show", "my  run")[2]


@pytest.mark.slow
@pytest.mark.parametrize("variables", [POSIX, {"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1"}])
def test_in_a_process_of_that_locale(variables: dict[str, str], tomls: Path, cache: Path) -> None:
    surroundings = {**variables, "GANETIC_CACHE": str(cache), "HOME": str(tomls)}
    arguments = ["search", "space.toml", "--run", "run", "--max-trials", "24"]
    done = ganetic(arguments, tomls, module="tests.surroundings.pretending", **surroundings)
    assert done.returncode == 0, done.stderr
    assert read_card(tomls / "run" / "best.json")
    for command in (["show", "run"], ["losses"]):
        assert ganetic(command, tomls, **surroundings).returncode == 0
