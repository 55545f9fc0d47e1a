"""Begin a full training, or go on with one."""

import logging
import os
import shutil
import time
from pathlib import Path
from typing import Any

import torch

from ganetic.callbacks import NullProgressCallback, ProgressCallback, TrainingProgress
from ganetic.errors import UserError, typed
from ganetic.files import make_directory, refuse_impossible_directory
from ganetic.jobs.lock import run_lock
from ganetic.loss.card import LossCard, resolve_loss, write_card
from ganetic.loss.formula import Formula
from ganetic.metrics.features import DIMENSIONS
from ganetic.reproducible import reproducible, versions
from ganetic.training.card_rates import found_at_other_rates
from ganetic.training.checkpoint import TrainState
from ganetic.training.config import OptimizerSpec, TrainConfig, scales_of
from ganetic.training.data import TrainingData, training_data_of
from ganetic.training.device import device_for_trials
from ganetic.training.full_training import go_on
from ganetic.training.memory import estimate
from ganetic.training.metadata import RunMetadata, is_training, read_metadata, write_metadata
from ganetic.training.outcome import Training, training_in
from ganetic.training.parallel import check_workers
from ganetic.training.rates import Rates
from ganetic.training.setup import TrainingSetup, notes_on_augmentation, prepare
from ganetic.training.trained_on import write_trained_on

ORPHAN_SECONDS = 60.0
"""A training whose driver was killed may go on for so long before its process is ended, too."""

_logger = logging.getLogger(__name__)

PIXELS_A_THREAD = 16 * 32**2
"""Pixels of a batch that are too few for more than one CPU thread."""


def train(
    config: TrainConfig,
    loss: str | Path,
    run: Path | None = None,
    workers: int = 1,
    download: bool = False,
    callback: ProgressCallback[TrainingProgress] | None = None,
) -> Training:
    """Train a GAN with a loss.

    Args:
        config: all that decides the training, but for the loss.
        loss: a name of the library, the path of a card, or an expression.
        run: the directory to make; None makes one under ``runs/``.
        workers: processes that share every batch, through Ray Train.
        download: allow a download of the data set.
        callback: its ``update`` is told where the training stands, after every step.

    Raises:
        UserError: something given is wrong; no directory was made then.
    """
    callback = callback or NullProgressCallback()
    check_workers(config.batch, workers)
    name, formula = resolve_loss(loss)
    run = run or Path("runs") / f"{time.strftime('%Y%m%d-%H%M%S')}-train-{config.model.name}-{name}"
    if run.exists():
        advice = f"`{typed('ganetic', 'resume', run)}` goes on with it" if is_training(run) else "name a new directory"
        raise UserError(f"{run}: is there already; {advice}")
    refuse_impossible_directory(run)
    if said := found_at_other_rates(loss, _rates(config.optimizer), "trained with the configuration's"):
        _logger.warning(said)
    card = LossCard.of(name, formula)
    setup = prepare(config, formula, download)
    check_start(setup)
    metadata = _metadata_of(name, setup, workers)
    _make_directory(run, card, metadata, setup.training_data)
    with run_lock(run):
        _logger.info(f"run directory {run}")
        _go_on(run, setup, workers, metadata, callback)
    return training_in(run)


def resume_training(
    run: Path,
    workers: int = 1,
    download: bool = False,
    callback: ProgressCallback[TrainingProgress] | None = None,
) -> Training:
    """Go on with a training that was stopped or killed, from its last checkpoint.

    On one kind of CPU what comes out is equal, bit for bit, to what an uninterrupted training gives.

    Raises:
        UserError: there is no training, its data is not what it was, or a checkpoint is damaged.
    """
    callback = callback or NullProgressCallback()
    metadata = read_metadata(run)
    check_workers(metadata.config.batch, workers)
    with run_lock(run):
        setup = prepare(metadata.config, Formula.from_text(metadata.formula), download)
        _compare(run, metadata, _metadata_of(metadata.name, setup, workers))
        _go_on(run, setup, workers, metadata, callback)
    return training_in(run)


def train_in(run: Path, name: str, setup: TrainingSetup) -> Training:
    """Train in a directory of one's own, from its last checkpoint where the training was begun there.

    It is trained on one CPU thread, so that the same comes out wherever it runs beside others.

    Args:
        run: the directory; made if it is not there.
        name: of the loss.
        setup: what to train with.

    Raises:
        UserError: another training was begun there, a checkpoint is damaged, or the directory cannot be written.
    """
    metadata = _metadata_of(name, setup, workers=1, cpu_threads=1)
    if not is_training(run):
        _make_directory(run, LossCard.of(name, setup.formula), metadata, setup.training_data)
    with run_lock(run, ORPHAN_SECONDS):
        begun = read_metadata(run)
        if (begun.config, begun.formula) != (metadata.config, metadata.formula):
            raise UserError(f"{run}: another training was begun there; name a new directory")
        _compare(run, begun, metadata)
        go_on(run, setup, 1, NullProgressCallback())
    return training_in(run)


def plan(config: TrainConfig, loss: str | Path, workers: int = 1, download: bool = False) -> dict[str, Any]:
    """What a training would be, as plain data: its configuration, images, size and memory.

    Raises:
        UserError: something given is wrong.
    """
    check_workers(config.batch, workers)
    name, formula = resolve_loss(loss)
    training_data = training_data_of(config, download)
    for note in notes_on_augmentation(config, formula, training_data):
        _logger.warning(note)
    size, channels = training_data.training_images.shape[2:]
    needs = estimate(config, size, channels, len(training_data.classes))
    return {
        "loss": {"name": name, "formula": formula.text},
        "config": config.model_dump(mode="json"),
        "images": {
            "data": f"{training_data.images.name}:{training_data.images.fingerprint[:12]}",
            "size": size,
            "channels": channels,
            "training": len(training_data.training),
            "held_out": len(training_data.held_out),
            **({"classes": dict(training_data.classes)} if training_data.classes else {}),
        },
        "scales": scales_of(config, size),
        "parameters": {"generator": needs.generator_parameters, "discriminator": needs.discriminator_parameters},
        "memory_estimate_mib": round(needs.bytes / 2**20),
        "device": device_for_trials(),
    }


def _rates(optimizer: OptimizerSpec) -> list[Rates]:
    """The rates of the generator and of the discriminator."""
    return [
        Rates(learning_rate=rate, beta1=optimizer.beta1)
        for rate in (optimizer.generator_lr, optimizer.discriminator_lr)
    ]


def _go_on(
    run: Path, setup: TrainingSetup, workers: int, metadata: RunMetadata, callback: ProgressCallback[TrainingProgress]
) -> None:
    if workers == 1:
        go_on(run, setup, int(metadata.made_with["cpu_threads"]), callback)
        return
    from ganetic.training.distributed import train_on_workers  # noqa: PLC0415 - Ray Train takes seconds to import

    train_on_workers(run, workers, callback)


def check_start(setup: TrainingSetup) -> float:
    """Refuse images that an untrained generator's cannot be told from; of few images it is said instead.

    Returns:
        The Fréchet distance of the untrained generator.

    Raises:
        UserError: they are such images.
    """
    statistics, images = setup.monitor.reference_statistics, setup.training_data.images
    with reproducible(torch.get_num_threads()):
        start = setup.monitor.measure(setup.trainer, TrainState(step=0, trace=())).trace[0][1]
    if statistics.floor_fd <= 0:
        raise UserError(
            f"{images.name}: holds out the same pictures that it trains on; expected more, or varied, images"
        )
    if statistics.floor_fd < start:
        return start
    if statistics.sample_size >= DIMENSIONS:
        raise UserError(
            f"{images.name}: an untrained generator's images (distance {start:.3g}) are as near to the held-out ones "
            f"as other images of the set ({statistics.floor_fd:.3g}); expected more, or more varied, images"
        )
    _logger.warning(  # of fewer images than features a distance is mostly bias
        f"{images.name}: {statistics.sample_size} held-out images are too few to tell an untrained generator's images "
        f"(distance {start:.3g}) from real ones ({statistics.floor_fd:.3g}): fd says nothing; look at the samples"
    )
    return start


def _metadata_of(name: str, setup: TrainingSetup, workers: int, cpu_threads: int | None = None) -> RunMetadata:
    statistics = setup.monitor.reference_statistics
    size, channels = setup.training_data.training_images.shape[2:]
    # Resumed and evaluated from wherever, and with the window that its training images decided.
    images = setup.config.data.model_copy(update={"name": setup.training_data.images.source})
    return RunMetadata(
        name=name,
        formula=setup.formula.text,
        config=setup.config.model_copy(update={"data": images}),
        data=statistics.data,
        size=size,
        channels=channels,
        protocol=statistics.protocol,
        floor_fd=statistics.floor_fd,
        classes=dict(setup.training_data.classes),
        made_with={**versions(), "cpu_threads": str(cpu_threads or _threads(setup)), "workers": str(workers)},
    )


def _threads(setup: TrainingSetup) -> int:
    """The number of CPU threads to train on: in small steps two wait for each other as long as they work.

    Measured with `msg-sagan` on two idle cores, two threads against one: 1.3 times as long at 32 pixels and batches of
    8, 0.7 times at 64 pixels; where other programs want the cores, 3 times as long at 32 pixels.
    """
    size = setup.training_data.training_images.shape[2]
    return 1 if setup.config.batch * size**2 <= PIXELS_A_THREAD else torch.get_num_threads()


def _compare(run: Path, then: RunMetadata, now: RunMetadata) -> None:
    if now.data != then.data:
        raise UserError(f"{run}: was trained on {then.data}, which is now {now.data}; bring the images back")
    for key, value in now.made_with.items():
        if key != "cpu_threads" and (before := then.made_with.get(key)) != value:
            _logger.warning(f"begun with {key} {before}, goes on with {value}: results may differ")


def _make_directory(run: Path, card: LossCard, metadata: RunMetadata, training_data: TrainingData) -> None:
    """Make the directory aside and rename it, so that it is that of a training or not there."""
    aside = run.with_name(f".{run.name}.{os.getpid()}")
    make_directory(aside)
    try:
        write_card(card, aside / "loss.json")
        write_metadata(aside, metadata)
        write_trained_on(aside, training_data.training_images)
        aside.rename(run)
    except OSError as error:
        raise UserError(f"{run}: cannot be made: {error.strerror or error}") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)
