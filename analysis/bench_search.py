"""What the search costs and what that buys: a table of ratios from one run, for an idle machine of two cores or more.

    python -m analysis.bench_search [--minutes 4] [--workers 2] [--space paper] [--trials 100000]

The step's ratios are medians over pairs of short blocks, each pair in turn, in processor time of one thread. The naive
search runs for half of the minutes before ours and for half after it, so that a machine that changes its pace does both
alike; it has the machine to itself, with all of torch's threads. Our search is the command `ganetic search`, watched
from outside, and stopped before its finals. Linux only: it reads /proc.
"""

import argparse
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from analysis.bench_replay import write_run
from analysis.naive import NaiveGan, NaiveSearch
from ganetic.errors import UserError, run_script
from ganetic.evolution.genome import Genome, drawing_from
from ganetic.evolution.resources import Runtime
from ganetic.evolution.results import JOURNAL, open_run
from ganetic.evolution.space import load_space
from ganetic.gan.dcgan import Discriminator, Generator, initialise
from ganetic.gan.step import adam, gan_step
from ganetic.jobs.journal import Journal
from ganetic.loss.compile import GanLoss
from ganetic.loss.library import LIBRARY
from ganetic.loss.numeric import responses
from ganetic.loss.screen import judge
from ganetic.report.renderers.terminal import print_page
from ganetic.report.run import run_page
from ganetic.reproducible import random_stream, reproducible
from ganetic.training.spec import ProxySpec

PROXY = ProxySpec(width=16, batch=32)
SIDE = 28
PAIRS = 150
STEPS_A_BLOCK = 2
TREES = 5
TREE_NODES = range(10, 31)
MATRIX = 512
WARM_UP = 3
FIRST_GENERATION = 1000
"""Draws that tell how many losses of the naive search's first generation are worth a training."""

POLL_SECONDS = 0.05
PATIENCE_SECONDS = 1800.0
"""For the first record: without a calibration of its data the search makes one first."""


@dataclass(frozen=True)
class Row:
    """A line of the table: what was measured, the value in print, the target in print, and whether it is met."""

    what: str
    value: str
    target: str = ""
    met: bool | None = None


Step = Callable[[], object]


def our_step(loss: GanLoss) -> Step:
    """A step of the package, ready to be called again and again."""
    generator = Generator(PROXY.latent, SIDE, 1, PROXY.width)
    discriminator = Discriminator(SIDE, 1, PROXY.width)
    for name, net in (("generator", generator), ("discriminator", discriminator)):
        initialise(net, random_stream(0, name))
        net.to(memory_format=torch.channels_last)
    rates = (PROXY.learning_rate, PROXY.beta1, PROXY.beta2)
    optimizers = (adam(generator, *rates), adam(discriminator, *rates))
    real, latents = batch()
    return lambda: gan_step(generator, discriminator, loss, optimizers, real, latents)


def naive_step(loss: GanLoss) -> Step:
    """The step of `analysis.naive`, on the same nets and batches."""
    gan = NaiveGan(PROXY, SIDE, 1, seed=0)
    real, latents = batch()
    return lambda: gan.step(loss, real, latents)


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Real images and latents of one step."""
    stream = random_stream(0, "benchmark")
    real = torch.rand(PROXY.batch, 1, SIDE, SIDE, generator=stream) * 2 - 1
    return real, torch.randn(PROXY.batch, PROXY.latent, generator=stream)


def processor_seconds(call: Step, times: int) -> float:
    """Processor time of one call."""
    began = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - began) / times


def ratio(first: Step, second: Step, pairs: int = PAIRS) -> float:
    """How many times as long the first takes as the second: the median over pairs of blocks in turn."""
    for call in (first, second):
        processor_seconds(call, WARM_UP)
    found = []
    for pair in range(pairs):
        blocks = {}
        for call in (first, second) if pair % 2 else (second, first):
            blocks[call] = processor_seconds(call, STEPS_A_BLOCK)
        found.append(blocks[first] / blocks[second])
    return statistics.median(found)


def evolved_losses(count: int) -> list[GanLoss]:
    """Random losses of usual size that pass the screen."""
    space = load_space("paper")
    genome = Genome(space)
    found: list[GanLoss] = []
    with drawing_from(random.Random(0)):
        while len(found) < count:
            try:
                formula = genome.formula(genome.random())
            except UserError:
                continue
            if formula.node_count in TREE_NODES and judge(*responses(formula), space.vanishing_bound).passed:
                found.append(GanLoss(formula))
    return found


def step_rows() -> list[Row]:
    """What a step of both players costs."""
    bce = GanLoss(LIBRARY["bce"].formula)
    with reproducible():
        against_naive = ratio(naive_step(bce), our_step(bce))
        against_bce = [ratio(our_step(loss), our_step(bce)) for loss in evolved_losses(TREES)]
        ours, product = our_step(bce), matrix_product()
        seconds = statistics.median(times(ours))
        seconds_of_product = seconds * ratio(product, ours)
        with FlopCounterMode(display=False) as counter:
            ours()
        flops, flops_of_product = counter.get_total_flops(), 2 * MATRIX**3
        share = flops / flops_of_product * seconds_of_product / seconds
    typical = statistics.median(against_bce)
    return [
        Row("proxy step: naive / ours", f"{against_naive:.2f}", ">= 1.4", against_naive >= 1.4),
        Row("our step", f"{1000 * seconds:.1f} ms"),
        Row(f"step of an evolved loss / of BCE, median of {TREES}", f"{typical:.3f}", "<= 1.05", typical <= 1.05),
        Row("… of the dearest one", f"{max(against_bce):.3f}"),
        Row("multiply-adds of a step, in millions", f"{flops / 2e6:.0f}"),
        Row(f"this core's rate, {MATRIX}² matrices", f"{flops_of_product / seconds_of_product / 1e9:.0f} GFLOP/s"),
        Row("share of the step that this arithmetic takes at this rate", f"{share:.0%}"),
    ]


def matrix_product() -> Step:
    """A product of square matrices."""
    first, second = torch.rand(2, MATRIX, MATRIX, generator=random_stream(0, "matrices"))
    return lambda: first @ second


def times(call: Step) -> list[float]:
    """Processor times of single calls."""
    return [processor_seconds(call, 1) for _ in range(PAIRS)]


@dataclass(frozen=True)
class Watched:
    """A search as seen from outside.

    Attributes:
        first_seconds: from the command to the first trial in the journal.
        losses_an_hour: that ended their first training after that.
        busy: share of the workers' time after that in which they trained.
        driver: share of one core that the driver used after that.
        worker_bytes: the most memory that a worker ever held.
    """

    first_seconds: float
    losses_an_hour: float
    busy: float
    driver: float
    worker_bytes: int


def watch(space: str, directory: Path, workers: int, seconds: float) -> Watched:
    """Run `ganetic search` in a process of its own until this long after its first trial has ended.

    Raises:
        RuntimeError: it ended by itself, or no trial ended in half an hour.
    """
    command = [sys.executable, "-m", "ganetic", "search", space, "--run", str(directory), "--workers", str(workers)]
    began = time.time()
    driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not has_record(directory / JOURNAL):
            if driver.poll() is not None or time.time() - began > PATIENCE_SECONDS:
                raise RuntimeError(f"no trial ended: {' '.join(command)}")
            time.sleep(POLL_SECONDS)
        opened, used_before = time.time(), processor_time(driver.pid)
        worker_bytes = 0
        while time.time() < opened + seconds:
            time.sleep(1.0)
            worker_bytes = max([worker_bytes, *map(peak_memory, workers_of(driver.pid))])
        closed, used = time.time(), processor_time(driver.pid) - used_before
    finally:
        driver.send_signal(signal.SIGINT)  # it waits for the trials that run
        driver.wait()
    journal = Journal.open_readonly(directory / JOURNAL)
    records = journal.records()
    children = {entry.number for entry in journal.entries() if entry.kind == "child"}
    trained = [max(0.0, min(one.finished_at, closed) - max(one.finished_at - one.seconds, opened)) for one in records]
    ended = sum(one.number in children and opened < one.finished_at <= closed for one in records)
    return Watched(
        first_seconds=min(one.finished_at for one in records) - began,
        losses_an_hour=3600 * ended / (closed - opened),
        busy=sum(trained) / workers / (closed - opened),
        driver=used / (closed - opened),
        worker_bytes=worker_bytes,
    )


def has_record(path: Path) -> bool:
    """Whether a journal is there and holds the end of a trial."""
    return path.exists() and any(entry.state is not None for entry in Journal.open_readonly(path).entries())


def processor_time(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def workers_of(driver: int) -> list[int]:
    """The processes below a driver that Ray calls workers of ours."""
    parents: dict[int, int] = {}
    names: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            names[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
        except OSError:  # it has just ended
            continue
    return [pid for pid, name in names.items() if name.startswith("ray::_Worker") and driver in above(pid, parents)]


def above(pid: int, parents: dict[int, int]) -> Iterator[int]:
    """The processes that a process descends from."""
    while (pid := parents.get(pid, 0)) > 0:
        yield pid


def peak_memory(pid: int) -> int:
    """The most resident memory that a process ever held, in bytes; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def search_rows(name: str, workers: int, minutes: float) -> list[Row]:
    """What a search gets done, beside the naive one."""
    space = load_space(name)
    proxy_data = Runtime().proxy_data(space.data, space.proxies[0].spec)
    naive = NaiveSearch(space, proxy_data)
    naive.run(30 * minutes)
    with tempfile.TemporaryDirectory(prefix="ganetic-") as folder:
        ours = watch(name, Path(folder) / "run", workers, 60 * minutes)
    naive.run(30 * minutes)
    plain = 3600 * len(naive.texts) / naive.seconds
    gain = ours.losses_an_hour / plain
    share = naive.viable_share(FIRST_GENERATION, seed=1)
    like_with_like = gain / share
    return [
        Row("naive search: losses trained an hour", f"{plain:.0f}"),
        Row("… of its losses new and through the screen", f"{naive.viable()} of {len(naive.texts)}"),
        Row("search: new screened losses trained an hour", f"{ours.losses_an_hour:.0f}"),
        Row("… ours / naive, whatever the naive one trains", f"{gain:.1f}", ">= 5", gain >= 5),
        Row(f"new and through the screen of {FIRST_GENERATION:,} first draws", f"{share:.1%}"),
        Row("… ours / naive, these alone", f"{like_with_like:.0f}", ">= 5", like_with_like >= 5),
        Row(f"time of {workers} workers spent training", f"{ours.busy:.1%}", ">= 95 %", ours.busy >= 0.95),
        Row("driver: share of a core", f"{ours.driver:.1%}", "< 5 %", ours.driver < 0.05),
        Row("command to first scored loss", f"{ours.first_seconds:.1f} s", "<= 15 s", ours.first_seconds <= 15),
        Row(
            "most memory of a worker",
            f"{ours.worker_bytes / 1e6:.0f} MB",
            "<= 800 MB",
            0 < ours.worker_bytes <= 800e6,
        ),
    ]


def show_rows(trials: int) -> list[Row]:
    """How long a run takes to be shown that is as long as these trials."""
    with tempfile.TemporaryDirectory(prefix="ganetic-") as folder, Path(os.devnull).open("w") as nowhere:
        directory, console = Path(folder), Console(file=nowhere)
        write_run(directory, trials)
        command = [sys.executable, "-m", "ganetic", "show", str(directory)]
        inside = _median_seconds(lambda: print_page(console, run_page(open_run(directory))))
        typed = _median_seconds(lambda: subprocess.run(command, stdout=nowhere, check=True))
    return [
        Row(f"show {trials:,} trials, once all is imported", f"{inside:.2f} s", "<= 2 s", inside <= 2),
        Row("… the command as it is typed", f"{typed:.2f} s", "<= 2 s", typed <= 2),
    ]


def _median_seconds(action: Callable[[], object], times: int = 3) -> float:
    found = []
    for _ in range(times):
        began = time.perf_counter()
        action()
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def draw(rows: Sequence[Row]) -> Table:
    """The table."""
    table = Table(box=None, pad_edge=False)
    for name in ("what", "measured", "target", ""):
        table.add_column(name, justify="left" if name == "what" else "right")
    for row in rows:
        table.add_row(row.what, row.value, row.target, {True: "met", False: "missed", None: ""}[row.met])
    return table


def main() -> None:
    """Measure all, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=4.0, help="for each of the two searches (default: 4)")
    parser.add_argument("--workers", type=int, default=2, help="of our search (default: 2)")
    parser.add_argument("--space", default="paper", help="a search space: a TOML file, or a shipped name")
    parser.add_argument("--trials", type=int, default=100_000, help="of the run that is shown (default: 100,000)")
    given = parser.parse_args()
    rows = [*step_rows(), *search_rows(given.space, given.workers, given.minutes), *show_rows(given.trials)]
    Console().print(draw(rows))


if __name__ == "__main__":
    run_script(main)
