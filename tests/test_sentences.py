"""Where the sentences of the package go: nowhere by themselves, and once each to the console of the command line."""

import io
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from ganetic.callbacks import Progress, ProgressCallback
from ganetic.report.progress.sentences import sentences_on
from tests.small_run import new_small_run

LOGGER = logging.getLogger("ganetic.evolution.search_loop")
LONG = (
    "runs/[red]a[/red] :bomb: 100%" + " of the trials" * 20
)  # no blank at its end, which versions of Rich keep or cut
SEARCH = """
import logging, sys
from pathlib import Path
from tests.small_run import new_small_run
if sys.argv[1:]:
    logging.basicConfig(level="INFO", format="%(levelname)s %(name)s: %(message)s")
new_small_run(Path("run"))
"""


def test_lines_of_a_file_are_whole_and_stand_there_as_they_were_said() -> None:
    file = io.StringIO()
    with sentences_on(Console(file=file, width=40)):
        LOGGER.info(LONG)
        LOGGER.warning("a warning")
        LOGGER.debug("nobody's business")
    LOGGER.warning("said when nobody listens any more")
    assert file.getvalue() == f"{LONG}\na warning\n"


def test_lines_on_a_terminal_are_wrapped() -> None:
    file = io.StringIO()
    with sentences_on(Console(file=file, width=40, force_terminal=True)):
        LOGGER.info(LONG)
    lines = file.getvalue().splitlines()
    assert max(map(len, lines)) <= 40
    assert " ".join(lines).split() == LONG.split()


def test_a_line_is_printed_once_and_logging_is_left_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    logger, root = logging.getLogger("ganetic"), logging.getLogger()
    before = (list(logger.handlers), logger.level, logger.propagate)
    other = logging.StreamHandler(sys.stderr)
    root.addHandler(other)
    try:
        with pytest.raises(KeyboardInterrupt), sentences_on(Console(stderr=True)):
            LOGGER.info("one line")
            raise KeyboardInterrupt
    finally:
        root.removeHandler(other)
    assert capsys.readouterr().err == "one line\n"
    assert (list(logger.handlers), logger.level, logger.propagate) == before


def in_process(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.run(
        [sys.executable, "-c", SEARCH, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )


def test_a_library_prints_nothing_unless_logging_is_set_up(tmp_path: Path) -> None:
    """Not even warnings, which Python prints by itself where a package has no handler."""
    (tmp_path / "silent").mkdir()
    silent = in_process(tmp_path / "silent")
    assert (silent.stdout, silent.stderr) == ("", "")
    said = in_process(tmp_path, "aloud").stderr.splitlines()
    assert "INFO ganetic.evolution.search: run directory run" in said
    assert "INFO ganetic.evolution.search_loop: search stopped after 40 trials (max_trials)" in said
    assert all(" ganetic." in line for line in said)


def test_sentences_and_progress_come_in_the_order_in_which_they_happen(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Notes(ProgressCallback[Progress]):
        def update(self, progress: Progress) -> None:
            if progress.phase not in phases:
                phases[progress.phase] = list(caplog.messages)

    phases: dict[str, list[str]] = {}
    caplog.set_level(logging.INFO, "ganetic")
    new_small_run(tmp_path / "run", Notes())
    stopped = "search stopped after 40 trials (max_trials)"
    assert f"run directory {tmp_path / 'run'}" in phases["searching"]
    assert stopped not in phases["searching"] + phases["draining"]
    assert phases["finals"][-1] == stopped
