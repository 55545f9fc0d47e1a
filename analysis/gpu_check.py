"""What a GPU does for trials and trainings: all that needs a CUDA device, as one table, written into docs/gpu.md.

    python -m analysis.gpu_check [--rehearse]

It runs every test that needs CUDA; compares bfloat16 with float32; trains one trial twice; searches for ten minutes at
1, 4 and 8 trials a GPU; and times full training at 128 pixels, beside the fastest matrix product of the card. Give it
an hour, an idle card and eight cores. A part that fails is a row of the table, and the others go on. Exits with 1 where
there is no CUDA device or a row is not as it should be. With --rehearse everything runs small on the CPU in some
minutes, and the table is printed, not written: it says that the script works, and nothing about a GPU.
"""

import argparse
import gc
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from ganetic.errors import UserError, run_script
from ganetic.evolution.resources import MakeExecutor, Runtime
from ganetic.evolution.results import JOURNAL
from ganetic.evolution.search import search
from ganetic.evolution.space import Finals, SearchSpace, Stop, load_space
from ganetic.files import write_whole
from ganetic.jobs.journal import Journal, Record, Submission
from ganetic.loss.library import LIBRARY
from ganetic.metrics.reference import ReferenceStatistics
from ganetic.reproducible import reproducible, versions
from ganetic.training.config import TrainConfig, load_config
from ganetic.training.data import TrainingData, training_data_of
from ganetic.training.evaluator import Evaluator
from ganetic.training.result import TrialResult
from ganetic.training.setup import full_trainer
from ganetic.training.spec import TrialSpec
from ganetic.training.trainer import Trainer
from ganetic.training.trial import run_trial

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "gpu.md"
BEGIN, END = "<!-- gpu-check -->", "<!-- end of gpu-check -->"
"""Lines of the page between which the table stands."""
LOSS = LIBRARY["relativistic-hinge"].formula
GIB = 2**30


@dataclass(frozen=True)
class Plan:
    """How much is done, and where.

    Attributes:
        device: ``cuda`` or ``cpu``.
        tests: what pytest is given.
        compared: the full training that is made in bfloat16 and in float32.
        compared_steps: of it.
        timed: the full training that is timed.
        timed_cycles: how many times all lazy regularisers come by while it is timed.
        space: of the trials and searches.
        search_seconds: of each search.
        trials_a_gpu: of each search.
        matrix: rows of the square matrices that are multiplied.
        make_executor: who trains in the searches, instead of Ray.
    """

    device: str = "cuda"
    tests: tuple[str, ...] = ("-m", "gpu", "tests")
    compared: TrainConfig = field(default_factory=lambda: load_config("small"))
    compared_steps: int = 200
    timed: TrainConfig = field(default_factory=lambda: load_config("xray-128-ada"))
    timed_cycles: int = 8
    space: SearchSpace = field(default_factory=lambda: load_space("quick"))
    search_seconds: float = 600.0
    trials_a_gpu: tuple[int, ...] = (1, 4, 8)
    matrix: int = 8192
    make_executor: MakeExecutor | None = None


def rehearsal() -> Plan:
    """The same on a CPU, in minutes: few tests, narrow nets, short searches."""
    compared, timed = load_config("small"), load_config("xray-128-ada")
    return Plan(
        device="cpu",
        tests=("-m", "gpu", "tests/training/test_device.py"),
        compared=narrow(compared),
        compared_steps=4,
        timed=narrow(timed),
        timed_cycles=1,
        search_seconds=20.0,
        trials_a_gpu=(1, 2),
        matrix=512,
    )


def narrow(config: TrainConfig) -> TrainConfig:
    """A full training with hardly a net, on small batches."""
    model = config.model.model_copy(update={"width": 4, "max_channels": 8, "latent": 8})
    return config.model_copy(update={"model": model, "batch": 4})


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        what: was measured.
        measured: the figure.
        is_right: whether it is as it should be; None where nothing says how it should be.
    """

    what: str
    measured: str
    is_right: bool | None = None


def test_rows(plan: Plan) -> list[Row]:
    """How many of the tests that need CUDA passed."""
    with tempfile.TemporaryDirectory(prefix="ganetic-") as folder:
        report = Path(folder) / "tests.xml"
        command = [sys.executable, "-m", "pytest", *plan.tests, f"--junitxml={report}"]
        subprocess.run(command, cwd=ROOT, check=False, stdout=sys.stderr)
        if not report.exists():
            return [Row("tests that need CUDA", "pytest did not run", False)]
        (suite,) = ElementTree.parse(report).getroot().iter("testsuite")
    count, failed, skipped = (int(suite.get(name, 0)) for name in ("tests", "failures", "skipped"))
    failed += int(suite.get("errors", 0))
    passed = count - failed - skipped
    measured = f"{passed} passed, {failed} failed, {skipped} skipped"
    return [Row("tests that need CUDA", measured, passed > 0 and failed == 0 and skipped == 0)]


@dataclass(frozen=True)
class Trained:
    """What came of a short full training: its distance at the end, whether all stayed finite, seconds of a step."""

    fd: float
    step_seconds: float


def precision_rows(plan: Plan) -> list[Row]:
    """The same training in bfloat16 and in float32, beside another seed in float32."""
    data = training_data_of(plan.compared)
    statistics_ = data.reference_statistics(plan.device)
    half = trained(plan, data, statistics_, seed=0, bfloat16=True)
    single = trained(plan, data, statistics_, seed=0, bfloat16=False)
    other = trained(plan, data, statistics_, seed=1, bfloat16=False)
    finite = all(np.isfinite([half.fd, single.fd, other.fd]))
    return [
        Row(f"bfloat16: fd after {plan.compared_steps} steps", f"{half.fd:.1f}", finite),
        Row("float32: the same", f"{single.fd:.1f}"),
        Row("bfloat16 / float32", f"{half.fd / single.fd:.3f}"),
        Row("another seed / this one, float32", f"{other.fd / single.fd:.3f}"),
        Row("time of a step, float32 / bfloat16", f"{single.step_seconds / half.step_seconds:.2f}"),
    ]


def trained(plan: Plan, data: TrainingData, known: ReferenceStatistics, seed: int, bfloat16: bool) -> Trained:
    """Train for some steps and measure; a training that does not stay finite raises what trainings raise."""
    config = plan.compared.model_copy(update={"seed": seed})
    with reproducible():
        trainer = full_trainer(
            config, LOSS, data.training_images, plan.device, held_out=data.held_out_images, bfloat16=bfloat16
        )
        trainer.advance()  # the first step chooses kernels
        seconds = seconds_of(trainer, plan.compared_steps - 1, plan.device)
        trainer.check_state()
        evaluator = Evaluator(known, config.model.latent, seed, plan.device)
        fd = evaluator.fd(evaluator.images(trainer), trainer.step)
    return Trained(fd, seconds / (plan.compared_steps - 1))


def repeat_rows(plan: Plan) -> list[Row]:
    """A trial, and the same once more."""
    proxy = plan.space.proxies[0].spec
    proxy_data = Runtime().proxy_data(plan.space.data, proxy)
    steps = plan.space.rungs[0].steps if plan.device == "cuda" else plan.compared_steps
    spec = TrialSpec(formula=LIBRARY["bce"].formula.text, seed=0, steps=steps, proxy=proxy)
    first, second = (run_trial(spec, proxy_data) for _ in range(2))
    differs = difference(first, second)
    said = "equal to the last bit" if differs == 0 else f"fd differs by {differs:.2%}"
    return [
        Row(f"a trial of {steps} steps, twice", said, differs == 0),
        Row("… its seconds", f"{second.seconds:.1f}"),
        Row("… most memory", f"{second.peak_memory_bytes / GIB:.2f} GiB"),
    ]


def difference(first: TrialResult, second: TrialResult) -> float:
    """The largest relative difference between the distances of two trials; infinite where they ended differently."""
    if (first.state, first.reason, len(first.trace)) != (second.state, second.reason, len(second.trace)):
        return float("inf")
    pairs = zip((*first.trace, *first.raw_trace), (*second.trace, *second.raw_trace), strict=True)
    return max(abs(one - other) / one for (_, one), (_, other) in pairs)


def search_rows(plan: Plan) -> list[Row]:
    """A search at each number of trials a GPU."""
    return [row for count in plan.trials_a_gpu for row in one_search(plan, count)]


def one_search(plan: Plan, count: int) -> list[Row]:
    """Search for a while with so many trials on one GPU; its finals are the least there can be."""
    finals = Finals(finalists=1, seeds=1, steps=plan.space.rungs[0].steps, references=())
    space = plan.space.model_copy(update={"finals": finals, "stop": Stop(max_trials=100_000)})
    runtime = Runtime(
        workers=count,
        gpus_per_trial=1 / count if plan.device == "cuda" else 0.0,
        time_budget_seconds=plan.search_seconds,
        make_executor=plan.make_executor,
    )
    with tempfile.TemporaryDirectory(prefix="ganetic-") as folder:
        search(space, run=Path(folder) / "run", runtime=runtime)
        with Journal.open_readonly(Path(folder) / "run" / JOURNAL) as journal:
            records, submissions = journal.records(), journal.submissions()
    return searched(records, submissions, count)


def searched(records: Sequence[Record], submissions: Sequence[Submission], count: int) -> list[Row]:
    """What a search got done, from its first trial to its last; finals included, which are two or three."""
    began = min(one.submitted_at for one in submissions)
    hours = (max(one.finished_at for one in records) - began) / 3600
    lost = sum(one.status != "done" for one in records)
    memory = max((one.record or {}).get("peak_memory_bytes", 0) for one in records)
    share = sum(one.seconds for one in records) / (3600 * hours * count)
    name = f"search, {count} trial{'s' * (count > 1)} a GPU"
    return [
        Row(f"{name}: trials an hour", f"{len(records) / hours:.0f}", lost == 0),
        Row("… seconds of a trial, median", f"{statistics.median(one.seconds for one in records):.1f}"),
        Row("… time in which slots trained", f"{share:.0%}"),
        Row("… most memory of a trial", f"{memory / GIB:.2f} GiB"),
    ]


def training_rows(plan: Plan) -> list[Row]:
    """Images a second of full training, and what share of the card's fastest matrix product that is."""
    with reproducible():
        trainer, cycle = timed_trainer(plan), cycle_of(plan.timed)
        for _ in range(cycle):
            trainer.advance()
        if plan.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        seconds = seconds_of(trainer, plan.timed_cycles * cycle, plan.device) / (plan.timed_cycles * cycle)
        memory = torch.cuda.max_memory_allocated() if plan.device == "cuda" else 0
        work = flops_of(trainer, cycle) / cycle
        peak = matmul_flops_a_second(plan)
    rate = work / seconds
    config = plan.timed
    name = f"{config.model.name} at {config.data.size} px, batch {config.batch}"
    return [
        Row(f"{name}: images a second", f"{config.batch / seconds:.0f}"),
        Row("… most memory", f"{memory / GIB:.2f} GiB" if memory else "not measured"),
        Row("… counted work of a step", f"{work / 1e9:.1f} GFLOP"),
        Row("… work a second", f"{rate / 1e12:.3g} TFLOP/s"),
        Row(f"fastest matrix product, {plan.matrix} rows, {product_type(plan)}", f"{peak / 1e12:.3g} TFLOP/s"),
        Row("… share of it that training reaches", f"{rate / peak:.1%}", 0 < rate < peak),
    ]


def timed_trainer(plan: Plan) -> Trainer:
    """A full training on random images: its speed does not depend on them."""
    config, pixels = plan.timed, np.random.default_rng(0)
    size = config.data.size
    assert size is not None
    images, held_out = (pixels.integers(0, 256, (256, size, size, 1), dtype=np.uint8) for _ in range(2))
    return full_trainer(config, LOSS, images, plan.device, held_out=held_out)


def cycle_of(config: TrainConfig) -> int:
    """Steps after which every lazy regulariser has come by equally often."""
    spec = config.regulariser
    return int(np.lcm(spec.generator_every, spec.discriminator_every))


def seconds_of(trainer: Trainer, steps: int, device: str) -> float:
    """Wall time of some steps, with all that the device still has to do for them."""
    wait_for(device)
    began = time.perf_counter()
    for _ in range(steps):
        trainer.advance()
    wait_for(device)
    return time.perf_counter() - began


def wait_for(device: str) -> None:
    """Wait until a device has done what it was asked for."""
    if device == "cuda":
        torch.cuda.synchronize()


class WholeOnly:
    """Takes the place of the counter's hooks that tell modules apart, which gradients of gradients do not allow."""

    parents = frozenset({"Global"})

    def __enter__(self) -> None:
        """Watch no module."""

    def __exit__(self, *_: object) -> None:
        """Leave none."""


def flops_of(trainer: Trainer, steps: int) -> int:
    """Floating-point operations of the convolutions, matrix products and attention of some steps."""
    counter = FlopCounterMode(display=False)
    counter.mod_tracker = WholeOnly()  # type: ignore[assignment]
    with counter:
        for _ in range(steps):
            trainer.advance()
    return counter.get_total_flops()


def product_type(plan: Plan) -> torch.dtype:
    """What nets compute in on a device."""
    return torch.bfloat16 if plan.device == "cuda" else torch.float32


def matmul_flops_a_second(plan: Plan, tries: int = 10) -> float:
    """The most that a device reaches in products of square matrices."""
    first, second = (torch.randn(plan.matrix, plan.matrix, device=plan.device, dtype=product_type(plan)) for _ in "ab")
    times = []
    for _ in range(tries):
        wait_for(plan.device)
        began = time.perf_counter()
        torch.mm(first, second)
        wait_for(plan.device)
        times.append(time.perf_counter() - began)
    return float(2 * plan.matrix**3 / min(times))


PARTS: tuple[Callable[[Plan], list[Row]], ...] = (test_rows, precision_rows, repeat_rows, search_rows, training_rows)


def measured(plan: Plan, parts: Sequence[Callable[[Plan], list[Row]]] = PARTS) -> list[Row]:
    """All rows; a part that raises is one that says so."""
    found = []
    for part in parts:
        name = part.__name__.removesuffix("_rows")
        print(f"{time.strftime('%H:%M:%S')} {name}", file=sys.stderr, flush=True)
        try:
            found += part(plan)
            give_back(plan.device)
        except Exception as error:  # noqa: BLE001 - an hour of a rented card is not lost to one part
            traceback.print_exc()
            found.append(Row(name, f"failed: {' '.join(str(error).split())[:200]}", False))
    return found


def give_back(device: str) -> None:
    """Leave the card to the next part, whose trials are other processes."""
    if device == "cuda":
        gc.collect()
        torch.cuda.empty_cache()


def table(rows: Sequence[Row], plan: Plan) -> str:
    """The rows in Markdown, below a line that says where they are from."""
    signs = {True: "yes", False: "**no**", None: ""}
    lines = [f"| {row.what} | {row.measured.replace('|', '/')} | {signs[row.is_right]} |" for row in rows]
    return "\n".join([made_on(plan), "", "| what | measured | as it should be |", "| --- | --- | --- |", *lines])


def made_on(plan: Plan) -> str:
    """A sentence about the machine."""
    known = versions()
    card = "no GPU: a rehearsal on a CPU, which says nothing about one"
    if plan.device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        card = f"{properties.name}, {properties.total_memory / GIB:.0f} GiB, CUDA {torch.version.cuda}"
    return (
        f"Made on {time.strftime('%Y-%m-%d')} with {card}; ganetic {known['ganetic']}, torch {known['torch']}, Python "
        f"{known['python']}, {platform.system()}."
    )


def with_table(page: str, text: str) -> str:
    """The page with another table between its two marks.

    Raises:
        UserError: the marks are not there.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise UserError(f"{PAGE}: has no lines {BEGIN} and {END}, between which the table goes; put them there")
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def refuse_no_gpu() -> None:
    """Say in a sentence that there is no card to check.

    Raises:
        UserError: torch finds no CUDA device.
    """
    if not torch.cuda.is_available():
        raise UserError(
            f"no CUDA device is found here (torch {torch.__version__}); run `make gpu-check` on a machine with one"
        )


def main() -> None:
    """Check, write or print the table, and exit with 1 where something is not as it should be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rehearse", action="store_true", help="small, on the CPU; prints the table alone")
    options = parser.parse_args()
    if not options.rehearse:
        refuse_no_gpu()
    plan = rehearsal() if options.rehearse else Plan()
    rows = measured(plan)
    text = table(rows, plan)
    print(text)
    if not options.rehearse:
        write_whole(PAGE, with_table(PAGE.read_text(encoding="utf-8"), text))
    if any(row.is_right is False for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    run_script(main)
