"""The loop of a full training, from the last checkpoint to the end."""

import logging
import math
from dataclasses import dataclass
from pathlib import Path

from ganetic.callbacks import Callback, TrainingProgress
from ganetic.errors import UserError
from ganetic.full.checkpoint import Standing, checkpoints_in, read_checkpoint
from ganetic.full.chronicle import Bystander, Chronicle
from ganetic.full.config import TrainConfig
from ganetic.full.diagnosis import has_failed
from ganetic.full.gauge import Gauge
from ganetic.full.share import ALONE, Share, any_of
from ganetic.full.subject import Subject, subject_of
from ganetic.full.trainer import NonFiniteError, StoppedError, Trainer
from ganetic.interrupt import Interrupt, interruptible
from ganetic.loss.formula import Formula
from ganetic.proxy.materials import device_for_trials
from ganetic.reproducible import reproducible

_logger = logging.getLogger(__name__)

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


@reproducible()
def prepare(config: TrainConfig, formula: Formula, download: bool = False, share: Share = ALONE) -> Work:
    """Load the images, build the nets, and train the net that measures.

    Raises:
        UserError: something in the configuration does not fit together, or there are no such images.
    """
    device = device_for_trials()
    subject = subject_of(config, download)
    _logger.info(f"{subject.images.name}: {len(subject.training)} training images, {len(subject.held_out)} held out")
    for note in subject.images.notes:
        _logger.info(note)
    trainer = Trainer(config, formula, subject.training_images, device, share)
    _logger.info("preparing the net that measures images, once for each data set")
    yardstick = subject.yardstick(device)
    _logger.info(f"{yardstick.protocol}: real images against real ones {yardstick.floor_fd:.1f}")
    gauge = Gauge(yardstick, config.model.latent, config.seed, config.steps, device)
    return Work(config, formula, subject, trainer, gauge)


def go_on(run: Path, work: Work, cpu_threads: int, callback: Callback[TrainingProgress]) -> None:
    """Train from the last checkpoint, or from the start, to the end; how it ended stands in the run's directory.

    Args:
        run: its page is written.
        work: what to train with.
        cpu_threads: on how many the training began; on another number its last digits would differ.
        callback: is told where the training stands.

    Raises:
        UserError: a checkpoint is damaged, or the directory cannot be written.
    """
    trainer = work.trainer
    with reproducible(cpu_threads), interruptible() as interrupt:
        restored = _restored(run, trainer)
        chronicle = _chronicle(run, work, restored is None, callback)
        try:
            standing = restored or _measured(work, Standing(step=0, trace=()), chronicle)
            _loop(work, standing, chronicle, interrupt)
        except StoppedError as stop:
            chronicle.stopped(trainer.step, str(stop))
        finally:
            chronicle.close()


def _chronicle(run: Path, work: Work, new: bool, callback: Callback[TrainingProgress]) -> Chronicle:
    if work.trainer.share.rank > 0:
        return Bystander()
    return Chronicle(run, work.config, work.trainer, work.subject.training_images, new, callback)


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
            if not math.isfinite(update):
                trainer.check()
            standing = standing.watched(trainer.step, update)
            chronicle.watched(trainer.step, losses, update)
        if trainer.step % config.checkpoint_every == 0 or trainer.step == config.steps:
            standing = _measured(work, standing, chronicle)
            failed = config.stop_when_failed and trainer.step < config.steps and has_failed(standing.ills)
            if any_of(failed, trainer.share):
                ill = standing.ills[-1] if failed else "an ill"
                raise StoppedError(f"step {trainer.step}: {ill} at three measurements in a row")
        chronicle.progress(trainer.step, standing)
    if standing.step < trainer.step:  # asked to stop between two measurements
        trainer.check()
        chronicle.checkpoint(standing.model_copy(update={"step": trainer.step}))


def _measured(work: Work, standing: Standing, chronicle: Chronicle) -> Standing:
    """Measure, and write a checkpoint; of several processes the first does it, and all stop where one cannot go on."""
    trainer, problem = work.trainer, None
    try:
        trainer.check()
        if trainer.share.rank == 0:
            standing = work.gauge.measure(trainer, standing)
    except NonFiniteError as error:
        problem = error
    if any_of(problem is not None, trainer.share):
        raise problem or NonFiniteError(f"step {trainer.step}: another process found something that is not finite")
    if trainer.share.rank > 0:
        return standing.model_copy(update={"step": trainer.step})
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
