"""Commands about single losses, without a run."""
# ruff: noqa: PLC0415 - `--help` and `--version` wait for none of torch, ray, sympy, deap, numpy and pandas

from typing import Annotated

import typer

from ganetic.cli import completion
from ganetic.cli.app import app, console, without_collector
from ganetic.cli.options import (
    Address,
    Data,
    Download,
    Features,
    GpusPerTrial,
    Inception,
    Json,
    Proxy,
    Sha256,
    Window,
    Workers,
    windowed,
    with_proxy,
)


@app.command()
def score(
    loss: Annotated[
        str,
        typer.Argument(
            metavar="LOSS", help="A published loss, a loss card, or an expression.", autocompletion=completion.losses
        ),
    ],
    data: Data = None,
    window: Window = None,
    proxy: Proxy = None,
    seeds: Annotated[int, typer.Option(min=1, max=100, metavar="N", help="How many trainings.")] = 3,
    space: Annotated[
        str, typer.Option(metavar="SPACE", help="Whose proxy and finals to use.", autocompletion=completion.spaces)
    ] = "quick",
    workers: Workers = None,
    address: Address = None,
    gpus_per_trial: GpusPerTrial = 0.0,
    download: Download = False,
    inception_weights: Inception = None,
    features: Features = None,
    sha256: Sha256 = None,
    json: Json = False,
) -> None:
    """Train one loss on a few seeds; no evolution."""
    from ganetic.evolution.resources import Runtime
    from ganetic.evolution.space import load_space, with_features
    from ganetic.report.progress.search import progress_on
    from ganetic.report.progress.sentences import sentences_on
    from ganetic.report.renderers.json import to_json
    from ganetic.report.renderers.terminal import print_page
    from ganetic.report.score import score_page, score_record
    from ganetic.studies.score import score as train

    runtime = Runtime(workers, address, gpus_per_trial, None, None, download, inception_weights)
    loaded = with_features(with_proxy(load_space(space), proxy), features, sha256)
    data = windowed(data, loaded.data, window)
    screen = console(stderr=True)
    with sentences_on(screen), progress_on(screen) as callback:
        scored = train(loss, data, seeds, loaded, runtime, callback)
    if json:
        typer.echo(to_json(score_record(scored)))
    else:
        print_page(console(), score_page(scored))


@app.command()
@without_collector()
def losses(json: Json = False) -> None:
    """List the published losses."""
    from ganetic.report.losses import losses_page, losses_record
    from ganetic.report.renderers.json import to_json
    from ganetic.report.renderers.terminal import print_page

    if json:
        typer.echo(to_json(losses_record()))
    else:
        print_page(console(), losses_page())
