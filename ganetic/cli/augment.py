"""The command that asks whether generated images help a classifier."""
# ruff: noqa: PLC0415 - `--help` and `--version` wait for none of torch, ray, sympy, deap, numpy and pandas

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganetic.cli import completion
from ganetic.cli.app import app, console
from ganetic.cli.long_work import SAME_DIRECTORY, long_work
from ganetic.cli.options import Address, Download, GpusPerTrial, Json, Window, Workers, windowed

if TYPE_CHECKING:
    from ganetic.augmenting.config import AugmentConfig
    from ganetic.evolution.resources import Runtime
    from ganetic.studies.augmentation import Augmentation


@app.command()
def augment(
    data: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="A data set with classes, such as folder:DIR or npz:FILE.",
            autocompletion=completion.data_sets,
        ),
    ],
    sizes: Annotated[str, typer.Option(metavar="A,B,…", help="Sizes of the training set, in images of each class.")],
    classes: Annotated[str | None, typer.Option(metavar="A,B,…", help="Classes to tell apart; by default all.")] = None,
    window: Window = None,
    draws: Annotated[
        int | None, typer.Option(metavar="N", help="Training subsets of each size; by default 10.")
    ] = None,
    shares: Annotated[
        str | None,
        typer.Option(metavar="A,B,…", help="Generated images for each real one; by default 0.25,0.5,1."),
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option(
            metavar="LOSS",
            help="Of the GANs: a published loss, a loss card, or an expression; by default bce.",
            autocompletion=completion.losses,
        ),
    ] = None,
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
    size: Annotated[
        int | None, typer.Option(metavar="PIXELS", help="Side of all images, real and generated ones.")
    ] = None,
    steps: Annotated[int | None, typer.Option(metavar="N", help="Updates of each player of a GAN.")] = None,
    classifier: Annotated[
        str | None,
        typer.Option(
            metavar="features|small",
            help="A linear layer on frozen ImageNet features, or a small net from scratch.",
            autocompletion=completion.words("features", "small"),
        ),
    ] = None,
    backbone_weights: Annotated[
        str | None,
        typer.Option(metavar="ARCHITECTURE:FILE", help="Features of this net instead of EfficientNet-Lite0's."),
    ] = None,
    sha256: Annotated[
        str | None, typer.Option(metavar="HEX", help="The digest that the file of --backbone-weights must have.")
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Classical augmentation: the kind of images; by default xray (no flips)."),
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Decides the split, the draws, all trainings.")] = None,
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
    """Ask whether generated images help a classifier.

    Interrupted or killed, it goes on where it was when it is called again with -o DIR.
    """
    from ganetic.augmenting.config import AugmentConfig
    from ganetic.config import validate
    from ganetic.evolution.resources import Runtime

    kind = {"kind": classifier, "backbone": backbone_weights, "backbone_sha256": sha256}
    given = {
        "data": windowed(data, data, window) or data,
        "sizes": _listed(sizes),
        "classes": _listed(classes),
        "draws": draws,
        "shares": _listed(shares),
        "loss": loss,
        "config": config,
        "model": model,
        "size": size,
        "steps": steps,
        "classifier": {key: value for key, value in kind.items() if value is not None} or None,
        "profile": profile,
        "seed": seed,
    }
    settings = validate({key: value for key, value in given.items() if value is not None}, AugmentConfig, "options")
    runtime = Runtime(workers, address, gpus_per_trial, download=download)
    if dry_run:
        _estimate(settings, runtime)
    else:
        _run(settings, output, runtime, json)


def _listed(text: str | None) -> list[str] | None:
    return None if text is None else [word.strip() for word in text.split(",")]


def _estimate(settings: "AugmentConfig", runtime: "Runtime") -> None:
    """Print what a study would be, as plain data."""
    from dataclasses import asdict

    from ganetic.report.progress.sentences import sentences_on
    from ganetic.report.renderers.json import to_json
    from ganetic.studies.augment import estimate

    with sentences_on(console(stderr=True)):
        found = estimate(settings, runtime)
    typer.echo(to_json({"settings": settings.model_dump(mode="json"), **asdict(found)}))


def _run(settings: "AugmentConfig", output: Path | None, runtime: "Runtime", json: bool) -> None:
    from ganetic.studies.augment import augment as study

    with long_work(SAME_DIRECTORY.format("study")) as callback:
        found = study(settings, output, runtime, callback)
    _conclude(found, json)


def _conclude(study: "Augmentation", json: bool) -> None:
    """Write tables and the figure into the directory of a study, and print what they say."""
    from ganetic.plots.augmentation import write_figure
    from ganetic.report.augmentation import augmentation_page, augmentation_record, write_tables
    from ganetic.report.renderers.json import to_json
    from ganetic.report.renderers.terminal import print_page

    files = [*write_tables(study), *([write_figure(study)] if study.sizes else [])]
    if json:
        typer.echo(to_json(augmentation_record(study)))
        return
    output = console()
    output.line()
    print_page(output, augmentation_page(study))
    output.line()
    for path in files:
        typer.echo(path)
