"""The Typer application, its exit codes, and the console that commands print on."""
# ruff: noqa: PLC0415 - `--help` and `--version` wait for none of torch, ray, sympy, deap, numpy and pandas

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

import ganetic

if TYPE_CHECKING:
    from rich.console import Console

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
"""What the process exits with."""

app = typer.Typer(
    name="ganetic",
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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


def console(stderr: bool = False) -> "Console":
    """Make a Rich console on stdout or stderr."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


@contextmanager
def without_collector() -> Iterator[None]:
    """Leave out Python's cyclic collector in a command that imports, reads, prints and ends, and at the process's end.

    It takes a third of such a command's time, and what it frees goes with the process anyway.
    """
    enabled = gc.isenabled()
    gc.disable()
    atexit.register(gc.freeze)  # what is frozen is not looked through when the interpreter ends
    try:
        yield
    finally:
        if enabled:
            gc.enable()
