"""The command that calibrates a proxy."""
# ruff: noqa: PLC0415 - `--help` and `--version` wait for none of torch, ray, sympy, deap, numpy and pandas

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from ganetic.cli.app import app, console
from ganetic.cli.options import (
    Address,
    Data,
    Download,
    Features,
    GpusPerTrial,
    Inception,
    Json,
    Sha256,
    Window,
    Workers,
    windowed,
)


@app.command()
def calibrate(
    data: Data = None,
    window: Window = None,
    space: Annotated[str, typer.Option(metavar="SPACE", help="Whose proxies and rungs to use.")] = "quick",
    seeds: Annotated[
        int | None,
        typer.Option(
            min=1, max=100, metavar="N", help="Trainings of each published loss; by default those there are, or 5."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Also write it to a file, or into a folder.")
    ] = None,
    workers: Workers = None,
    address: Address = None,
    gpus_per_trial: GpusPerTrial = 0.0,
    download: Download = False,
    inception_weights: Inception = None,
    features: Features = None,
    sha256: Sha256 = None,
    json: Json = False,
) -> None:
    """Measure the noise of a proxy, and what follows from it.

    Plants faults in real images and says which features rank them. Trains the published losses, once for each data set
    and proxy, and keeps the result for searches. Stopped, the same command goes on.
    """
    from ganetic.evolution.calibration import calibrate as measure
    from ganetic.evolution.calibration_store import check_export, export
    from ganetic.evolution.runtime import Runtime
    from ganetic.evolution.self_tests import self_tests_of
    from ganetic.evolution.space import load_space, with_features
    from ganetic.pages.calibration import calibration_page, calibration_record
    from ganetic.pages.self_test import self_test_page, self_test_record
    from ganetic.progress.search import listener_for
    from ganetic.report import print_text, to_json

    loaded = with_features(load_space(space), features, sha256)
    data = windowed(data, loaded.data, window)
    if output is not None:
        check_export(output, len(loaded.proxies))
    runtime = Runtime(workers, address, gpus_per_trial, None, None, download, inception_weights)
    with closing(listener_for(console(stderr=True))) as listener:
        try:
            tested = self_tests_of(loaded, data, runtime, listener)
            found = measure(loaded, data, seeds, runtime, listener)
        except KeyboardInterrupt:
            listener.log("what has ended is kept; the same command goes on with it")
            raise
    measured = loaded.checkpoints(loaded.rungs[0].steps)
    paths: list[Path] = []
    try:
        if output is not None:
            paths = export(found.values(), output)
    finally:  # files first; and where they cannot be written, it is shown
        if json:
            record = {name: calibration_record(kept, measured) for name, kept in found.items()}
            typer.echo(to_json({name: {**one, **self_test_record(tested.get(name))} for name, one in record.items()}))
        else:
            for name, kept in found.items():
                if name in tested:
                    print_text(console(), self_test_page(tested[name]))
                print_text(console(), calibration_page(kept, measured))
    for path in paths:
        typer.echo(path, err=json)
