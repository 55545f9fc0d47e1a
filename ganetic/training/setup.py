"""What a process trains with in a full training: images, nets and what measures them."""

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganetic.gan.models import build, scales
from ganetic.gan.profiles import notes_on
from ganetic.loss.formula import Formula
from ganetic.metrics.reference import ReferenceStatistics
from ganetic.reproducible import reproducible
from ganetic.training.adaptation import notes_on_reach, notes_on_signal
from ganetic.training.config import TrainConfig
from ganetic.training.data import TrainingData, training_data_of
from ganetic.training.device import device_for_trials
from ganetic.training.evaluator import Evaluator
from ganetic.training.labels import RealLabels
from ganetic.training.monitor import Monitor
from ganetic.training.parallel import SINGLE_PROCESS, DistributedContext
from ganetic.training.trainer import Trainer, TrainerSpec

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class TrainingSetup:
    """What a process trains with.

    Attributes:
        config: of the training.
        formula: the loss.
        training_data: the images.
        trainer: nets and all that changes.
        monitor: measures the generator.
    """

    config: TrainConfig
    formula: Formula
    training_data: TrainingData
    trainer: Trainer
    monitor: Monitor


@reproducible()
def prepare(
    config: TrainConfig, formula: Formula, download: bool = False, distributed: DistributedContext = SINGLE_PROCESS
) -> TrainingSetup:
    """Load the images, build the nets, and train the net that measures.

    Raises:
        UserError: something in the configuration does not fit together, or there are no such images.
    """
    training_data = training_data_of(config, download)
    _logger.info(
        f"{training_data.images.name}: {len(training_data.training)} training images, "
        f"{len(training_data.held_out)} held out"
    )
    for note in training_data.images.notes:
        _logger.info(note)
    for note in notes_on_augmentation(config, formula, training_data):
        _logger.warning(note)
    trainer = _trainer(config, formula, training_data, distributed)
    _logger.info("preparing the net that measures images, once for each data set")
    reference_statistics = training_data.reference_statistics(device_for_trials())
    _logger.info(f"{reference_statistics.protocol}: real images against real ones {reference_statistics.floor_fd:.1f}")
    return _setup_of(config, formula, training_data, reference_statistics, trainer)


@reproducible()
def with_prepared(
    config: TrainConfig, formula: Formula, training_data: TrainingData, reference_statistics: ReferenceStatistics
) -> TrainingSetup:
    """Build the nets of a training whose images are loaded, and whose net that measures is trained.

    Raises:
        UserError: the loss does not go with the configuration.
    """
    trainer = _trainer(config, formula, training_data)
    return _setup_of(config, formula, training_data, reference_statistics, trainer)


def full_trainer(
    config: TrainConfig,
    formula: Formula,
    images: NDArray[np.uint8],
    device: str,
    distributed: DistributedContext = SINGLE_PROCESS,
    held_out: NDArray[np.uint8] | None = None,
    labels: RealLabels | None = None,
    bfloat16: bool = True,
) -> Trainer:
    """The trainer of a full training, before its first step.

    Args:
        config: the training.
        formula: the loss.
        images: uint8 ``(N, H, W, C)`` that train the GAN.
        device: ``cpu`` or ``cuda``.
        distributed: this process's part of every batch.
        held_out: uint8 ``(M, H, W, C)`` that do not; adaptive augmentation looks at them.
        labels: of both, where the nets are told classes.
        bfloat16: whether nets run in bfloat16 on CUDA, as trainings do.

    Raises:
        UserError: the model does not take such images or no labels, or a penalty does not go with the loss.
    """
    size, channels = images.shape[2:]
    optimizer = config.optimizer
    spec = TrainerSpec(
        seed=config.seed,
        batch=config.batch,
        latent=config.model.latent,
        generator_lr=optimizer.generator_lr,
        discriminator_lr=optimizer.discriminator_lr,
        beta1=optimizer.beta1,
        beta2=optimizer.beta2,
        ema_decay=config.ema_decay,
        regulariser=config.regulariser,
        augmentation=config.augmentation,
        real_changes=config.data.augmentation,
        bfloat16=bfloat16,
    )
    classes = 0 if labels is None else int(labels.training.max()) + 1
    nets = build(config.model, size, channels, config.seed, classes)
    return Trainer(nets, spec, formula, images, device, scales(config.model, size), distributed, held_out, labels)


def _trainer(
    config: TrainConfig,
    formula: Formula,
    training_data: TrainingData,
    distributed: DistributedContext = SINGLE_PROCESS,
) -> Trainer:
    images, held_out = training_data.training_images, training_data.held_out_images
    return full_trainer(config, formula, images, device_for_trials(), distributed, held_out, training_data.labels)


def notes_on_augmentation(config: TrainConfig, formula: Formula, training_data: TrainingData) -> tuple[str, ...]:
    """What should be said of the augmentation of a training, a line each.

    Raises:
        UserError: it changes colours, and the images are grey.
    """
    spec = config.augmentation
    return (
        *notes_on(spec, training_data.training_images.shape[3]),
        *notes_on_signal(spec, formula, len(training_data.held_out)),
        *notes_on_reach(spec, config.steps, config.batch),
    )


def _setup_of(
    config: TrainConfig,
    formula: Formula,
    training_data: TrainingData,
    reference_statistics: ReferenceStatistics,
    trainer: Trainer,
) -> TrainingSetup:
    measured_by = (reference_statistics, config.model.latent, config.seed, device_for_trials())
    evaluator = Evaluator(*measured_by, training_data.classes)
    return TrainingSetup(config, formula, training_data, trainer, Monitor(evaluator, config.steps))
