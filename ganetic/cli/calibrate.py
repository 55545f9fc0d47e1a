"""The command that calibrates a proxy."""
# ruff: noqa: PLC0415 - `--help` and `--version` wait for none of torch, ray, sympy, deap, numpy and pandas

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganetic.cli import completion
from ganetic.cli.app import app, console
from ganetic.cli.long_work import SAME_COMMAND, long_work
from ganetic.cli.options import (
    Address,
    Data,
    Download,
    Features,
    GpusPerTrial,
    Inception,
    Json,
    Proxy,
    Sha256,
    Window,
    Workers,
    windowed,
    with_proxy,
)
from ganetic.errors import UserError, unknown

if TYPE_CHECKING:
    from ganetic.evolution.resources import Runtime
    from ganetic.evolution.space import SearchSpace
    from ganetic.gan.profiles import ProfileName


@app.command()
def calibrate(
    data: Data = None,
    window: Window = None,
    choose: Annotated[
        bool, typer.Option("--choose", help="Choose a proxy for the data instead: try a shortlist of settings.")
    ] = False,
    profile: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="With --choose: augmentation to try, or none; by default xray (grey) or natural (colour), for sets "
            "below 2,000 images.",
        ),
    ] = None,
    proxy: Proxy = None,
    space: Annotated[
        str, typer.Option(metavar="SPACE", help="Whose proxies and rungs to use.", autocompletion=completion.spaces)
    ] = "quick",
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
    and proxy, and keeps the result for searches. Stopped, the same command goes on. With --choose it says which
    settings of a proxy suit the data, and keeps that, too.
    """
    from ganetic.evolution.calibrate import calibrate as measure
    from ganetic.evolution.calibration_store import check_export, export
    from ganetic.evolution.chosen import as_known
    from ganetic.evolution.resources import Runtime
    from ganetic.evolution.self_tests import self_tests_of
    from ganetic.evolution.space import load_space, with_features
    from ganetic.report.calibration import calibration_page, calibration_record
    from ganetic.report.renderers.json import to_json
    from ganetic.report.renderers.terminal import print_page
    from ganetic.report.self_test import self_test_page, self_test_record

    loaded = with_features(with_proxy(load_space(space), proxy), features, sha256)
    data = windowed(data, loaded.data, window)
    if choose:
        given = {"--seeds": seeds, "--output": output, "--proxy": proxy}
        _refuse_beside_choose([name for name, value in given.items() if value is not None])
        runtime = Runtime(workers, address, gpus_per_trial, None, None, download, inception_weights)
        _choose(loaded, data, runtime, _profile(profile), json)
        return
    if profile is not None:
        raise UserError("--profile says what --choose tries; name --choose as well, or leave it out")
    if output is not None:
        check_export(output, len(loaded.proxies))
    runtime = Runtime(workers, address, gpus_per_trial, None, None, download, inception_weights)
    with long_work(SAME_COMMAND) as callback:
        loaded, data = as_known(loaded, data or loaded.data, runtime)  # perhaps at another size
        tested = self_tests_of(loaded, data, runtime)
        found = measure(loaded, data, seeds, runtime, callback)
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
                    print_page(console(), self_test_page(tested[name]))
                    console().line()
                print_page(console(), calibration_page(kept, measured))
    for path in paths:
        typer.echo(path, err=json)


def _choose(
    space: "SearchSpace", data: str | None, runtime: "Runtime", profile: "ProfileName | None", json: bool
) -> None:
    """Choose a proxy for the data, and print the choice."""
    from ganetic.evolution.choose import choose
    from ganetic.report.choice import choice_page, choice_record
    from ganetic.report.renderers.json import to_json
    from ganetic.report.renderers.terminal import print_page

    with long_work(SAME_COMMAND) as callback:
        kept = choose(space, data, runtime, callback, profile)
    if json:
        typer.echo(to_json(choice_record(kept)))
    else:
        print_page(console(), choice_page(kept))


def _profile(name: str | None) -> "ProfileName | None":
    """Find the profile of a name; None where none is named."""
    from typing import cast

    from ganetic.gan.profiles import PROFILES

    allowed = ("none", *PROFILES)
    if name is not None and name not in allowed:
        raise unknown("augmentation profile", name, allowed, "--profile")
    return cast("ProfileName | None", name)


def _refuse_beside_choose(given: list[str]) -> None:
    if given:
        raise UserError(f"{given[0]} is for a calibration, not for --choose; leave one of them out")
