"""The command that publishes a generator."""
# ruff: noqa: PLC0415 - `--help` and `--version` wait for none of torch, ray, sympy, deap, numpy and pandas

from pathlib import Path
from typing import Annotated

import typer

from ganetic.cli import completion
from ganetic.cli.app import app
from ganetic.cli.options import Download


@app.command()
def publish(
    training: Annotated[
        Path,
        typer.Argument(
            metavar="TRAINING", help="A training, for its best, or a checkpoint.", autocompletion=completion.trainings
        ),
    ],
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new directory.")],
    onnx: Annotated[bool, typer.Option("--onnx", help="Write model.onnx as well; needs ganetic[onnx].")] = False,
    data_licence: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Of the images, such as 'CC BY 4.0', where the data set does not tell it."),
    ] = None,
    despite_copies: Annotated[
        bool, typer.Option("--despite-copies", help="Publish a generator that copies; its card says so on top.")
    ] = False,
    download: Download = False,
) -> None:
    """Write a generator for others to load, with a model card.

    The generator is evaluated first, and refused where it copies its training images. `ganetic.load_generator(DIR)`
    loads it.
    """
    from ganetic.publishing.publish import publish as write

    written = write(
        training, directory, onnx=onnx, data_licence=data_licence, despite_copies=despite_copies, download=download
    )
    for path in sorted(written.iterdir()):
        typer.echo(path)
