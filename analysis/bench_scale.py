"""What many workers and many trials cost the driver of a search: one table for each question.

    python -m analysis.bench_scale slots    [--slots 64 512] [--mean 30] [--rounds 8] [--wait]
    python -m analysis.bench_scale trials   [--counts 1000 10000 100000]
    python -m analysis.bench_scale replay   [--counts 1000 10000 100000]
    python -m analysis.bench_scale data     [--gib 2] [--hosts 3]
    python -m analysis.bench_scale first    [--starts 3] [--beside FOLDER …]
    python -m analysis.bench_scale table

What was measured is kept in `analysis/scale.json`, each row when it is done, and not measured again; `--again` does.
`table` prints what is there. `analysis/scale.md` says what the columns mean. All times but those of `slots --wait`,
`data` and `first` are processor seconds, which other work on the machine hardly changes.
"""

import argparse
import json
import math
import multiprocessing
import os
import platform
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from analysis.bench_replay import configuration, replayed, write_run
from analysis.scale_data import data_row, write_set
from analysis.sleeping import START_FD, Skipping, SleepingExecutor, StopAtTheEnd, Waiting, made_up, peak_bytes
from ganetic.errors import run_script
from ganetic.evolution.config import RunConfig
from ganetic.evolution.individual import Scale
from ganetic.evolution.results import JOURNAL
from ganetic.evolution.sampler import NSGA2Sampler
from ganetic.evolution.search_loop import SearchLoop
from ganetic.evolution.space import SearchSpace, load_space
from ganetic.evolution.trial_maker import TrialMaker
from ganetic.evolution.trial_request import TrialRequest
from ganetic.files import write_whole
from ganetic.interrupt import Interrupt
from ganetic.jobs.journal import Journal
from ganetic.training.result import TrialResult

KEPT = Path(__file__).with_name("scale.json")
SPACE = "cluster"
CANDIDATES = 20
"""Viable children of which neighbours choose one."""
WINDOW_A_SLOT = 4
"""Trials in flight for each slot, as `ganetic search` advises."""
BRED = 500
"""Losses that a search bred, whose constants are varied for the many that a long search has submitted."""
ASKED = 100
"""Trials asked for and told of at each length."""
CLIMBS = 0.5
"""Share of the losses that train that climb to the second rung: of all, the quarter that the space lets climb."""

Row = dict[str, Any]


def slots_row(slots: int, mean: float, rounds: int, waits: bool) -> Row:
    """What a search of so many slots costs, while its trials sleep."""
    space = _space(window=WINDOW_A_SLOT * slots)
    executor, interrupt = SleepingExecutor(slots, mean, Waiting() if waits else Skipping()), Interrupt()
    watch = StopAtTheEnd(executor, interrupt)
    with tempfile.TemporaryDirectory(prefix="ganetic-") as folder:
        config = _config(space)
        meta = {"config": config.model_dump(mode="json"), "made_with": {}}
        with Journal.create(Path(folder) / JOURNAL, meta) as journal:
            SearchLoop(config, journal, executor, watch, rounds * slots, None).drive(interrupt)
        size = (Path(folder) / JOURNAL).stat().st_size
    first, last = executor.filled, watch.last
    assert first is not None and last is not None
    seconds, driver, ended = last.at - first.at, last.driver - first.driver, last.ended - first.ended
    return {
        "slots": slots,
        "clock": "waiting" if waits else "skipping",
        "mean seconds": mean,
        "window": WINDOW_A_SLOT * slots,
        "trials": ended,
        "busy": (last.busy - first.busy) / slots / seconds,
        "driver": driver / seconds,
        "ms a trial": 1000 * driver / ended,
        "seconds until full": first.at,
        "memory MiB": peak_bytes() / 2**20,
        "journal bytes": size / (rounds * slots),
    }


def _space(window: int, candidates: int = 1) -> SearchSpace:
    space = load_space(SPACE)
    evolution = space.evolution.model_copy(update={"window": window, "candidates": candidates})
    return space.model_copy(update={"evolution": evolution})


def _config(space: SearchSpace) -> RunConfig:
    """What a run is a function of; no rule stops its trials, which would ask for measurements at other steps."""
    config = configuration(space)
    return config.model_copy(update={"measures": tuple(one.model_copy(update={"kill": ()}) for one in config.measures)})


class LongSearch:
    """A search that has come far without having been bred: what it submitted are variants of losses that were.

    Args:
        candidates: see `ganetic.evolution.space.Evolution.candidates`.
    """

    def __init__(self, candidates: int) -> None:
        self._space = _space(window=256, candidates=candidates)
        self._trials = TrialMaker(_config(self._space))
        self._stream = random.Random(0)
        self._sampler = NSGA2Sampler(self._space, 0, (Scale(START_FD, 3.0),))
        self._base: list[TrialRequest] = []
        self.count = 0

    def go_on(self, count: int) -> None:
        """Submit and tell until there were so many trials."""
        while self.count < min(count, BRED):
            _, _, proposal = self.ask_and_tell()
            if proposal.kind == "child":
                self._base.append(proposal)
        while self.count < count:
            self._climb(self._variant())

    def ask_and_tell(self) -> tuple[float, float, TrialRequest]:
        """Processor seconds of asking for a trial and of telling its result, and the trial."""
        began = time.process_time()
        proposal = self._sampler.ask(self.count)
        asked = time.process_time()
        result = self._result(proposal)
        before = time.process_time()
        self._sampler.tell(proposal, result)
        self.count += 1
        return asked - began, time.process_time() - before, proposal

    def _climb(self, proposal: TrialRequest) -> None:
        """Submit and tell a loss, and where it trains, by chance, the trials of the second rung."""
        result = self._submit(proposal)
        individual = self._sampler.individuals[proposal.individual]
        if result.state != "completed" or self._stream.random() > CLIMBS:
            return
        while (trial := individual.next_trial(self._space.rungs, 1, 1)) is not None:
            again = {"kind": "reseed", "rung": 1, "slot": trial[0], "steps": trial[1], "rejections": {}}
            self._submit(proposal.model_copy(update=again))

    def _submit(self, proposal: TrialRequest) -> TrialResult:
        self._sampler.register(proposal)
        result = self._result(proposal)
        self._sampler.tell(proposal, result)
        self.count += 1
        return result

    def _variant(self) -> TrialRequest:
        base, number = self._stream.choice(self._base), len(self._sampler.individuals)
        text = re.sub(r"\d+\.\d+", lambda _: f"{self._stream.uniform(0.1, 5):.4g}", base.text)
        return base.model_copy(update={"individual": number, "text": text, "fingerprint": f"{number:016x}"})

    def _result(self, proposal: TrialRequest) -> TrialResult:
        return TrialResult.model_validate(made_up(self._trials.of_search(proposal).model_dump(mode="json")))


def trials_rows(counts: Sequence[int], candidates: int) -> Iterator[Row]:
    """What asking and telling cost after so many trials."""
    search = LongSearch(candidates)
    for count in counts:
        search.go_on(count)
        found = [search.ask_and_tell() for _ in range(ASKED)]
        bred = [one for *_, one in found if one.kind == "child"]
        yield {
            "trials": count,
            "candidates": candidates,
            "ask ms": 1000 * statistics.fmean(ask for ask, _, _ in found),
            "tell ms": 1000 * statistics.fmean(tell for _, tell, _ in found),
            "children": len(bred),
            "draws a child": sum(1 + sum(one.rejections.values()) for one in bred) / max(1, len(bred)),
            "memory MiB": peak_bytes() / 2**20,
        }


def replay_row(count: int) -> Row:
    """What it costs to take in a journal of so many trials."""
    with tempfile.TemporaryDirectory(prefix="ganetic-") as folder:
        directory = Path(folder)
        config = write_run(directory, count)
        size = (directory / JOURNAL).stat().st_size
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            seconds, memory = pool.submit(_replayed, directory, config, count).result()
    return {"trials": count, "seconds": seconds, "memory MiB": memory / 2**20, "journal bytes": size / count}


def _replayed(directory: Path, config: RunConfig, count: int) -> tuple[float, int]:
    began = time.process_time()
    replayed(directory, config, count)
    return time.process_time() - began, peak_bytes()


def exponent(counts: Sequence[float], costs: Sequence[float]) -> float:
    """The slope of a line through the logarithms: 0 for a cost that does not grow, 1 for one that grows alike."""
    return statistics.linear_regression([math.log(one) for one in counts], [math.log(one) for one in costs]).slope


def first_row(folder: Path, space: str, workers: int) -> Row:
    """Wall time from the command to the first trial in the journal, and the driver's processor time until then."""
    with tempfile.TemporaryDirectory(prefix="ganetic-") as run:
        directory = Path(run) / "run"
        command = [sys.executable, "-m", "ganetic", "search", space, "--run", str(directory), "--workers", str(workers)]
        settings = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
        began = time.time()
        driver = subprocess.Popen(
            command, cwd=folder, env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            ended = _first_end(directory / JOURNAL, driver)
            used = _processor_time(driver.pid)
        finally:
            for _ in range(2):  # once asks it to wait for its trials, twice does not
                driver.send_signal(signal.SIGINT)
                time.sleep(1.0)
            driver.wait()
    return {
        "folder": folder.name,
        "space": space,
        "seconds": ended - began,
        "driver": used,
        "load": os.getloadavg()[0],
    }


def _first_end(path: Path, driver: "subprocess.Popen[bytes]") -> float:
    while True:
        if path.exists() and (records := Journal.open_readonly(path).records()):
            return min(record.finished_at for record in records)
        if driver.poll() is not None:
            raise RuntimeError("the search ended before its first trial")
        time.sleep(0.05)


def _processor_time(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Kept:
    """Rows by key, written down one by one.

    Args:
        path: the file.
        again: whether to measure what is there already.
    """

    def __init__(self, path: Path, again: bool) -> None:
        self._path, self._again = path, again
        self.rows: dict[str, Row] = json.loads(path.read_text()) if path.exists() else {}

    def has(self, key: str) -> bool:
        """Whether a row is there and shall not be measured again."""
        return key in self.rows and not self._again

    def add(self, key: str, row: Row) -> None:
        """Write a row down, with the machine that gave it."""
        self.rows[key] = {**row, "machine": machine(), "day": time.strftime("%Y-%m-%d")}
        write_whole(self._path, json.dumps(self.rows, indent=1, sort_keys=True) + "\n")

    def once(self, key: str, measure: Callable[[], Row]) -> None:
        """Measure a row that is not there."""
        if not self.has(key):
            self.add(key, measure())


def machine() -> str:
    """Cores, processor, memory and how busy it was."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    name = names[0].partition(": ")[2] if names else platform.machine()
    return f"{os.cpu_count()} cores of {name}, {memory:.0f} GiB, Python {platform.python_version()}"


def tables(rows: dict[str, Row]) -> Iterator[tuple[str, list[Row]]]:
    """The kept rows by question, in order."""
    for kind in ("slots", "trials", "replay", "data", "first"):
        found = [row for key, row in rows.items() if key.split()[0] == kind]
        if found:
            yield kind, sorted(found, key=lambda row: [value for value in row.values() if isinstance(value, int)])


def draw(title: str, rows: Sequence[Row]) -> Table:
    """A table of rows that have the same keys."""
    names = [name for name in rows[0] if name not in ("machine", "day")]
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in names:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*(_shown(name, row[name]) for name in names))
    return table


def _shown(name: str, value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1%}" if name in ("busy", "driver") and value <= 1.5 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def exponents(rows: Sequence[Row]) -> Iterator[str]:
    """How the costs of rows of several lengths grow."""
    for candidates in sorted({row.get("candidates", 0) for row in rows}):
        own = [row for row in rows if row.get("candidates", 0) == candidates]
        for name in ("ask ms", "tell ms", "seconds"):
            if name in own[0] and len(own) > 1:
                slope = exponent([row["trials"] for row in own], [row[name] for row in own])
                what = f" with {candidates} candidates" if candidates else ""
                yield f"{name}{what} grows as trials^{slope:.2f}"


def main() -> None:
    """Measure what is asked for, and print all that is kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", choices=("slots", "trials", "replay", "data", "first", "table"))
    parser.add_argument("--slots", type=int, nargs="+", default=[64, 512])
    parser.add_argument("--mean", type=float, default=30.0, help="seconds of a sleeping trial (default: 30)")
    parser.add_argument("--rounds", type=int, default=8, help="trials for each slot (default: 8)")
    parser.add_argument("--wait", action="store_true", help="sleep, instead of passing over the time")
    parser.add_argument("--counts", type=int, nargs="+", default=[1_000, 10_000, 100_000], help="trials so far")
    parser.add_argument("--gib", type=float, default=2.0, help="size of the image set (default: 2)")
    parser.add_argument("--hosts", type=int, default=3, help="Ray nodes (default: 3)")
    parser.add_argument("--space", default="paper", help="of the search whose first trial is waited for")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--again", action="store_true", help="measure what is kept already")
    parser.add_argument("--kept", type=Path, default=KEPT, help="file of what was measured")
    parser.add_argument("--beside", type=Path, nargs="*", default=[], metavar="FOLDER", help="other checkouts")
    given = parser.parse_args()
    kept = Kept(given.kept, given.again)
    measure(given, kept)
    console = Console(width=200)
    for title, rows in tables(kept.rows):
        console.print(draw(title, rows))
        for line in exponents(rows) if title in ("trials", "replay") else ():
            console.print(line)


def measure(given: argparse.Namespace, kept: Kept) -> None:
    """Measure what one command asks for."""
    measures = {"slots": _slots, "trials": _trials, "replay": _replay, "data": _data, "first": _first}
    if given.what in measures:
        measures[given.what](given, kept)


def _slots(given: argparse.Namespace, kept: Kept) -> None:
    for slots in given.slots:
        key = f"slots {slots} {given.mean:g} {'wait' if given.wait else 'skip'}"
        kept.once(key, partial(slots_row, slots, given.mean, given.rounds, given.wait))


def _trials(given: argparse.Namespace, kept: Kept) -> None:
    for candidates in (1, CANDIDATES):
        keys = [f"trials {candidates} {count}" for count in given.counts]
        if not all(map(kept.has, keys)):
            for key, row in zip(keys, trials_rows(given.counts, candidates), strict=True):
                kept.add(key, row)


def _replay(given: argparse.Namespace, kept: Kept) -> None:
    for count in given.counts:
        kept.once(f"replay {count}", partial(replay_row, count))


def _data(given: argparse.Namespace, kept: Kept) -> None:
    keys = {kind: f"data {kind} {given.gib:g} {given.hosts}" for kind in ("npz", "mapped")}
    if all(map(kept.has, keys.values())):
        return
    with tempfile.TemporaryDirectory(prefix="ganetic-") as folder:
        path = Path(folder) / "images.npz"
        write_set(path, given.gib)
        for kind, key in keys.items():
            kept.once(key, partial(data_row, kind, path, given.hosts))


def _first(given: argparse.Namespace, kept: Kept) -> None:
    here = Path(__file__).parents[1]
    for start in range(given.starts):
        for folder in [*given.beside, here]:  # in turn: what else the machine does slows all of them
            key = f"first {folder.resolve().name} {given.space} {start}"
            kept.once(key, partial(first_row, folder.resolve(), given.space, given.workers))


if __name__ == "__main__":
    run_script(main)
