"""The loop of a full training, from the last checkpoint to the end."""

from dataclasses import dataclass
from pathlib import Path

import torch

from ganetic.errors import UserError
from ganetic.full.checkpoint import Standing, checkpoints_in, read_checkpoint
from ganetic.full.chronicle import Bystander, Chronicle
from ganetic.full.config import TrainConfig
from ganetic.full.diagnosis import has_failed
from ganetic.full.gauge import Gauge
from ganetic.full.listener import TrainListener
from ganetic.full.share import ALONE, Share, agreed
from ganetic.full.subject import Subject, subject_of
from ganetic.full.trainer import StoppedError, Trainer
from ganetic.loss.formula import Formula
from ganetic.proxy.materials import device_for_trials
from ganetic.reproducible import reproducible
from ganetic.search.interrupt import Interrupt, interruptible

WATCH = 10
"""Every so many steps the losses and the generator's update are recorded."""


@dataclass(frozen=True, eq=False)
class Work:
    """What a process trains with.

    Attributes:
        config: of the training.
        formula: the loss.
        subject: the images.
        trainer: nets and all that changes.
        gauge: measures the generator.
    """

    config: TrainConfig
    formula: Formula
    subject: Subject
    trainer: Trainer
    gauge: Gauge


def prepare(
    config: TrainConfig, formula: Formula, listener: TrainListener, download: bool = False, share: Share = ALONE
) -> Work:
    """Load the images, build the nets, and train the net that measures.

    Raises:
        UserError: something in the configuration does not fit together, or there are no such images.
    """
    device = device_for_trials()
    subject = subject_of(config, download)
    listener.log(f"{subject.images.name}: {len(subject.training)} training images, {len(subject.held_out)} held out")
    if subject.images.note:
        listener.log(subject.images.note)
    trainer = Trainer(config, formula, subject.training_images, device, share)
    listener.log("preparing the net that measures images, once for each data set")
    yardstick = subject.yardstick(device)
    listener.log(f"{yardstick.protocol}: real images against real ones {yardstick.floor_fd:.1f}")
    gauge = Gauge(yardstick, config.model.latent, config.seed, config.steps, device)
    return Work(config, formula, subject, trainer, gauge)


def go_on(run: Path, work: Work, listener: TrainListener) -> None:
    """Train from the last checkpoint, or from the start, to the end; how it ended stands in the run's directory.

    Raises:
        UserError: a checkpoint is damaged, or the directory cannot be written.
    """
    trainer = work.trainer
    with reproducible(torch.get_num_threads()), interruptible() as interrupt:
        restored = _restored(run, trainer)
        chronicle = _chronicle(run, work, listener)
        try:
            standing = restored or _measured(work, Standing(step=0, trace=()), chronicle)
            _loop(work, standing, chronicle, interrupt)
        except StoppedError as stop:
            chronicle.stopped(trainer.step, str(stop))
        finally:
            chronicle.close()


def _chronicle(run: Path, work: Work, listener: TrainListener) -> Chronicle:
    if work.trainer.share.rank > 0:
        return Bystander()
    return Chronicle(run, work.config, work.trainer, work.subject.training_images, listener)


def _loop(work: Work, standing: Standing, chronicle: Chronicle, interrupt: Interrupt) -> None:
    """Train to the end of the steps, or until somebody asks to stop."""
    trainer, config = work.trainer, work.config
    while trainer.step < config.steps and not interrupt.requested:
        watched = (trainer.step + 1) % WATCH == 0
        before = trainer.weights() if watched else None
        losses = trainer.advance()
        if before is not None:
            change = float((trainer.weights() - before).norm())
            update = change / (config.optimiser.generator_rate * len(before) ** 0.5)
            standing = standing.watched(trainer.step, update)
            chronicle.watched(trainer.step, losses, update)
        if trainer.step % config.checkpoint_every == 0 or trainer.step == config.steps:
            standing = _measured(work, standing, chronicle)
            if config.stop_when_failed and agreed(has_failed(standing.ills), trainer.share):
                raise StoppedError(f"step {trainer.step}: {standing.ills[-1]} at three measurements in a row")
        chronicle.progress(trainer.step, standing)
    if standing.step < trainer.step:  # asked to stop between two measurements
        trainer.check()
        chronicle.checkpoint(standing.model_copy(update={"step": trainer.step}))


def _measured(work: Work, standing: Standing, chronicle: Chronicle) -> Standing:
    """Measure, and write a checkpoint; of several processes the first does it."""
    work.trainer.check()
    if work.trainer.share.rank > 0:
        return standing.model_copy(update={"step": work.trainer.step})
    standing = work.gauge.measure(work.trainer, standing)
    chronicle.measured(standing)
    return standing


def _restored(run: Path, trainer: Trainer) -> Standing | None:
    found = checkpoints_in(run)
    if not found:
        return None
    state, standing = read_checkpoint(found[-1])
    try:
        trainer.load_state(state, standing.step)
    except (KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:100]
        raise UserError(f"{found[-1]}: does not fit the training ({reason}); delete it to go on before it") from None
    return standing
