"""From a trained GAN and a set of images to a detector in a folder."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ganetic.callbacks import ProgressCallback, TrainingProgress
from ganetic.data import load_images
from ganetic.data.source import with_window_of
from ganetic.detection.detector import Detector, check_fit, fit_detector
from ganetic.detection.division import divide_normals
from ganetic.detection.encoder import EncoderConfig
from ganetic.detection.gan import load_gan
from ganetic.detection.stored import Provenance, refuse_used, save_detector
from ganetic.errors import UserError
from ganetic.training.generate import find_checkpoint

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Fit:
    """A detector that was fitted and written.

    Attributes:
        directory: where it is.
        detector: itself.
        training: normal images that trained the encoder.
        validation: normal images that its scores are scaled by.
    """

    directory: Path
    detector: Detector
    training: int
    validation: int


def fit(
    gan: Path,
    directory: Path,
    data: str | None = None,
    normal: Sequence[str] = (),
    settings: EncoderConfig | None = None,
    seed: int = 0,
    download: bool = False,
    callback: ProgressCallback[TrainingProgress] | None = None,
) -> Fit:
    """Fit a detector on the normal images of a set, and write it.

    Args:
        gan: a training, for its best checkpoint, or a checkpoint: of a GAN of normal images.
        directory: a new or empty one.
        data: the images, by a name that `ganetic.data.load_images` knows; None for those of the training. They get the
            size of the training and, where they name none, its window.
        normal: names of the normal classes; none where the set has no classes.
        settings: of the encoder; None for the defaults.
        seed: of the encoder's training.
        download: whether a missing data set may be downloaded.
        callback: is told where the training of the encoder stands.

    Raises:
        UserError: there is no checkpoint, the images do not fit it or are too few, or the directory cannot be written.
    """
    refuse_used(directory)
    checkpoint = find_checkpoint(gan)
    loaded, trained_on = load_gan(checkpoint, download), checkpoint.metadata.config.data.name
    images = load_images(with_window_of(data or trained_on, trained_on), download, size=loaded.size)
    if images.images.shape[3] != loaded.channels:
        raise UserError(
            f"{images.name}: {_colours(images.images.shape[3])} images; the GAN makes {_colours(loaded.channels)} "
            "ones; convert them"
        )
    train, validation = (images.images[part] for part in divide_normals(images, normal, loaded.seen))
    settings = settings or EncoderConfig()
    check_fit(loaded, train, validation, settings.layer)
    for note in images.notes:
        _logger.info(note)
    _logger.info(
        f"{images.name}: {len(train)} normal images train the encoder, {len(validation)} others scale its scores"
    )
    detector = fit_detector(loaded, train, validation, settings, seed, callback)
    provenance = Provenance(
        gan=str(checkpoint.directory.resolve()),
        loss=checkpoint.metadata.name,
        data=images.source,
        normal=tuple(normal),
    )
    save_detector(detector, directory, provenance)
    return Fit(directory, detector, len(train), len(validation))


def _colours(channels: int) -> str:
    return "grey" if channels == 1 else "colour"
