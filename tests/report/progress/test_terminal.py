"""What real terminals are written: a child process draws a search on a pseudo-terminal of this test."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganetic.report.progress.terminal import Parts

DRAWS = """
import logging
from rich.console import Console
from ganetic.callbacks import Progress, TopIndividual
from ganetic.report.progress.search import progress_on
from ganetic.report.progress.sentences import sentences_on

console = Console(stderr=True, highlight=False)
top = (TopIndividual(5, "sqrt(p)", 82.0, 0.25, 3),)
with sentences_on(console), progress_on(console) as callback:
    for seconds in (0.0, 20.0):
        callback.update(Progress("searching", 9, 7, 2, 40, seconds, {"completed": 7}, {}, top, 2))
    logging.getLogger("ganetic").info("something was said")
"""

COLOUR = re.compile(r"\x1b\[[0-9;]*(?:3[0-9]|4[0-9]|9[0-7])[0-9;]*m")
"""An escape sequence that chooses a colour: 30 to 49, or 90 and above."""


def on_a_terminal(surroundings: Mapping[str, str]) -> str:
    """Return all that the child writes to a terminal of 80 columns."""
    others = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLORTERM")}
    ours, theirs = pty.openpty()
    wide = {"COLUMNS": "80", "LINES": "24", **surroundings}
    with subprocess.Popen([sys.executable, "-c", DRAWS], stderr=theirs, env={**others, **wide}) as child:
        os.close(theirs)
        written = b""
        while part := _read(ours):
            written += part
    os.close(ours)
    assert child.returncode == 0, written
    return written.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says so when the other end is closed
        return b""


def test_a_dumb_terminal_gets_no_escape_code_and_the_lines_of_a_pipe() -> None:
    text = on_a_terminal({"TERM": "dumb"})
    assert "\x1b" not in text
    assert text.count("searching: 7/40 trials") == 2 and "something was said" in text


def test_no_color_leaves_a_live_display_without_colours() -> None:
    text = on_a_terminal({"TERM": "xterm-256color", "NO_COLOR": "1"})
    assert "\x1b[2K" in text, "it draws over what it has drawn"
    assert not COLOUR.search(text)
    assert "7/40 trials" in text and "something was said" in text


@pytest.mark.parametrize("term", ["xterm-256color", "tmux-256color", "screen"])
def test_other_terminals_get_colours(term: str) -> None:
    text = on_a_terminal({"TERM": term})
    assert "\x1b[2K" in text and COLOUR.search(text)
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l"), "the cursor is shown again"


@given(
    st.lists(st.text("ab ²", min_size=1, max_size=20), min_size=1, max_size=9),
    st.text("xy ", max_size=9),
    st.integers(1, 60),
)
def test_parts_are_broken_only_between_them_and_only_where_they_must(parts: list[str], title: str, width: int) -> None:
    lines = Parts(parts, title).lines(width)
    assert title + "".join(line[len(title) :] + " " for line in lines).rstrip(" ") == (
        title + ", ".join(parts).rstrip(" ")
    )
    longest = max(len(part) for part in parts) + len(title) + 1
    assert max(map(len, lines)) <= max(width, longest)
