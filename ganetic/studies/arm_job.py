"""A training of an arm as a job of an executor: what it ended with is measured in more ways than by its distance."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ganetic.evaluation.evaluate_path import evaluate_checkpoint
from ganetic.gan.ada import auc
from ganetic.loss.formula import Formula
from ganetic.metrics.imagenet import ImageNetFeatures
from ganetic.reproducible import random_stream, reproducible
from ganetic.training.adaptation import real_is_above
from ganetic.training.checkpoint import checkpoints_in, read_checkpoint
from ganetic.training.config import TrainConfig
from ganetic.training.generate import find_checkpoint
from ganetic.training.job import TRAININGS, Prepared, TrainingContext, train_job
from ganetic.training.result import EndMeasure, TrialResult, TrialState
from ganetic.training.setup import with_prepared

AUC = "auc"
"""How often the discriminator puts a training image above a held-out one, without any changes of images."""
EVALUATED = ("pretrained_fd", "pretrained_kd", "recall", "copies", "nearer_in_features")
"""What an evaluation of the generator says of it."""
NO_MEMORY = 0.5


def arm_job(context: TrainingContext, payload: dict[str, Any]) -> dict[str, Any]:
    """Train as `train_job` does, and measure what a training that did not fail ended with; plain data.

    Args:
        context: what it trains with.
        payload: as of `train_job`; the training is kept.

    Raises:
        KeyboardInterrupt: it was interrupted, and has written a checkpoint.
    """
    result = TrialResult.model_validate(train_job(context, payload))
    if result.state is TrialState.COMPLETED:
        run = Path(context.directory) / TRAININGS / payload["name"]
        result = result.model_copy(update={"measures": end_measures(run, payload, context.prepared)})
    return result.model_dump(mode="json")


def end_measures(run: Path, payload: Mapping[str, Any], prepared: Mapping[str, Prepared]) -> tuple[EndMeasure, ...]:
    """Measure the averaged generator and the discriminator after the last step.

    Args:
        run: directory of the training.
        payload: as of `train_job`.
        prepared: images by name of the configuration.
    """
    own = prepared[payload["setup"]]
    found = evaluate_checkpoint(
        find_checkpoint(checkpoints_in(run)[-1]), own.training_data, pretrained=ImageNetFeatures()
    )
    generated = [
        EndMeasure(name=one.name, protocol=one.protocol, value=one.value, floor=one.floor)
        for one in found.measures
        if one.name in EVALUATED
    ]
    return (*generated, _remembered(run, payload, own))


@reproducible()
def _remembered(run: Path, payload: Mapping[str, Any], own: Prepared) -> EndMeasure:
    """What the discriminator remembers, by ranks: of as many training images as are held out."""
    config, formula = TrainConfig.model_validate(payload["config"]), Formula.from_text(payload["formula"])
    trainer = with_prepared(config, formula, own.training_data, own.reference_statistics).trainer
    state, train_state = read_checkpoint(checkpoints_in(run)[-1])
    trainer.load_state(state, train_state.step)
    held_out = own.training_data.held_out_images
    training = _some(own.training_data.training_images, len(held_out))
    sign = 1 if real_is_above(formula) else -1
    known = auc(sign * trainer.judged(training), sign * trainer.judged(held_out))
    images = f"{min(len(training), len(held_out))}"
    name = own.training_data.images.name
    return EndMeasure(name=AUC, protocol=f"{AUC}@{name}-discriminator/{images}", value=known, floor=NO_MEMORY)


def _some(images: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    chosen = torch.randperm(len(images), generator=random_stream(0, AUC))[:count]
    some: NDArray[np.uint8] = images[chosen.numpy()]
    return some
