"""A full training as a job of an executor: many of them, on prepared images."""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganetic.errors import UserError
from ganetic.loss.formula import Formula
from ganetic.metrics.reference import ReferenceStatistics
from ganetic.training.config import TrainConfig, scales_of
from ganetic.training.data import TrainingData
from ganetic.training.device import begin_on, device_for_trials, peak_memory
from ganetic.training.diagnosis import has_failed
from ganetic.training.failure_modes import FailureMode
from ganetic.training.outcome import Training
from ganetic.training.record import seconds_of
from ganetic.training.result import TrialResult, TrialState
from ganetic.training.setup import TrainingSetup, notes_on_augmentation, prepare, with_prepared
from ganetic.training.train import check_start, train_in

_logger = logging.getLogger(__name__)

TRAININGS = "trainings"
"""Directory of the trainings in that of a study."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """Images and what measures them, loaded once: they travel to workers, and every worker measures with the same net.

    Attributes:
        training_data: the images.
        reference_statistics: measures them.
        start_fd: the distance of an untrained generator.
    """

    training_data: TrainingData
    reference_statistics: ReferenceStatistics
    start_fd: float


@dataclass(frozen=True, eq=False)
class TrainingContext:
    """What the trainings of a study share.

    Attributes:
        directory: of the study, absolute. On another machine that does not see it trainings begin in one of that name.
        prepared: images by name of the configuration.
    """

    directory: str
    prepared: Mapping[str, Prepared]


def prepare_for(
    config: TrainConfig, formula: Formula, download: bool = False, like: Prepared | None = None
) -> Prepared:
    """Load the images of a configuration, and train the net that measures them.

    Args:
        config: of the trainings; the seed decides the untrained generator that is measured.
        formula: one of the losses; of an untrained generator it has no say.
        download: allow a download.
        like: what was prepared for a configuration that differs in nothing that decides images.

    Raises:
        UserError: something in the configuration does not fit together, there are no such images, or an untrained
            generator's cannot be told from them.
    """
    setup: TrainingSetup = (
        prepare(config, formula, download) if like is None else _with_images_of(config, formula, like)
    )
    statistics, start = setup.monitor.reference_statistics, check_start(setup)
    if start <= statistics.floor_fd:  # samples of one training can be looked at; losses are compared by fd alone
        name, count = setup.training_data.images.name, statistics.sample_size
        raise UserError(f"{name}: {count} held-out images are too few to compare losses by fd; expected more images")
    return Prepared(setup.training_data, statistics, start)


def _with_images_of(config: TrainConfig, formula: Formula, like: Prepared) -> TrainingSetup:
    scales_of(config, like.training_data.images.images.shape[1])
    for note in notes_on_augmentation(config, formula, like.training_data):
        _logger.warning(note)
    return with_prepared(config, formula, like.training_data, like.reference_statistics)


def train_job(context: TrainingContext, payload: dict[str, Any]) -> dict[str, Any]:
    """Train as a plain payload says and return the result as plain data; what was begun before goes on.

    Args:
        context: what it trains with.
        payload: ``name``, of its directory; ``setup``, in whose images; ``loss`` and ``formula``; ``config``, a
            `TrainConfig`; ``is_kept``, whether its directory stays when it has ended.

    Raises:
        KeyboardInterrupt: it was interrupted, and has written a checkpoint.
    """
    run = Path(context.directory) / TRAININGS / payload["name"]
    begin_on(device_for_trials())
    prepared, config = context.prepared[payload["setup"]], TrainConfig.model_validate(payload["config"])
    setup = with_prepared(
        config, Formula.from_text(payload["formula"]), prepared.training_data, prepared.reference_statistics
    )
    training = train_in(run, payload["loss"], setup)
    if training.status == "stopped":
        raise KeyboardInterrupt
    result = result_of(training)
    if not payload["is_kept"]:
        shutil.rmtree(run)
    return result.model_dump(mode="json")


def result_of(training: Training) -> TrialResult:
    """What came out of a full training, as of a trial.

    One that did not stay finite has failed, and so has one whose last three measurements each found a failure.
    """
    train_state = training.train_state
    reason: str | None = None
    if has_failed(train_state.ills):
        reason = train_state.ills[-1]
    elif training.status == "failed":
        reason = FailureMode.NON_FINITE
    return TrialResult(
        state=TrialState.COMPLETED if reason is None else TrialState.FAILED,
        reason=reason,
        trace=train_state.trace,
        strengths=train_state.strengths,
        steps=train_state.step,
        seconds=seconds_of(training.directory),
        peak_memory_bytes=peak_memory(device_for_trials()),
    )
