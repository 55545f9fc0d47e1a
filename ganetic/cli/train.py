"""Commands about full training: from a loss to images."""
# ruff: noqa: PLC0415 - `--help` and `--version` wait for none of torch, ray, sympy, deap, numpy and pandas

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganetic.cli import completion
from ganetic.cli.app import FAILED, INTERRUPTED, app, console
from ganetic.cli.options import Download, Inception, Json, Window, windowed
from ganetic.errors import UserError

if TYPE_CHECKING:
    from ganetic.training.outcome import Training


@app.command()
def train(
    loss: Annotated[
        str,
        typer.Argument(
            metavar="LOSS", help="A loss card, a published loss, or an expression.", autocompletion=completion.losses
        ),
    ],
    config: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="A preset, or a TOML file.", autocompletion=completion.presets)
    ] = "demo",
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="mlp, dcgan, msg-gan, msg-sagan, stylegan2, or a plugin.",
            autocompletion=completion.models,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Data set; the configuration names one.", autocompletion=completion.data_sets
        ),
    ] = None,
    window: Window = None,
    classes: Annotated[str | None, typer.Option(metavar="A,B", help="Classes to train on; by default all.")] = None,
    size: Annotated[int | None, typer.Option(min=8, metavar="N", help="Side in pixels to resize images to.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, metavar="N", help="Updates of each player.")] = None,
    batch: Annotated[int | None, typer.Option(min=2, metavar="N", help="Images a step, over all workers.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, metavar="N", help="Of everything random.")] = None,
    run: Annotated[Path | None, typer.Option(metavar="DIR", help="Directory to make; by default in runs/.")] = None,
    stop_when_failed: Annotated[
        bool, typer.Option("--stop-when-failed", help="Stop when three measurements in a row find a failure.")
    ] = False,
    workers: Annotated[
        int, typer.Option(min=1, metavar="N", help="Processes that share every batch, through Ray Train.")
    ] = 1,
    download: Download = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the resolved configuration, its size and memory, and stop.")
    ] = False,
) -> None:
    """Train a full GAN with a loss.

    Ctrl-C writes a checkpoint and stops, and `ganetic resume RUN` goes on from there. After a kill, or Ctrl-C with
    several workers, it goes on from the last checkpoint.
    """
    yield_cores()
    from ganetic.api import train as start
    from ganetic.report.progress.sentences import sentences_on
    from ganetic.report.progress.training import training_progress_on
    from ganetic.report.renderers.json import to_json
    from ganetic.training.config import configured, load_config
    from ganetic.training.train import plan

    preset, screen = load_config(config), console(stderr=True)
    with sentences_on(screen):
        chosen = configured(
            preset,
            model=model,
            data=windowed(data, preset.data.name, window),
            classes=classes or None,
            size=size,
            steps=steps,
            batch=batch,
            seed=seed,
            stop_when_failed=stop_when_failed or None,
        )
    if dry_run:
        typer.echo(to_json(plan(chosen, loss, workers, download)))
        return
    with sentences_on(screen), training_progress_on(screen) as callback:
        training = start(loss, chosen, run=run, workers=workers, download=download, callback=callback)
    conclude(training)


def yield_cores() -> None:
    """Let torch's threads sleep while they wait, which is decided when torch is imported.

    By default they spin: where another program wants the cores too, a step took twenty times as long.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def conclude(training: "Training") -> None:
    """Say how a training ended and what can be done with it.

    Raises:
        typer.Exit: it failed, or was stopped.
    """
    from ganetic.training.outcome import outcome

    for line in outcome(training):
        typer.echo(line)
    if training.status == "failed":
        raise typer.Exit(FAILED)
    if training.status == "stopped":
        raise typer.Exit(INTERRUPTED)


@app.command()
def generate(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            metavar="CHECKPOINT", help="A training, for its best, or a checkpoint.", autocompletion=completion.trainings
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="A .png for a grid, an .npz for arrays, or a new directory for single images.",
        ),
    ],
    count: Annotated[int, typer.Option("-n", min=1, max=1_000_000, metavar="N", help="How many images.")] = 64,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="The same seed draws the same images.")] = 0,
    truncation: Annotated[
        float | None,
        typer.Option(min=0, max=1, metavar="X", help="Of stylegan2: below 1 images vary less and look more common."),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            "--class", metavar="NAME", help="Of a conditional training: the class; by default all, as often as real."
        ),
    ] = None,
) -> None:
    """Draw images from a trained generator.

    Of a conditional training a grid has rows of one class, a directory a folder for each, and an .npz their labels.
    """
    from ganetic.data import window_of
    from ganetic.training.generate import find_checkpoint, generate_labelled
    from ganetic.training.output import refuse_output, write_images

    refuse_output(output)
    found = find_checkpoint(checkpoint)
    generated = generate_labelled(found, count, seed, truncation, label)
    files = write_images(generated.images, output, generated.labels, generated.class_names)
    if said := generated.classes_said:
        typer.echo(said, err=True)
    window = window_of(found.metadata.config.data.name)
    if isinstance(window, tuple):
        typer.echo(f"0 to 255 stand for {window[0]:.6g} to {window[1]:.6g} in units of the training's files", err=True)
    typer.echo(files[0] if len(files) == 1 else f"{output}: {len(files)} images")


@app.command()
def evaluate(
    generated: Annotated[
        Path,
        typer.Argument(
            metavar="CHECKPOINT|FOLDER",
            help="A training, a checkpoint, or a folder of images.",
            autocompletion=completion.trainings,
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Real images: a data set; a training names its own.",
            autocompletion=completion.data_sets,
        ),
    ] = None,
    window: Window = None,
    count: Annotated[
        int | None, typer.Option("-n", min=16, metavar="N", help="Images to draw, also from a folder.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of the images drawn.")] = 0,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Also keep it in a new directory, for `ganetic report`."),
    ] = None,
    inception_weights: Inception = None,
    download: Download = False,
    json: Json = False,
) -> None:
    """Say how good and how varied generated images are.

    `ganetic report` shows what is kept in the directory of a training, such as in RUN/evaluation, with the training.
    """
    from ganetic.evaluation.evaluate_path import evaluate_path
    from ganetic.evaluation.kept import evaluate_and_keep
    from ganetic.report.evaluation import evaluation_page, evaluation_record
    from ganetic.report.renderers.json import to_json
    from ganetic.report.renderers.terminal import print_page

    if window is not None and data is None:
        raise UserError("--window: a training keeps its own window; expected it with --data")
    data = windowed(data, "", window)
    asked = (generated, data, count, seed, inception_weights, download)
    evaluation = evaluate_path(*asked) if output is None else evaluate_and_keep(output, *asked)
    if json:
        typer.echo(to_json(evaluation_record(evaluation)))
    else:
        print_page(console(), evaluation_page(evaluation))
