"""How long a job of a study of detection takes: a few steps, timed."""

import time
from collections.abc import Callable

from ganetic.data.fingerprints import fingerprints
from ganetic.detection.detector import fit_detector
from ganetic.detection.encoder import EncoderConfig
from ganetic.detection.gan import TrainedGan
from ganetic.detection.job import DetectionContext
from ganetic.loss.formula import Formula
from ganetic.reproducible import reproducible
from ganetic.training.config import TrainConfig
from ganetic.training.device import device_for_trials
from ganetic.training.setup import full_trainer

STEPS = 6
"""Steps that are timed, after as many that are not."""


def seconds_a_step(
    context: DetectionContext, config: TrainConfig, formula: Formula, settings: EncoderConfig
) -> tuple[float, float]:
    """Return the seconds of a step of a GAN and of a step of its encoder, on one CPU thread.

    Args:
        context: the images.
        config: of the trainings.
        formula: one of the losses.
        settings: of the encoder.

    Raises:
        UserError: the loss does not go with the configuration, or the encoder does not fit the model.
    """
    train, validation = context.images[~context.validates], context.images[context.validates]
    with reproducible():
        trainer = full_trainer(config, formula, train, device_for_trials(), held_out=validation)
        of_gan = _timed(trainer.advance)
    size, channels = train.shape[2:]
    gan = TrainedGan(
        trainer.generator.eval().requires_grad_(False),
        trainer.discriminator.eval().requires_grad_(False),
        config.model,
        size,
        channels,
        formula,
        fingerprints(train[:0]),
    )

    def fitted(steps: int) -> float:
        began = time.perf_counter()
        few = settings.model_copy(update={"steps": steps})
        fit_detector(gan, train[:64], validation[:16], few)
        return time.perf_counter() - began

    fitted(1)
    of_encoder = max(fitted(1 + STEPS) - fitted(1), 0.0) / STEPS
    return of_gan, of_encoder


def _timed(step: Callable[[], object]) -> float:
    for _ in range(STEPS):
        step()
    began = time.perf_counter()
    for _ in range(STEPS):
        step()
    return (time.perf_counter() - began) / STEPS
