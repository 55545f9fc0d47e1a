"""The command that shows a run while it goes on."""
# ruff: noqa: PLC0415 - `--help` and `--version` wait for none of torch, ray, sympy, deap, numpy and pandas

import atexit
import gc
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from ganetic.cli.app import app


@app.command()
def watch(
    run: Annotated[
        Path | None,
        typer.Argument(metavar="RUN", help="Directory of a run; by default the latest search under runs/."),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="Where to serve it; by default any that is free.")
    ] = 0,
    open_it: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
) -> None:
    """Show a run's page in a browser while the run goes on.

    The page is that of `ganetic report`, and follows the run. Only who knows its address is answered, on 127.0.0.1
    alone. The run is read, never written. Ctrl-C ends it.
    """
    from ganetic.evolution.results import latest_run
    from ganetic.report.web.watch import Watched, WatchServer

    atexit.register(gc.freeze)  # what is frozen is not looked through at the end, which took seconds
    with WatchServer(Watched(run or latest_run()), port) as server:
        typer.echo(server.url)
        if open_it and not webbrowser.open(server.url):
            typer.echo("ganetic: no browser was found; open the address in one", err=True)
        server.serve_forever()
