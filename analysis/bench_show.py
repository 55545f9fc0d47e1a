"""Measures how long `ganetic show` takes, as typed: the whole process, from the shell's fork to its exit.

    python -m analysis.bench_show [--runs 9] [--trials 100000] [FOLDER …]

Commands: `--help`, `losses`, `show` of a reference run, and `show` of a made run of 100,000 trials (the journal of
`analysis.bench_replay`). FOLDERs are checkouts of other versions, which are measured in turn with this one, so that a
machine that does other things slows all of them alike; `git worktree add --detach FOLDER COMMIT` makes one. Bytecode is
kept in a folder of its own, as an installed package has it, and a first run of each command is not counted.

Medians of 9 runs in seconds, from start to exit, and of these the processor's in user mode. *Before* is commit 3924ffd.
The machine: two cores of a virtual AMD EPYC that trained other things meanwhile (load 3.2, this at nice 8), Python
3.11.7, OMP_NUM_THREADS=1.

| command | before | user | after | user |
| --- | ---: | ---: | ---: | ---: |
| `ganetic --help` | 0.10 | 0.08 | 0.09 | 0.08 |
| `ganetic losses` | 4.32 | 3.49 | 0.76 | 0.62 |
| `ganetic show runs/reference/paper` | 4.31 | 3.40 | 0.82 | 0.62 |
| `ganetic show MADE`, 100,000 trials | 5.26 | 4.24 | 1.66 | 1.27 |

Where it went: torch took 2.1 s of the processor, scipy.stats (which only self-tests of features need) 0.6; the cyclic
collector's share of what is left was 0.35, half of it while the interpreter ended.

What is left, in seconds of the processor: pandas 0.21, scipy.special 0.14 (the sigmoid, the t tests of the finals), our
own modules 0.12 (pydantic's models), pydantic 0.07, Typer 0.05, numpy 0.05, Rich 0.02, and the run itself: 0.07 for the
reference. Of 100,000 trials it takes 0.9: SQLite's check of the file 0.1, the short form of all trials 0.2, the front
0.3 (of it two thirds to tell who may stand on it), the rejections, summed in SQLite, 0.25. No record is validated but
those of the few trials whose losses may be on the front.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from analysis.bench_replay import write_run
from ganetic.errors import run_script

ROOT = Path(__file__).parents[1]
REFERENCE = "runs/reference/paper"


class Took(NamedTuple):
    """What one command took, in seconds: from start to exit, and of these the processor in user mode and the kernel."""

    wall: float
    user: float
    system: float


def commands(made: Path) -> dict[str, list[str]]:
    """The commands to measure, by the name under which they are shown."""
    return {
        "ganetic --help": ["--help"],
        "ganetic losses": ["losses"],
        f"ganetic show {REFERENCE}": ["show", str(ROOT / REFERENCE)],
        "ganetic show MADE": ["show", str(made)],
    }


def took(checkout: Path, arguments: Sequence[str], bytecode: Path) -> Took:
    """Run a command of a checkout once, in a process of its own."""
    settings = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    settings |= {"PYTHONPATH": str(checkout), "PYTHONPYCACHEPREFIX": str(bytecode)}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "ganetic", *arguments], cwd=checkout, env=settings, stdout=subprocess.DEVNULL, check=True
    )
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Took(wall, after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime)


def measured(checkouts: Sequence[Path], made: Path, runs: int, bytecode: Path) -> dict[tuple[str, Path], Took]:
    """The medians of each command in each checkout; the checkouts take turns."""
    table = {}
    for name, arguments in commands(made).items():
        found: dict[Path, list[Took]] = {checkout: [] for checkout in checkouts}
        for number in range(runs + 1):
            for checkout in checkouts:
                one = took(checkout, arguments, bytecode)
                if number:  # the first one writes bytecode
                    found[checkout].append(one)
        for checkout, ones in found.items():
            table[name, checkout] = Took(*(statistics.median(values) for values in zip(*ones, strict=True)))
    return table


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description="Measure how long `ganetic show` takes.")
    parser.add_argument("--runs", type=int, default=9, help="how often each command runs")
    parser.add_argument("--trials", type=int, default=100_000, help="of the made run")
    parser.add_argument("others", nargs="*", type=Path, metavar="FOLDER", help="checkouts of other versions")
    given = parser.parse_args()
    checkouts = [*(folder.resolve() for folder in given.others), ROOT]
    with tempfile.TemporaryDirectory(prefix="ganetic-") as folder:
        made = Path(folder) / "made"
        made.mkdir()
        write_run(made, given.trials)
        table = measured(checkouts, made, given.runs, Path(folder) / "bytecode")
    print(f"Medians of {given.runs} runs; MADE has {given.trials:,} trials; load {os.getloadavg()[0]:.1f}.\n")
    print("| command | version | seconds | user | kernel |\n| --- | --- | ---: | ---: | ---: |")
    for (name, checkout), one in table.items():
        version = "this" if checkout == ROOT else checkout.name
        print(f"| `{name}` | {version} | {one.wall:.2f} | {one.user:.2f} | {one.system:.2f} |")


if __name__ == "__main__":
    run_script(main)
