"""Commands about anomalies: a detector is fitted on a trained GAN, and scores images."""
# ruff: noqa: PLC0415 - `--help` and `--version` wait for none of torch, ray, sympy, deap, numpy and pandas

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganetic.cli import completion
from ganetic.cli.app import app, console
from ganetic.cli.options import Download, Json, Window
from ganetic.errors import UserError, typed

if TYPE_CHECKING:
    from ganetic.detection.scoring import Scored

detect = typer.Typer(help="Find images that are unlike normal ones, with a trained GAN.")
app.add_typer(detect, name="detect")


@detect.command()
def fit(
    gan: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|CHECKPOINT",
            help="A training on normal images, for its best checkpoint, or a checkpoint.",
            autocompletion=completion.trainings,
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="A new directory.")],
    data: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Images; by default those of the training.", autocompletion=completion.data_sets
        ),
    ] = None,
    window: Window = None,
    normal: Annotated[
        list[str] | None,
        typer.Option(metavar="A,B", help="Classes that are normal; leave it out where all images are."),
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Of the discriminator; by default the last before the logit. A wrong name lists all."
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, metavar="N", help="Updates of the encoder.")] = None,
    batch: Annotated[int | None, typer.Option(min=2, metavar="N", help="Images a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(metavar="X", help="Of the encoder.")] = None,
    kappa: Annotated[float | None, typer.Option(metavar="X", help="Weight of features beside pixels.")] = None,
    width: Annotated[int | None, typer.Option(min=1, metavar="N", help="Channels of the encoder.")] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of everything random.")] = 0,
    download: Download = False,
) -> None:
    """Fit a detector of anomalies on a GAN of normal images.

    An encoder learns to find what the generator makes each normal image from. Some normal images are kept apart: scores
    are in standard deviations from theirs.
    """
    from ganetic.cli.train import yield_cores

    yield_cores()
    from ganetic.config import validate
    from ganetic.data import with_window
    from ganetic.detection.encoder import EncoderConfig
    from ganetic.detection.fit import fit as run_fit
    from ganetic.report.progress.sentences import sentences_on
    from ganetic.report.progress.training import training_progress_on

    given: dict[str, object] = {"steps": steps, "batch": batch, "learning_rate": learning_rate}
    given |= {"kappa": kappa, "width": width, "layer": layer}
    settings = validate({key: value for key, value in given.items() if value is not None}, EncoderConfig, "options")
    if window is not None and data is None:
        raise UserError("--window: a training keeps its own window; expected it with --data")
    named = None if data is None else with_window(data, window)
    classes = [name.strip() for text in normal or () for name in text.split(",") if name.strip()]
    screen = console(stderr=True)
    with sentences_on(screen), training_progress_on(screen) as callback:
        made = run_fit(gan, output, named, classes, settings, seed, download, callback)
    typer.echo(
        f"{output}: encoder of {made.detector.settings.steps} steps on {made.training} normal images, layer "
        f"{made.detector.settings.layer}, scores scaled by {made.validation} others"
    )
    typer.echo(f"next: {typed('ganetic', 'detect', 'score', output)} IMAGES")


@detect.command()
def score(
    directory: Annotated[Path, typer.Argument(metavar="FIT", help="What `ganetic detect fit` made.")],
    images: Annotated[list[Path], typer.Argument(metavar="IMAGES", help="Files of images, and folders of them.")],
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write the scores to a table.")] = None,
    figure: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Draw the most and the least anomalous images with heat maps: .png, .svg or .pdf."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Score new images: the higher, the less they are like normal ones.

    They get the size and the window of the training's images. Images that the detector or its GAN has seen are refused.
    """
    from ganetic.cli.train import yield_cores

    yield_cores()
    from ganetic.detection.scoring import score_files
    from ganetic.files import refuse_impossible_directory, write_whole
    from ganetic.report.detection import scores_page, scores_record, scores_table
    from ganetic.report.renderers.csv import to_csv
    from ganetic.report.renderers.json import to_json
    from ganetic.report.renderers.terminal import print_page

    if csv is not None:
        refuse_impossible_directory(csv)
    if figure is not None:
        _refuse_figure(figure)
    scored = score_files(directory, images)
    if csv is not None:
        write_whole(csv, to_csv(scores_table(scored)))
    if figure is not None:
        _draw(scored, figure)
    if json:
        typer.echo(to_json(scores_record(scored)))
    else:
        print_page(console(), scores_page(scored))


def _refuse_figure(path: Path) -> None:
    from ganetic.plots.style import check_format

    check_format(path)


def _draw(scored: "Scored", path: Path) -> None:
    from ganetic.detection.scores import SUM
    from ganetic.plots.anomalies import Anomalies, draw_anomalies, ends
    from ganetic.plots.style import save

    def part(places: range) -> Anomalies:
        chosen = scored.order[list(places)]
        images, detector = scored.images[chosen], scored.detector
        return Anomalies(
            [Path(scored.names[place]).name for place in chosen],
            images,
            detector.made_again(images),
            detector.maps(images),
            scored.scores[SUM][chosen],
        )

    most, least = ends(len(scored.names))
    save(draw_anomalies(part(most), part(least), SUM), path)
