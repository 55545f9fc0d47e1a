"""The command that compares losses, and baselines, at finding anomalies."""
# ruff: noqa: PLC0415 - `--help` and `--version` wait for none of torch, ray, sympy, deap, numpy and pandas

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganetic.cli import completion
from ganetic.cli.app import console
from ganetic.cli.detect import detect
from ganetic.cli.long_work import SAME_DIRECTORY, long_work
from ganetic.cli.options import Address, Download, GpusPerTrial, Json, Window, Workers, windowed

if TYPE_CHECKING:
    from ganetic.evolution.resources import Runtime
    from ganetic.studies.detect import DetectConfig
    from ganetic.studies.detection import Detection


@detect.command()
def study(
    losses: Annotated[
        list[str],
        typer.Option(
            metavar="A,B,…",
            help="Published losses or all, loss cards, expressions; two or more.",
            autocompletion=completion.losses,
        ),
    ],
    data: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="A data set with classes, such as folder:DIR or npz:FILE.",
            autocompletion=completion.data_sets,
        ),
    ],
    normal: Annotated[list[str], typer.Option(metavar="A,B,…", help="Classes that are normal.")],
    anomalous: Annotated[
        list[str] | None, typer.Option(metavar="A,B,…", help="Classes that are not; by default all others.")
    ] = None,
    window: Window = None,
    config: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="Of the GANs: a preset, or a TOML file, of full training; by default dcgan-32.",
            autocompletion=completion.presets,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Another model than its own.", autocompletion=completion.models),
    ] = None,
    size: Annotated[int | None, typer.Option(metavar="PIXELS", help="Side of the images that GANs see.")] = None,
    steps: Annotated[int | None, typer.Option(metavar="N", help="Updates of each player of a GAN.")] = None,
    encoder_steps: Annotated[int | None, typer.Option(metavar="N", help="Updates of the encoder.")] = None,
    seeds: Annotated[int | None, typer.Option(metavar="N", help="Trainings of each loss; by default 5.")] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Compare all other losses with it; by default bce, or the first.",
            autocompletion=completion.losses,
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Another one takes other seeds for all.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="A new directory, or a study to go on with.")
    ] = None,
    workers: Workers = None,
    address: Address = None,
    gpus_per_trial: GpusPerTrial = 0.0,
    download: Download = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the split, the settings and the hours that it takes, and stop.")
    ] = False,
    json: Json = False,
) -> None:
    """Compare losses, and baselines without a GAN, at finding anomalies.

    Each loss trains GANs of normal images alone, on the same seeds. Interrupted or killed, it goes on where it was when
    it is called again with -o DIR.
    """
    from ganetic.config import validate
    from ganetic.evolution.resources import Runtime
    from ganetic.studies.detect import DetectConfig

    given = {
        "losses": _listed(losses),
        "data": windowed(data, data, window) or data,
        "normal": _listed(normal),
        "anomalous": _listed(anomalous or ()),
        "config": config,
        "model": model,
        "size": size,
        "steps": steps,
        "encoder": None if encoder_steps is None else {"steps": encoder_steps},
        "seeds": seeds,
        "reference": reference,
        "seed": seed,
    }
    settings = validate({key: value for key, value in given.items() if value is not None}, DetectConfig, "options")
    runtime = Runtime(workers, address, gpus_per_trial, download=download)
    if dry_run:
        _estimate(settings, runtime)
    else:
        _run(settings, output, runtime, json)


def _listed(texts: Iterable[str]) -> list[str]:
    return [word.strip() for text in texts for word in _split(text) if word.strip()]


def _split(text: str) -> list[str]:
    """Split at commas that are in no parentheses: expressions have commas, too."""
    words, depth = [""], 0
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            words.append("")
        else:
            words[-1] += character
    return words


def _estimate(settings: "DetectConfig", runtime: "Runtime") -> None:
    """Print what a study would be, as plain data."""
    from ganetic.report.progress.sentences import sentences_on
    from ganetic.report.renderers.json import to_json
    from ganetic.studies.detect import estimate

    with sentences_on(console(stderr=True)):
        found = estimate(settings, runtime)
    typer.echo(to_json(found))


def _run(settings: "DetectConfig", output: Path | None, runtime: "Runtime", json: bool) -> None:
    from ganetic.studies.detect import detect as run

    with long_work(SAME_DIRECTORY.format("study")) as callback:
        found = run(settings, output, runtime, callback)
    _conclude(found, json)


def _conclude(found: "Detection", json: bool) -> None:
    """Write tables and the figure into the directory of a study, and print what they say."""
    from ganetic.plots.detection import write_figure
    from ganetic.report.detection_study import detection_record, write_tables
    from ganetic.report.renderers.json import to_json
    from ganetic.report.renderers.terminal import print_page
    from ganetic.report.study import study_page
    from ganetic.studies.detection_page import detection_page

    files = [*write_tables(found), write_figure(found)]
    if json:
        typer.echo(to_json(detection_record(found)))
        return
    output = console()
    output.line()
    print_page(output, study_page(detection_page(found)))
    output.line()
    for path in files:
        typer.echo(path)
