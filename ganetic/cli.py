"""The command line: parse, load, call, print. Nothing heavy is imported before a command needs it."""
# ruff: noqa: PLC0415 - `--help` and `--version` wait for none of torch, ray, sympy, deap, numpy and pandas

import re
import sys
import tempfile
import traceback
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import ganetic
from ganetic.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from ganetic.search.results import Run

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
"""What the process exits with."""

app = typer.Typer(
    name="ganetic",
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# Typer raises the usage errors of the click that it was built with; this is their class in every version of it.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]


class Kind(StrEnum):
    """Figures of a run."""

    PARETO = "pareto"
    PROGRESS = "progress"
    LOSS = "loss"
    SAMPLES = "samples"


Workers = Annotated[int | None, typer.Option(min=1, metavar="N", help="Trials at once; by default as many as fit.")]
Address = Annotated[str | None, typer.Option(metavar="ADDR", help="Ray cluster to join: auto or ray://host:10001.")]
GpusPerTrial = Annotated[float, typer.Option(min=0.0, metavar="F", help="Share of a GPU for each trial.")]
MaxTrials = Annotated[int | None, typer.Option(min=1, metavar="N", help="Stop after so many trainings.")]
TimeBudget = Annotated[str | None, typer.Option(metavar="T", help="Stop after so long, such as 90s, 30m or 1h30m.")]
Data = Annotated[str | None, typer.Option(metavar="NAME", help="Data set; the space names one by default.")]
Download = Annotated[bool, typer.Option("--download", help="Allow a download of the data set.")]
Inception = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="InceptionV3 weights: measure the FID instead of the small net's distance."),
]
RunArgument = Annotated[
    Path | None, typer.Argument(metavar="[RUN]", help="Directory of a run; by default the latest under runs/.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"ganetic {ganetic.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Search for the loss functions of generative adversarial networks with genetic programming."""


@app.command()
def search(
    space: Annotated[str, typer.Argument(help="A search space: a TOML file, or a shipped name.")] = "quick",
    data: Data = None,
    run: Annotated[Path | None, typer.Option(metavar="DIR", help="Directory to make; by default in runs/.")] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="The same seed finds the same losses.")] = 0,
    workers: Workers = None,
    address: Address = None,
    gpus_per_trial: GpusPerTrial = 0.0,
    max_trials: MaxTrials = None,
    time_budget: TimeBudget = None,
    download: Download = False,
    inception_weights: Inception = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the resolved settings as JSON, and stop.")] = False,
) -> None:
    """Search for losses, and train the best beside published ones.

    Ctrl-C once waits for running trials, twice leaves at once; `ganetic resume` goes on from there.
    """
    from ganetic.progress import listener_for
    from ganetic.report import to_json
    from ganetic.search import run as runs

    budget = seconds_of(time_budget)
    runtime = runs.Runtime(workers, address, gpus_per_trial, max_trials, budget, download, inception_weights)
    if dry_run:
        typer.echo(to_json(runs.plan(space, data, seed, max_trials)))
        return
    with closing(listener_for(_console(stderr=True))) as listener:
        finished = runs.search(space, data, run, seed, runtime, listener)
    _conclude(finished)


@app.command()
def resume(
    run: RunArgument = None,
    workers: Workers = None,
    address: Address = None,
    gpus_per_trial: GpusPerTrial = 0.0,
    max_trials: MaxTrials = None,
    time_budget: TimeBudget = None,
    download: Download = False,
    inception_weights: Inception = None,
) -> None:
    """Go on with a run that was stopped or killed."""
    from ganetic.progress import listener_for
    from ganetic.search import run as runs
    from ganetic.search.results import latest_run

    budget = seconds_of(time_budget)
    runtime = runs.Runtime(workers, address, gpus_per_trial, max_trials, budget, download, inception_weights)
    with closing(listener_for(_console(stderr=True))) as listener:
        finished = runs.resume(run or latest_run(), runtime, listener)
    _conclude(finished)


@app.command()
def show(run: RunArgument = None, json: Json = False) -> None:
    """Show what a run has found, also while it runs."""
    from ganetic.report import print_text, run_page, run_record, to_json

    opened = _open(run)
    if json:
        typer.echo(to_json(run_record(opened)))
    else:
        print_text(_console(), run_page(opened))


@app.command()
def export(
    card: Annotated[Path, typer.Argument(metavar="OUT.json", help="The loss card; .py and .tex go beside it.")],
    run: Annotated[Path | None, typer.Option(metavar="DIR", help="By default the latest in runs/.")] = None,
    pick: Annotated[str, typer.Option(metavar="knee|fid|stability|ID", help="Which loss of the run.")] = "knee",
) -> None:
    """Write a loss of a run: card, torch module, formula."""
    from ganetic.report import write_loss
    from ganetic.search.winner import pick_card

    for path in write_loss(pick_card(_open(run), pick), card):
        typer.echo(path)


@app.command()
def plot(
    run: RunArgument = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="PNG, SVG or PDF; by default RUN/KIND.png.")
    ] = None,
    kind: Annotated[Kind, typer.Option(help="What to draw.")] = Kind.PARETO,
) -> None:
    """Draw a run as a PNG, SVG or PDF."""
    from ganetic.plots.figure import plot as draw

    typer.echo(draw(_open(run), kind, output))


@app.command()
def score(
    loss: Annotated[str, typer.Argument(metavar="LOSS", help="A published loss, a loss card, or an expression.")],
    data: Data = None,
    seeds: Annotated[int, typer.Option(min=1, max=100, metavar="N", help="How many trainings.")] = 3,
    space: Annotated[str, typer.Option(metavar="SPACE", help="Whose proxy and finals to use.")] = "quick",
    workers: Workers = None,
    address: Address = None,
    gpus_per_trial: GpusPerTrial = 0.0,
    download: Download = False,
    inception_weights: Inception = None,
    json: Json = False,
) -> None:
    """Train one loss on a few seeds; no evolution."""
    from ganetic.progress import listener_for
    from ganetic.report import print_text, score_page, score_record, to_json
    from ganetic.search.runtime import Runtime
    from ganetic.search.score import score as train

    runtime = Runtime(workers, address, gpus_per_trial, None, None, download, inception_weights)
    with closing(listener_for(_console(stderr=True))) as listener:
        scored = train(loss, data, seeds, space, runtime, listener)
    if json:
        typer.echo(to_json(score_record(scored)))
    else:
        print_text(_console(), score_page(scored))


@app.command()
def losses(json: Json = False) -> None:
    """List the published losses."""
    from ganetic.report import losses_record, losses_table, print_text, to_json

    if json:
        typer.echo(to_json(losses_record()))
    else:
        print_text(_console(), losses_table())


def seconds_of(text: str | None) -> float | None:
    """Read a time such as ``90s``, ``30m`` or ``1h30m``.

    Raises:
        UserError: it is none, or nothing is left of it.
    """
    if text is None:
        return None
    number = r"(\d+(?:\.\d+)?)"
    match = re.fullmatch(rf"(?:{number}h)?(?:{number}m)?(?:{number}s)?", text.replace(" ", ""))
    hours, minutes, seconds = (float(part or 0) for part in match.groups()) if match else (0.0, 0.0, 0.0)
    total = 3600 * hours + 60 * minutes + seconds
    if total <= 0:
        raise UserError(f'--time-budget: "{text[:40]}" is not a time; expected one such as 90s, 30m or 1h30m')
    return total


def main() -> None:
    """Run the command line of this process and exit."""
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Run a command; whatever goes wrong is said in one line on stderr.

    Returns:
        0 done, 1 failed, 2 bad input, 130 interrupted.
    """
    try:
        code = app(arguments, prog_name="ganetic", standalone_mode=False)
    except UserError as error:
        return _complain(str(error), BAD_INPUT)
    except _UsageError as error:
        return _complain(f"{_usage(error)}; see ganetic --help", BAD_INPUT)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Exception as error:  # noqa: BLE001 - a user gets one line, whatever we did wrong
        reason = "".join(str(error).splitlines()[:1])[:200]
        return _complain(f"{type(error).__name__}: {reason}; details in {_write_log()}", FAILED)
    if code == INTERRUPTED:
        typer.echo("ganetic: interrupted; ganetic resume goes on with a search", err=True)
    return code or DONE


def _usage(error: Exception) -> str:
    message = getattr(error, "format_message", error.__str__)()
    return str(message).rstrip(".")


def _complain(message: str, code: int) -> int:
    line = " ".join(message.split())
    typer.echo(f"ganetic: error: {line}", err=True)
    return code


def _write_log() -> str:
    with tempfile.NamedTemporaryFile("w", prefix="ganetic-", suffix=".log", delete=False, encoding="utf-8") as log:
        traceback.print_exc(file=log)
    return log.name


def _console(stderr: bool = False) -> "Console":
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


def _open(directory: Path | None) -> "Run":
    from ganetic.search.results import latest_run, open_run

    return open_run(directory or latest_run())


def _conclude(run: "Run") -> None:
    """Write the pick into the run's directory and say what was found, where it lies, and what to try next."""
    from ganetic.report import next_steps, print_text, run_page

    console = _console()
    console.line()
    print_text(console, run_page(run))
    console.line()
    best = _write_pick(run, console) if run.status == "finished" else None
    print_text(console, next_steps(run, best))
    if run.status != "finished":
        raise typer.Exit(INTERRUPTED)


def _write_pick(run: "Run", console: "Console") -> Path | None:
    from ganetic.plots.figure import plot as draw
    from ganetic.report import print_text, verdict, write_loss
    from ganetic.search.winner import pick_card

    try:
        card = pick_card(run)
    except UserError as nobody:  # a search that found nothing has not failed
        typer.echo(nobody)
        return None
    best, *others = write_loss(card, run.directory / "best.json")
    print_text(console, verdict(run, card))
    for path in (best, *others, draw(run, Kind.PARETO)):
        typer.echo(path)
    return best
