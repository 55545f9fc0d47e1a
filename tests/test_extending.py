"""docs/extending.md: its code runs in a process of its own, what it registers works, its table names what is there."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from ganetic.data.data_source import DATA
from ganetic.gan.model import MODELS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")

AFTERWARDS = """
from contextlib import redirect_stdout
from io import StringIO
from ganetic.cli import run_command
from ganetic.evolution.resources import Runtime
from ganetic.jobs.executor import SerialExecutor
from ganetic.loss.formula import Formula
from tests.evolution.fakes import PROXY_DATA
from tests.small_run import pretend

Runtime.executor = lambda self, context, steps: SerialExecutor(pretend, context)
Runtime.proxy_data = lambda self, data, proxy: PROXY_DATA
Path("spread.toml").write_text('losses = ["bce", "lsgan"]')
for _ in range(2):  # the second time nothing is left to train
    assert run_command(["study", "spread", "spread.toml", "-o", "spread"]) == 0
assert run_command(["study", "spread", "spread.toml", "-o", "other", "--json"]) == 0
assert run_command(["evaluate", "run"]) == 0
assert Formula.of("label", {"loss": "softsign(p)"}).readable == "softsign(p)"
assert run_command(["train", "bce", "--config", "tiny.toml", "--data", "stripes:8", "--run", "few"]) == 2
assert run_command(["train", "bce", "--config", "tiny.toml", "--data", "stripes", "--run", "none"]) == 2
"""


def code_blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_the_code_runs_and_what_it_registers_works(tmp_path: Path) -> None:
    code = "\n".join(code_blocks("python"))
    done = subprocess.run(
        [sys.executable, "-c", code + AFTERWARDS],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "GANETIC_CACHE": str(tmp_path / "cache"), "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "The lowest and the highest fd of three seeds." in done.stdout
    assert re.search(r"^brightness +\d+\.\d{3} .* as the floor *$", done.stdout, re.MULTILINE)
    said = [line for line in done.stderr.splitlines() if line.startswith("ganetic: error:")]
    assert said == [
        "ganetic: error: stripes:8: 8 images are too few; expected at least 16",
        'ganetic: error: unknown data set "stripes"; expected one of cifar10, digits, fashion-mnist, folder:DIR, '
        "histology, mapped:FILE, medmnist:NAME@SIZE, mnist, mnist5k, npz:FILE, stripes:COUNT; did you mean "
        '"stripes:COUNT"?',
    ]


def test_each_is_shown_in_about_ten_lines() -> None:
    examples = [block for block in code_blocks("python") if "register" in block or "LibraryLoss" in block]
    assert len(examples) == 7
    for block in examples:
        lines = [line for line in block.splitlines() if line.strip() and "import " not in line]
        assert len(lines) <= 18, block


def test_entry_points_go_into_the_groups_that_are_read() -> None:
    (block,) = code_blocks("toml")
    groups = tomllib.loads(block)["project"]["entry-points"]
    assert list(groups) == [MODELS.group, DATA.group]


def test_the_table_names_what_is_there() -> None:
    places = re.findall(r"`(ganetic/[^`]+)`", PAGE.partition("## A model")[0])
    assert len(places) >= 12
    for place in places:
        assert (ROOT / place).exists(), place
