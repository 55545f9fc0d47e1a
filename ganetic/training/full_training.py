"""A full training, from the last checkpoint to the end: measured, drawn and written down as it goes."""

import math
from pathlib import Path

from ganetic.callbacks import ProgressCallback, TrainingProgress
from ganetic.errors import UserError
from ganetic.gan.step import StepLosses
from ganetic.interrupt import interruptible
from ganetic.reproducible import reproducible
from ganetic.training.checkpoint import TrainState, checkpoints_in, read_checkpoint
from ganetic.training.config import TrainConfig
from ganetic.training.diagnosis import has_failed
from ganetic.training.logger import NullLogger, TrainingLogger
from ganetic.training.loop import Callback, Schedule, fit
from ganetic.training.parallel import any_of
from ganetic.training.setup import TrainingSetup
from ganetic.training.trainer import NonFiniteError, StoppedError, Trainer


def go_on(run: Path, setup: TrainingSetup, cpu_threads: int, progress: ProgressCallback[TrainingProgress]) -> None:
    """Train from the last checkpoint, or from the start, to the end; how it ended stands in the run's directory.

    Args:
        run: its directory, with its metadata.
        setup: what to train with.
        cpu_threads: on how many the training began; on another number its last digits would differ.
        progress: is told where the training stands.

    Raises:
        UserError: a checkpoint is damaged, or the directory cannot be written.
    """
    trainer = setup.trainer
    with reproducible(cpu_threads), interruptible() as interrupt:
        restored = _restored(run, trainer)
        logger = _training_logger(run, setup, restored is None, progress)
        callback = FullTraining(setup, logger, restored)
        try:
            fit(trainer, schedule_of(setup.config), callback, lambda: interrupt.requested)
        except StoppedError as stop:
            logger.log_stop(trainer.step, str(stop))
        finally:
            logger.close()


def schedule_of(config: TrainConfig) -> Schedule:
    """When a full training is measured: at every checkpoint, of which the last step is one."""
    return Schedule(config.steps, lambda step: step % config.checkpoint_every == 0 or step == config.steps)


class FullTraining(Callback):
    """Measures a training at each checkpoint, has everything written down, and stops what has failed.

    Of several processes the first one measures and writes, and all stop where one cannot go on.

    Args:
        setup: what is trained with.
        logger: writes.
        restored: how the training stood at the checkpoint where it goes on; None where it begins.
    """

    def __init__(self, setup: TrainingSetup, logger: TrainingLogger, restored: TrainState | None) -> None:
        self._setup, self._training_logger = setup, logger
        self._begins = restored is None
        self._train_state = restored or TrainState(step=0, trace=())

    def on_start(self, trainer: Trainer) -> None:
        """Measure the untrained generator.

        Raises:
            NonFiniteError: something is not finite.
        """
        if self._begins:
            self._measure(trainer)

    def on_log(self, trainer: Trainer, losses: StepLosses, update: float) -> None:
        """Write losses and the update down.

        Raises:
            NonFiniteError: the update is not finite.
        """
        if not math.isfinite(update):
            trainer.check_state()
        self._train_state = self._train_state.with_update(trainer.step, update)
        self._training_logger.log_step(trainer.step, losses, update)

    def on_measure(self, trainer: Trainer) -> None:
        """Measure, and write a checkpoint.

        Raises:
            NonFiniteError: something is not finite.
            StoppedError: the training has failed, and was to stop then.
        """
        self._measure(trainer)
        config, failures = self._setup.config, self._train_state.ills
        failed = config.stop_when_failed and trainer.step < config.steps and has_failed(failures)
        if any_of(failed, trainer.distributed):
            failure = failures[-1] if failed else "a failure"
            raise StoppedError(f"step {trainer.step}: {failure} at three measurements in a row")

    def on_step(self, trainer: Trainer) -> None:
        """Say where the training stands."""
        self._training_logger.progress(trainer.step, self._train_state)

    def on_end(self, trainer: Trainer) -> None:
        """Write a checkpoint, if the training was asked to stop between two measurements.

        Raises:
            NonFiniteError: something is not finite.
        """
        if self._train_state.step < trainer.step:
            trainer.check_state()
            self._training_logger.checkpoint(self._train_state.model_copy(update={"step": trainer.step}))

    def _measure(self, trainer: Trainer) -> None:
        problem = None
        try:
            trainer.check_state()
            if trainer.distributed.rank == 0:
                self._train_state = self._setup.monitor.measure(trainer, self._train_state)
        except NonFiniteError as error:
            problem = error
        if any_of(problem is not None, trainer.distributed):
            raise problem or NonFiniteError(f"step {trainer.step}: another process found something that is not finite")
        if trainer.distributed.rank > 0:
            self._train_state = self._train_state.model_copy(update={"step": trainer.step})
        else:
            self._training_logger.log_measurement(self._train_state)


def _training_logger(
    run: Path, setup: TrainingSetup, new: bool, progress: ProgressCallback[TrainingProgress]
) -> TrainingLogger:
    if setup.trainer.distributed.rank > 0:
        return NullLogger()
    data = setup.training_data
    labels = None if data.labels is None else data.labels.training
    return TrainingLogger(run, setup.config, setup.trainer, data.training_images, new, progress, labels)


def _restored(run: Path, trainer: Trainer) -> TrainState | None:
    found = checkpoints_in(run)
    if not found:
        return None
    state, train_state = read_checkpoint(found[-1])
    try:
        trainer.load_state(state, train_state.step)
    except (KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:100]
        raise UserError(f"{found[-1]}: does not fit the training ({reason}); delete it to go on before it") from None
    return train_state
