"""Commands about a search and its run."""
# ruff: noqa: PLC0415 - `--help` and `--version` wait for none of torch, ray, sympy, deap, numpy and pandas

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganetic.cli import completion
from ganetic.cli.app import INTERRUPTED, app, console, without_collector
from ganetic.cli.options import (
    Address,
    Data,
    Download,
    Features,
    GpusPerTrial,
    Inception,
    Json,
    MaxTrials,
    Proxy,
    RunArgument,
    Sha256,
    TimeBudget,
    Window,
    Workers,
    seconds_of,
    windowed,
    with_proxy,
)
from ganetic.cli.train import conclude, yield_cores
from ganetic.errors import UserError, typed

if TYPE_CHECKING:
    from ganetic.evolution.results import Run
    from ganetic.studies.study import StudyPage

_logger = logging.getLogger(__name__)

WORK = "ganetic.training.trial"
"""The module of what workers do."""


@app.command()
def search(
    space: Annotated[
        str, typer.Argument(help="A search space: a TOML file, or a shipped name.", autocompletion=completion.spaces)
    ] = "quick",
    data: Data = None,
    window: Window = None,
    proxy: Proxy = None,
    run: Annotated[Path | None, typer.Option(metavar="DIR", help="Directory to make; by default in runs/.")] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="The same seed finds the same losses.")] = 0,
    workers: Workers = None,
    address: Address = None,
    gpus_per_trial: GpusPerTrial = 0.0,
    max_trials: MaxTrials = None,
    time_budget: TimeBudget = None,
    download: Download = False,
    inception_weights: Inception = None,
    features: Features = None,
    sha256: Sha256 = None,
    random: Annotated[
        bool, typer.Option("--random", help="A random search: children have no parents; all else is the same.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the resolved settings as JSON, and stop.")] = False,
) -> None:
    """Search for losses, and train the best beside published ones.

    Ctrl-C once waits for running trials, twice leaves at once; `ganetic resume` goes on from there.
    """
    from ganetic.evolution.space import load_space, with_features
    from ganetic.report.progress.search import progress_on
    from ganetic.report.progress.sentences import sentences_on
    from ganetic.report.renderers.json import to_json

    budget = seconds_of(time_budget)
    chosen = with_features(with_proxy(load_space(space), proxy), features, sha256)
    chosen = chosen.randomised() if random else chosen
    data = windowed(data, chosen.data, window)
    with nullcontext() if dry_run else _early_workers(workers, address, gpus_per_trial, run, data or chosen.data):
        from ganetic.evolution import search as runs
        from ganetic.evolution.resources import Runtime

        runtime = Runtime(workers, address, gpus_per_trial, max_trials, budget, download, inception_weights)
        if dry_run:
            typer.echo(to_json(runs.plan(chosen, data, seed, runtime)))
            return
        screen = console(stderr=True)
        with sentences_on(screen), progress_on(screen) as callback, _advice():
            finished = runs.search(chosen, data, run, seed, runtime, callback)
    _conclude(finished)


def _early_workers(
    workers: int | None, address: str | None, gpus_per_trial: float, run: Path | None, data: str
) -> AbstractContextManager[None]:
    """Let workers start while this process imports torch and prepares data, unless the run will be refused at once."""
    from ganetic.data.source import may_be_there
    from ganetic.files import refuse_impossible_directory

    if not may_be_there(data):  # who loads it says so
        return nullcontext()

    if run is not None:
        refuse_impossible_directory(run)
        if run.exists():  # `search` says whether it may be used
            return nullcontext()
    from ganetic.jobs.ray_executor import begin

    return begin(WORK, workers, address, gpus_per_trial)


@app.command()
def resume(
    run: Annotated[
        Path | None,
        typer.Argument(
            metavar="RUN",
            help="Directory of a run; by default the latest under runs/.",
            autocompletion=completion.runs,
        ),
    ] = None,
    workers: Workers = None,
    address: Address = None,
    gpus_per_trial: GpusPerTrial = 0.0,
    max_trials: MaxTrials = None,
    time_budget: TimeBudget = None,
    download: Download = False,
    inception_weights: Inception = None,
) -> None:
    """Go on with a search or a training that was stopped.

    Without a directory it is the latest search; a training is named.
    """
    yield_cores()
    from ganetic.api import resume as go_on
    from ganetic.evolution.resources import Runtime
    from ganetic.evolution.results import Run, latest_run
    from ganetic.report.progress.search import progress_on
    from ganetic.report.progress.sentences import sentences_on
    from ganetic.report.progress.training import training_progress_on

    budget = seconds_of(time_budget)
    runtime = Runtime(workers, address, gpus_per_trial, max_trials, budget, download, inception_weights)
    screen = console(stderr=True)
    with (
        sentences_on(screen),
        progress_on(screen) as callback,
        training_progress_on(screen) as train_callback,
        _advice(),
    ):
        ended = go_on(run or latest_run(), runtime, callback, train_callback)
    if isinstance(ended, Run):
        _conclude(ended)
    else:
        conclude(ended)


@app.command()
def show(
    run: RunArgument = None,
    json: Json = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it again whenever something has ended, until the run ends.")
    ] = False,
) -> None:
    """Show what a run has found, also while it runs.

    With `--watch`, Ctrl-C ends the watching; the run goes on.
    """
    if json and watch:
        raise UserError("--json says once where a run stands; expected --json or --watch, not both")
    if watch:
        _watch(run)
    else:
        _show(run, json)


def _watch(run: Path | None) -> None:
    from ganetic.evolution.results import latest_run
    from ganetic.report.watch import watch

    watch(run or latest_run(), console())


@without_collector()
def _show(run: Path | None, json: bool) -> None:
    from ganetic.report.renderers.json import to_json
    from ganetic.report.renderers.terminal import print_page
    from ganetic.report.run import run_page, run_record

    if run is not None and (shown := _study_page(run)) is not None:
        from ganetic.report.study import study_page, study_record

        if json:
            typer.echo(to_json(study_record(shown)))
        else:
            print_page(console(), study_page(shown))
        return
    opened = _open(run)
    if json:
        typer.echo(to_json(run_record(opened)))
    else:
        print_page(console(), run_page(opened))


def _study_page(directory: Path) -> "StudyPage | None":
    """The page of a study that a directory holds; None where it holds none, or one that is not read back."""
    from ganetic.jobs.grid import study_in

    name = study_in(directory / completion.JOURNAL)
    if name is None:
        return None
    from ganetic.studies.study import STUDIES

    if name not in STUDIES:
        return None
    found = STUDIES[name]()
    return found.page(found.read(directory))


@app.command()
def export(
    card: Annotated[Path, typer.Argument(metavar="OUT.json", help="The loss card; .py and .tex go beside it.")],
    run: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="By default the latest in runs/.", autocompletion=completion.searches),
    ] = None,
    pick: Annotated[
        str,
        typer.Option(
            metavar="knee|fd|stability|ID",
            help="Which loss of the run.",
            autocompletion=completion.words("knee", "fd", "stability"),
        ),
    ] = "knee",
) -> None:
    """Write a loss of a run: card, torch module, formula."""
    from ganetic.evolution.selection import pick_card
    from ganetic.report.loss_files import write_loss

    for path in write_loss(pick_card(_open(run), pick), card):
        typer.echo(path)


@app.command()
def plot(
    run: RunArgument = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="PNG, SVG or PDF; by default RUN/KIND.png.")
    ] = None,
    kind: Annotated[
        str,
        typer.Option(
            metavar="pareto|progress|loss|samples",
            help="What to draw.",
            autocompletion=completion.words("pareto", "progress", "loss", "samples"),
        ),
    ] = "pareto",
    beside: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="RUN",
            help="Another run to draw beside it, as progress; repeatable.",
            autocompletion=completion.searches,
        ),
    ] = None,
) -> None:
    """Draw a run as a PNG, SVG or PDF."""
    from ganetic.plots.figure import plot as draw

    typer.echo(draw(_open(run), kind, output, [_open(other) for other in beside or ()]))


def _open(directory: Path | None) -> "Run":
    from ganetic.evolution.results import latest_run, open_run

    return open_run(directory or latest_run())


@contextmanager
def _advice() -> Iterator[None]:
    """Say how to go on after Ctrl-C was pressed twice, or before there was a search that could stop by itself."""
    try:
        yield
    except KeyboardInterrupt:
        _logger.info(
            "what has ended of a run directory named above is kept: `ganetic resume DIRECTORY` goes on with it"
        )
        raise


def _conclude(run: "Run") -> None:
    """Write the pick into the run's directory, then say what was found, where it lies, and what to try next."""
    from ganetic.report.next_steps import next_steps
    from ganetic.report.renderers.terminal import print_page, print_text
    from ganetic.report.run import run_page

    output, files, said = console(), list[Path](), ""
    best = run.directory / "best.json"
    try:
        if run.status == "finished":
            files, said = _write_pick(run, best)
    except UserError as error:
        again = typed("ganetic", "export", best, "--run", run.directory)
        raise UserError(f"{error}; the run is kept: `{again}` writes its best loss") from None
    finally:  # files first: whatever becomes of printing, they are there; and where they cannot be written, it is shown
        output.line()
        print_page(output, run_page(run))
        output.line()
    if files:
        print_text(output, said)
    elif said:
        typer.echo(said)
    for path in files:
        typer.echo(path)
    typer.echo(next_steps(run, best if files else None))
    if run.status != "finished":
        raise typer.Exit(INTERRUPTED)


def _write_pick(run: "Run", best: Path) -> tuple[list[Path], str]:
    """Write the pick, and return its files, the card first, and what is to be said of it."""
    from ganetic.evolution.selection import pick_card
    from ganetic.plots.figure import plot as draw
    from ganetic.report.finals import verdict
    from ganetic.report.loss_files import write_loss

    try:
        card = pick_card(run)
    except UserError as nobody:  # a search that found nothing has not failed
        return [], str(nobody)
    files = write_loss(card, best)
    return [*files, draw(run, "pareto")], verdict(run, card)
