import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "runs" / "reference" / "paper"
HEAVY = ["torch", "torchvision", "ray", "deap", "sympy", "matplotlib", "sklearn"]
"""What takes a second or more to import, and no look at a run needs."""

PROGRAM = """
import json, sys, traceback
asked = {}
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name in HEAVY and name not in asked:
            ours = [f"{one.filename}:{one.lineno}" for one in traceback.extract_stack() if "/ganetic/" in one.filename]
            asked[name] = ours[-1] if ours else "another package"
HEAVY = json.loads(sys.argv[1])
sys.meta_path.insert(0, Watch())
from ganetic.cli import run_command
code = run_command(sys.argv[2:])
print(json.dumps([code, {name: asked.get(name, "?") for name in HEAVY if name in sys.modules}]))
"""


def imported(*arguments: str, heavy: list[str]) -> dict[str, str]:
    """Run a command in a process of its own; returns what it imported of the heavy, and the line of ours that asked."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(heavy), *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    code, found = json.loads(done.stdout.splitlines()[-1])
    assert code == 0, done.stderr
    return dict(found)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["show", "--help"],
        ["losses"],
        ["losses", "--json"],
        ["show", str(REFERENCE)],
        ["show", "--json", str(REFERENCE)],
    ],
    ids=lambda arguments: " ".join(arguments).replace(str(REFERENCE), "RUN"),
)
def test_a_command_that_only_reads_imports_nothing_that_trains(arguments: list[str]) -> None:
    found = imported(*arguments, heavy=HEAVY)
    said = "; ".join(f"{name}, first asked for at {place}" for name, place in found.items())
    assert not found, f"`ganetic {' '.join(arguments)}` imports {said}: it must answer in a second"


def test_who_asked_for_a_heavy_import_is_named() -> None:
    assert "ganetic/report/run.py" in imported("show", str(REFERENCE), heavy=["pandas"])["pandas"]


def test_the_library_is_listed_without_pandas() -> None:
    assert imported("losses", heavy=["pandas"]) == imported("losses", "--json", heavy=["pandas"]) == {}
