"""What a process trains with in a full training: images, nets and what measures them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganetic.gan.models import build, scales
from ganetic.loss.formula import Formula
from ganetic.metrics.yardstick import Yardstick
from ganetic.reproducible import reproducible
from ganetic.training.config import TrainConfig
from ganetic.training.data import Subject, subject_of
from ganetic.training.device import device_for_trials
from ganetic.training.evaluator import Evaluator
from ganetic.training.gauge import Gauge
from ganetic.training.listener import TrainListener
from ganetic.training.parallel import ALONE, Share
from ganetic.training.trainer import Trainer, TrainerSpec


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
def prepare(
    config: TrainConfig, formula: Formula, listener: TrainListener, download: bool = False, share: Share = ALONE
) -> Work:
    """Load the images, build the nets, and train the net that measures.

    Raises:
        UserError: something in the configuration does not fit together, or there are no such images.
    """
    subject = subject_of(config, download)
    listener.log(f"{subject.images.name}: {len(subject.training)} training images, {len(subject.held_out)} held out")
    for note in subject.images.notes:
        listener.log(note)
    trainer = full_trainer(config, formula, subject.training_images, device_for_trials(), share)
    listener.log("preparing the net that measures images, once for each data set")
    yardstick = subject.yardstick(device_for_trials())
    listener.log(f"{yardstick.protocol}: real images against real ones {yardstick.floor_fd:.1f}")
    return _work(config, formula, subject, yardstick, trainer)


@reproducible()
def with_prepared(config: TrainConfig, formula: Formula, subject: Subject, yardstick: Yardstick) -> Work:
    """Build the nets of a training whose images are loaded, and whose net that measures is trained.

    Raises:
        UserError: the loss does not go with the configuration.
    """
    trainer = full_trainer(config, formula, subject.training_images, device_for_trials())
    return _work(config, formula, subject, yardstick, trainer)


def full_trainer(
    config: TrainConfig, formula: Formula, images: NDArray[np.uint8], device: str, share: Share = ALONE
) -> Trainer:
    """The trainer of a full training, before its first step.

    Args:
        config: the training.
        formula: the loss.
        images: uint8 ``(N, H, W, C)`` that train the GAN.
        device: ``cpu`` or ``cuda``.
        share: this process's part of every batch.

    Raises:
        UserError: the model does not take such images, or a penalty does not go with the loss.
    """
    size, channels = images.shape[2:]
    optimiser = config.optimiser
    spec = TrainerSpec(
        seed=config.seed,
        batch=config.batch,
        latent=config.model.latent,
        generator_rate=optimiser.generator_rate,
        discriminator_rate=optimiser.discriminator_rate,
        beta1=optimiser.beta1,
        beta2=optimiser.beta2,
        ema_decay=config.average,
        regulariser=config.regulariser,
        profile=config.augmentation.profile,
        real_changes=config.data.augmentation,
        bfloat16=True,
    )
    nets = build(config.model, size, channels, config.seed)
    return Trainer(nets, spec, formula, images, device, scales(config.model, size), share)


def _work(config: TrainConfig, formula: Formula, subject: Subject, yardstick: Yardstick, trainer: Trainer) -> Work:
    evaluator = Evaluator(yardstick, config.model.latent, config.seed, device_for_trials())
    return Work(config, formula, subject, trainer, Gauge(evaluator, config.steps))
