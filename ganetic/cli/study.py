"""The command that runs any study of the registry."""
# ruff: noqa: PLC0415 - `--help` and `--version` wait for none of torch, ray, sympy, deap, numpy and pandas

import logging
import time
from pathlib import Path
from typing import Annotated

import typer

from ganetic.cli import completion
from ganetic.cli.app import app, console
from ganetic.cli.options import Address, Download, GpusPerTrial, Json, Workers
from ganetic.errors import UserError

_logger = logging.getLogger(__name__)


@app.command()
def study(
    name: Annotated[
        str,
        typer.Argument(
            metavar="STUDY", help="Such as compare or score; a wrong name lists all.", autocompletion=completion.studies
        ),
    ],
    config: Annotated[Path, typer.Argument(metavar="FILE", help="A TOML file with the keys of the study.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="A new directory, or a study to go on with.")
    ] = None,
    workers: Workers = None,
    address: Address = None,
    gpus_per_trial: GpusPerTrial = 0.0,
    download: Download = False,
    json: Json = False,
) -> None:
    """Run a study that a TOML file describes.

    Interrupted or killed, it goes on where it was when it is called again with -o DIR.
    """
    from ganetic.config import read_toml
    from ganetic.evolution.resources import Runtime
    from ganetic.report.progress.search import progress_on
    from ganetic.report.progress.sentences import sentences_on
    from ganetic.report.renderers.json import to_json
    from ganetic.report.renderers.terminal import print_page
    from ganetic.report.study import study_page, study_record
    from ganetic.studies.study import STUDIES, Surroundings

    chosen = STUDIES[name]()
    if output is not None and chosen.keeps:
        raise UserError(f"-o: {name} keeps {chosen.keeps}; leave it out")
    loaded = read_toml(config, chosen.config)
    folder = output or Path("runs") / f"{time.strftime('%Y%m%d-%H%M%S')}-{name}-{config.stem}"
    runtime = Runtime(workers, address, gpus_per_trial, download=download)
    screen = console(stderr=True)
    with sentences_on(screen), progress_on(screen) as callback:
        if not chosen.keeps:
            _logger.info(f"study directory {folder}")
        results = chosen.run(loaded, folder, Surroundings(runtime, callback))
    page = chosen.page(results)
    if json:
        typer.echo(to_json(study_record(page)))
    else:
        print_page(console(), study_page(page))
