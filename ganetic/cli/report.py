"""The command that writes a page about runs."""
# ruff: noqa: PLC0415 - `--help` and `--version` wait for none of torch, ray, sympy, deap, numpy and pandas

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from ganetic.cli.app import app


@app.command()
def report(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="RUN", help="Directories of runs; by default the latest search under runs/."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="By default report.html; of one run, in its directory."),
    ] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
) -> None:
    """Write a page about runs: one HTML file, no server needed.

    Several runs come into one page, which compares them.
    """
    from ganetic.evolution.results import latest_run
    from ganetic.report.web.page import write_report

    path = write_report(runs or [latest_run()], output)
    typer.echo(path)
    if open_it and not webbrowser.open(path.resolve().as_uri()):
        typer.echo("ganetic: no browser was found; open the file in one", err=True)
