"""The command that says what a report of a bug needs."""
# ruff: noqa: PLC0415 - `--help` and `--version` wait for none of torch, ray, sympy, deap, numpy and pandas

import typer

from ganetic.cli.app import app, without_collector
from ganetic.cli.options import Json


@app.command()
@without_collector()
def doctor(json: Json = False) -> None:
    """Say what is installed, found and missing, for bug reports.

    Versions, devices, Ray, caches, free disk, variables and extras. It looks, and changes nothing.
    """
    import json as plain

    from ganetic.doctor import examine, report

    found = examine()
    typer.echo(plain.dumps(found, indent=2, ensure_ascii=False) if json else report(found))
