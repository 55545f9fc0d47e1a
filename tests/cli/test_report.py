import webbrowser
from pathlib import Path
from shutil import copytree

import pytest

from ganetic.cli import run_command
from tests.small_run import small_run_directory


def test_report_writes_the_latest_run_and_prints_where(in_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copytree(small_run_directory(), "runs/mine")
    assert run_command(["report"]) == 0
    assert capsys.readouterr().out == "runs/mine/report.html\n"
    assert Path("runs/mine/report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_report_opens_a_browser_or_says_that_there_is_none(
    in_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def fail(address: str) -> bool:
        opened.append(address)
        return False

    monkeypatch.setattr(webbrowser, "open", fail)
    assert run_command(["report", str(small_run_directory()), "-o", "page.html", "--open"]) == 0
    assert opened == [(in_folder / "page.html").as_uri()]
    assert capsys.readouterr().err == "ganetic: no browser was found; open the file in one\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "nothing: there is no run here"),
        (["."], "not a run of which a report is made"),
        ([], "runs: no run there yet"),
        (["nothing", "-o", "no/page.html"], "no/page.html: the folder no does not exist"),
    ],
)
def test_errors_are_one_line(
    arguments: list[str], said: str, in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["report", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
