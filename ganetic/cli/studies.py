"""Commands that say how good losses are: paired comparisons on seeds that chose nothing."""
# ruff: noqa: PLC0415 - `--help` and `--version` wait for none of torch, ray, sympy, deap, numpy and pandas

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganetic.cli import completion
from ganetic.cli.app import app, console
from ganetic.cli.long_work import SAME_COMMAND, SAME_DIRECTORY, long_work
from ganetic.cli.options import (
    Address,
    Data,
    Download,
    Features,
    GpusPerTrial,
    Inception,
    Json,
    Proxy,
    RunArgument,
    Sha256,
    Window,
    Workers,
    rate_list,
    windowed,
    with_proxy,
)
from ganetic.errors import UserError

if TYPE_CHECKING:
    from ganetic.studies.comparison import Comparison


@app.command()
def compare(
    losses: Annotated[
        list[str],
        typer.Argument(
            metavar="LOSS", help="Published losses or all, loss cards, expressions.", autocompletion=completion.losses
        ),
    ],
    data: Data = None,
    window: Window = None,
    proxy: Proxy = None,
    config: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|FILE",
            help="Full trainings instead of a space's: a preset, or a TOML file. Given again: compare these, too.",
            autocompletion=completion.presets,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,…",
            help="With --config: other models of full training than its own.",
            autocompletion=completion.models,
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, max=100, metavar="N", help="Trainings of each loss.")] = 25,
    steps: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Of a training; by default those of the space's finals, or of --config."),
    ] = None,
    space: Annotated[
        str | None,
        typer.Option(
            metavar="SPACE", help="Whose proxy and finals to use; by default quick.", autocompletion=completion.spaces
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Compare all others with it: a loss, by default bce, or the first; or a --config.",
            autocompletion=completion.losses,
        ),
    ] = None,
    rates: Annotated[
        str | None, typer.Option(metavar="A,B,…", help="Learning rates: train each loss at its own best of them.")
    ] = None,
    beta1s: Annotated[
        str | None, typer.Option(metavar="A,B,…", help="With --rates: Adam's β₁; by default the proxy's.")
    ] = None,
    tuning_seeds: Annotated[
        int | None, typer.Option(min=1, max=100, metavar="N", help="With --rates: trainings at each; by default 3.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Another one takes other seeds for all.")] = 0,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="A new directory, or a comparison to go on with."),
    ] = None,
    workers: Workers = None,
    address: Address = None,
    gpus_per_trial: GpusPerTrial = 0.0,
    download: Download = False,
    inception_weights: Inception = None,
    features: Features = None,
    sha256: Sha256 = None,
    json: Json = False,
) -> None:
    """Compare losses in pairs: equal seeds and steps for all.

    Interrupted or killed, it goes on where it was when it is called again with -o DIR. With --config each training is
    a full one, kept under DIR with its samples and checkpoints, and goes on from its last checkpoint. Several
    configurations are compared with one another, at equal steps and at equal seconds; one loss is enough then.
    """
    from ganetic.evolution.resources import Runtime
    from ganetic.evolution.space import load_space, with_features
    from ganetic.studies.compare import compare as study
    from ganetic.training.config import load_config

    for option, value in (("--beta1s", beta1s), ("--tuning-seeds", tuning_seeds)):
        if rates is None and value is not None:
            raise UserError(f"{option}: says how to choose rates of a list; expected it with --rates")
    of_spaces = {"--space": space, "--proxy": proxy, "--features": features, "--sha256": sha256}
    if config:
        refuse_beside_config({**of_spaces, "--inception-weights": inception_weights})
    tried = rate_list(rates, beta1s)
    runtime = Runtime(workers, address, gpus_per_trial, None, None, download, inception_weights)
    loaded = with_features(with_proxy(load_space(space or "quick"), proxy), features, sha256)
    full = load_config(config[0]) if config else None
    data = windowed(data, loaded.data if full is None else full.data.name, window)
    with long_work(SAME_DIRECTORY.format("comparison")) as callback:
        comparison = study(
            losses,
            data,
            None if model is None else model.split(","),
            seeds,
            loaded if full is None else None,
            steps,
            reference,
            output,
            runtime,
            callback,
            tried,
            3 if tuning_seeds is None else tuning_seeds,
            seed,
            config or None,
        )
    _conclude(comparison, json)


def refuse_beside_config(given: Mapping[str, object]) -> None:
    """Refuse options that mean nothing where a configuration of full training is given.

    Raises:
        UserError: one of them is given.
    """
    for option, value in given.items():
        if value is not None:
            raise UserError(f"{option}: is about the proxies of a space; leave it out, or --config")


@app.command()
def confirm(
    run: RunArgument = None,
    seeds: Annotated[int, typer.Option(min=1, max=100, metavar="N", help="Trainings of each loss.")] = 20,
    pick: Annotated[
        str,
        typer.Option(
            metavar="knee|fd|stability|ID",
            help="Which loss of the run.",
            autocompletion=completion.words("knee", "fd", "stability"),
        ),
    ] = "knee",
    workers: Workers = None,
    address: Address = None,
    gpus_per_trial: GpusPerTrial = 0.0,
    download: Download = False,
    inception_weights: Inception = None,
    json: Json = False,
) -> None:
    """Train a winner and the references on fresh seeds.

    The card with the results lies beside the tables; it replaces RUN/best.json where that holds the same loss, on no
    more seeds than these.
    """
    from ganetic.evolution.resources import Runtime
    from ganetic.evolution.results import latest_run
    from ganetic.loss.card import write_card
    from ganetic.report.loss_files import write_loss
    from ganetic.studies.confirm import confirm as study

    directory = run or latest_run()
    runtime = Runtime(workers, address, gpus_per_trial, None, None, download, inception_weights)
    with long_work(SAME_COMMAND) as callback:
        confirmation = study(directory, seeds, pick, runtime, callback)
    card = confirmation.comparison.directory / "card.json"
    write_card(confirmation.card, card)
    files = [card]
    if confirmation.supersedes(directory / "best.json"):
        files += write_loss(confirmation.card, directory / "best.json")
    _conclude(confirmation.comparison, json, confirmation.claims())
    if not json:
        for path in files:
            typer.echo(path)


def _conclude(comparison: "Comparison", json: bool, claims: list[str] | None = None) -> None:
    """Write tables and figures into the directory of a comparison, and print what they say."""
    from ganetic.plots.arms import write_samples
    from ganetic.plots.comparison import write_figures
    from ganetic.report.comparison import comparison_page, comparison_record, write_tables
    from ganetic.report.renderers.json import to_json
    from ganetic.report.renderers.terminal import print_page, print_text

    files = [*write_tables(comparison), *write_figures(comparison), *write_samples(comparison)]
    if json:
        record = comparison_record(comparison)
        typer.echo(to_json(record if claims is None else {**record, "claims": claims}))
        return
    output = console()
    output.line()
    print_page(output, comparison_page(comparison))
    output.line()
    if claims:
        print_text(output, "\n".join(claims))
        output.line()
    for path in files:
        typer.echo(path)
