"""The commands as functions: those that only put together what other modules do."""

from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from ganetic.callbacks import Progress, ProgressCallback, TrainingProgress
from ganetic.errors import UserError
from ganetic.evaluation.evaluate_path import evaluate_path
from ganetic.evaluation.results import Evaluation
from ganetic.evolution import search as searches
from ganetic.evolution.resources import Runtime
from ganetic.evolution.results import Run, open_run
from ganetic.evolution.selection import pick_card
from ganetic.report.loss_files import write_loss
from ganetic.training import train as trainings
from ganetic.training.config import Classes, TrainConfig, configured
from ganetic.training.generate import find_checkpoint, generate_images
from ganetic.training.metadata import is_training
from ganetic.training.outcome import Training

MOST_IMAGES = 1_000_000
"""Images that are drawn at once."""
FEWEST_JUDGED = 16
"""Images that can be evaluated."""


@overload
def resume(
    run: Run,
    runtime: Runtime | None = None,
    callback: ProgressCallback[Progress] | None = None,
    train_callback: ProgressCallback[TrainingProgress] | None = None,
) -> Run: ...


@overload
def resume(
    run: Training,
    runtime: Runtime | None = None,
    callback: ProgressCallback[Progress] | None = None,
    train_callback: ProgressCallback[TrainingProgress] | None = None,
) -> Training: ...


@overload
def resume(
    run: Path | str,
    runtime: Runtime | None = None,
    callback: ProgressCallback[Progress] | None = None,
    train_callback: ProgressCallback[TrainingProgress] | None = None,
) -> Run | Training: ...


def resume(
    run: Run | Training | Path | str,
    runtime: Runtime | None = None,
    callback: ProgressCallback[Progress] | None = None,
    train_callback: ProgressCallback[TrainingProgress] | None = None,
) -> Run | Training:
    """Go on with a search or a training that was stopped or killed, whichever the directory holds.

    Args:
        run: its directory, or what `search` or `train` returned.
        runtime: where a search goes on, and for how long; of a training only ``workers``, by default 1, and
            ``download`` are read.
        callback: its ``update`` is told where a search stands; sentences go to `logging`, see `ganetic.callbacks`.
        train_callback: is told where a training stands, after every step.

    Returns:
        The run of a search, or how a training stands.

    Raises:
        UserError: there is neither, a search is finished, a training is given more than it takes, or what was begun
            cannot be gone on with.
    """
    directory, runtime = _directory(run), runtime or Runtime()
    if not is_training(directory):
        return searches.resume(directory, runtime, callback)
    if runtime != Runtime(workers=runtime.workers, download=runtime.download):
        raise UserError(
            f"{directory}: is a training, which takes workers and download alone; leave out the other options"
        )
    workers = 1 if runtime.workers is None else runtime.workers
    return trainings.resume_training(directory, workers, runtime.download, train_callback)


def export(run: Run | Path | str, card: Path | str, pick: str = "knee") -> list[Path]:
    """Write a loss of a run as a loss card, and beside it a stand-alone torch module and a formula.

    Args:
        run: the run of a search.
        card: a file that ends in ``.json``; ``.py`` and ``.tex`` go beside it.
        pick: which loss: ``knee``, ``fd``, ``stability`` or an individual's number, see
            `ganetic.evolution.selection.pick_card`.

    Returns:
        The three files, the card first.

    Raises:
        UserError: there is no run, nobody can be picked, or the place cannot be written.
    """
    return write_loss(pick_card(run if isinstance(run, Run) else open_run(run), pick), Path(card))


def train(
    loss: str | Path,
    config: str | Path | TrainConfig = "demo",
    *,
    model: str | None = None,
    data: str | None = None,
    classes: Classes | None = None,
    size: int | None = None,
    steps: int | None = None,
    batch: int | None = None,
    seed: int | None = None,
    run: Path | str | None = None,
    stop_when_failed: bool | None = None,
    workers: int = 1,
    download: bool = False,
    callback: ProgressCallback[TrainingProgress] | None = None,
) -> Training:
    """Train a full GAN with a loss.

    Ctrl-C writes a checkpoint and stops, and `resume` goes on from there.

    Args:
        loss: a name of the library, the path of a card, or an expression.
        config: the name of a preset, the path of a TOML file, or a configuration.
        model: ``mlp``, ``dcgan``, ``msg-gan``, ``msg-sagan``, ``stylegan2`` or one of another package; None here
            and below for what the configuration says.
        data: a data set, as `ganetic.data.load_images` names them; a window stands behind the name, as in
            ``folder:ct?window=-1000,400``.
        classes: names of the classes to train on, or one string of them with commas between; none for all.
        size: side in pixels to which images are resized, 8 to 1,024.
        steps: updates of each player.
        batch: images a step, over all workers.
        seed: of everything random.
        run: the directory to make; None makes one under ``runs/``.
        stop_when_failed: whether to stop when three measurements in a row find a failure.
        workers: processes that share every batch, through Ray Train.
        download: whether a missing data set may be downloaded.
        callback: its ``update`` is told where the training stands, after every step; sentences go to `logging`, see
            `ganetic.callbacks`.

    Returns:
        How the training stands: finished, failed, or stopped and ready to be resumed.

    Raises:
        UserError: something given is wrong; no directory was made then.
    """
    chosen = configured(
        config,
        model=model,
        data=data,
        classes=classes,
        size=size,
        steps=steps,
        batch=batch,
        seed=seed,
        stop_when_failed=stop_when_failed,
    )
    return trainings.train(chosen, loss, None if run is None else Path(run), workers, download, callback)


def generate(
    path: Training | Path | str,
    count: int = 64,
    seed: int = 0,
    truncation: float | None = None,
    label: str | None = None,
) -> NDArray[np.uint8]:
    """Draw images from a trained generator.

    Args:
        path: a training, for its best checkpoint, or the directory of a checkpoint.
        count: how many, 1 to 1,000,000.
        seed: not negative; the same checkpoint and seed give the same images on one kind of device, and the first ones
            of a larger count.
        truncation: of `stylegan2`, from 0 to 1: the less, the nearer are images to the most common ones, and the less
            they vary; None for images as trained.
        label: of a training with ``[data] conditional = true``, the name of the class that all images are of; None for
            all classes, each as often as among the training images.

    Returns:
        uint8 ``(count, H, W, C)``, C being 1 or 3.

    Raises:
        UserError: there is no checkpoint, it is damaged or without truncation or such a class, or a number is out of
            range.
    """
    if not 1 <= count <= MOST_IMAGES:
        raise UserError(f"count is {count}; expected 1 to {MOST_IMAGES} images")
    _refuse_negative(seed)
    if truncation is not None and not 0 <= truncation <= 1:
        raise UserError(f"truncation is {truncation}; expected 0 to 1")
    return generate_images(find_checkpoint(_directory(path)), count, seed, truncation, label)


def evaluate(
    path: Training | Path | str,
    data: str | None = None,
    *,
    count: int | None = None,
    seed: int = 0,
    inception_weights: Path | str | None = None,
    download: bool = False,
) -> Evaluation:
    """Say how good, how varied and how copied generated images are, measured against real ones.

    Args:
        path: a training, for its best checkpoint; the directory of a checkpoint; or a folder of images.
        data: the real images. A training brings its own; other images are cut down to its classes and size, too. For a
            folder: a data set, or another folder as ``folder:DIR``, with which it is then compared image by image.
        count: images to draw, from a generator or out of a folder, 16 or more; None for all of a folder, and from a
            generator for as many as there are held-out images, from 16 to 2,000.
        seed: of the images drawn; not negative.
        inception_weights: a file of InceptionV3 weights, to measure FID and KID as well.
        download: whether a missing data set may be downloaded.

    Raises:
        UserError: there is nothing to evaluate there, nothing to compare it with, or a number is out of range.
    """
    if count is not None and not FEWEST_JUDGED <= count <= MOST_IMAGES:
        raise UserError(f"count is {count}; expected {FEWEST_JUDGED} to {MOST_IMAGES} images")
    _refuse_negative(seed)
    weights = None if inception_weights is None else Path(inception_weights)
    return evaluate_path(_directory(path), data, count, seed, weights, download)


def _directory(path: Run | Training | Path | str) -> Path:
    return path.directory if isinstance(path, Run | Training) else Path(path)


def _refuse_negative(seed: int) -> None:
    if seed < 0:
        raise UserError(f"seed is {seed}; expected 0 or more")
