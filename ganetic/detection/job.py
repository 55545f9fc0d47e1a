"""A job of a study of detection: train a GAN on normal images, fit a detector on it, score the test images."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganetic.detection.detector import Detector, fit_detector
from ganetic.detection.encoder import EncoderConfig
from ganetic.detection.gan import load_gan
from ganetic.detection.masks import Masks
from ganetic.detection.stored import Provenance, load_detector, save_detector
from ganetic.errors import UserError
from ganetic.training.failure_modes import FailureMode
from ganetic.training.generate import find_checkpoint
from ganetic.training.job import TRAININGS, TrainingContext, train_job
from ganetic.training.result import TrialState

DETECTORS = "detectors"
"""Directory of the detectors in that of a study."""


@dataclass(frozen=True, eq=False)
class DetectionContext:
    """What the jobs of a study share.

    Attributes:
        training: what they train with.
        images: normal images that train and validate, uint8 ``(N, H, W, C)``.
        validates: bool ``(N,)``, which of them validate.
        test: uint8 ``(T, H, W, C)``.
        masks: where anomalies are in some test images; None where nobody knows.
    """

    training: TrainingContext
    images: NDArray[np.uint8]
    validates: NDArray[np.bool_]
    test: NDArray[np.uint8]
    masks: Masks | None


def detection_job(context: DetectionContext, payload: dict[str, Any]) -> dict[str, Any]:
    """Train, fit and score as a plain payload says; what was begun before goes on.

    The checkpoint is that with the lowest fd to the normal validation images, as `ganetic detect fit` takes it.

    Args:
        context: what it works with.
        payload: what `ganetic.training.job.train_job` takes, and ``encoder``, an `EncoderConfig`.

    Returns:
        The record of the training, and ``scores`` of the test images by name, or None where the GAN or its encoder did
        not stay finite; and ``aupro`` of the heat maps, or None without masks.
    """
    trained = train_job(context.training, payload)
    nothing = {**trained, "scores": None, "aupro": None}
    if trained["reason"] == FailureMode.NON_FINITE:
        return nothing
    try:
        detector = _fitted(context, payload)
    except UserError as error:
        return {**nothing, "state": TrialState.FAILED, "reason": f"no detector: {error}"}
    refuse_seen(detector, context.test)
    scores = {name: values.tolist() for name, values in detector.score(context.test).items()}
    return {**trained, "scores": scores, "aupro": _aupro(context, detector)}


def refuse_seen(detector: Detector, test: NDArray[np.uint8]) -> None:
    """Refuse a detector that has seen test images.

    Raises:
        UserError: one of them trained its GAN or its encoder, or set its scales.
    """
    for part, known in detector.seen_among(test).items():
        if known.any():
            raise UserError(
                f"{int(known.sum())} test images, such as number {int(known.argmax())}, had a part in the detector "
                f"({part}); expected none; name a new directory"
            )


def _fitted(context: DetectionContext, payload: dict[str, Any]) -> Detector:
    """The detector of a training: that in its directory, or a new one, which is kept there."""
    study, name = Path(context.training.directory), payload["name"]
    place = study / DETECTORS / name
    try:
        return load_detector(place)
    except UserError:
        shutil.rmtree(place, ignore_errors=True)  # none, or what a kill left
    checkpoint = find_checkpoint(study / TRAININGS / name)
    train, validation = context.images[~context.validates], context.images[context.validates]
    settings = EncoderConfig.model_validate(payload["encoder"])
    detector = fit_detector(load_gan(checkpoint), train, validation, settings, payload["config"]["seed"])
    provenance = Provenance(
        gan=str(checkpoint.directory),
        loss=payload["loss"],
        data=payload["config"]["data"]["name"],
    )
    save_detector(detector, place, provenance)
    return detector


def _aupro(context: DetectionContext, detector: Detector) -> float | None:
    if context.masks is None:
        return None
    return context.masks.aupro(detector.maps(context.test[context.masks.known]))
