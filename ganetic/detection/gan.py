"""A trained GAN as detection uses it: both nets as they are, and what they have seen."""

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ganetic.data.fingerprints import Fingerprints, fingerprints
from ganetic.errors import UserError
from ganetic.gan.models import ModelSpec, pyramid
from ganetic.gan.step import Images
from ganetic.loss.formula import Formula
from ganetic.metrics.features import to_unit
from ganetic.training.adaptation import real_is_above
from ganetic.training.data import load_training_data
from ganetic.training.generate import Checkpoint, load_discriminator, load_generator
from ganetic.training.trained_on import read_trained_on

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class TrainedGan:
    """Both nets of a finished training, in evaluation mode; their parameters want no gradient.

    Attributes:
        generator: the averaged one: latents ``(N, latent)`` to images or, in msg-*, to pyramids.
        discriminator: these to logits ``(N,)``.
        model: of which they are.
        size: side of the images in pixels.
        channels: 1 for grey images, 3 for colour.
        formula: the loss, which decides what the discriminator's output means.
        seen: sorted fingerprints of the images that trained it; empty where that is not known.
    """

    generator: nn.Module
    discriminator: nn.Module
    model: ModelSpec
    size: int
    channels: int
    formula: Formula
    seen: Fingerprints

    @property
    def real_is_above(self) -> bool:
        """Whether the discriminator puts real images above generated ones. Nothing in a loss says that it must."""
        return real_is_above(self.formula)

    def shown(self, images: NDArray[np.uint8], device: str) -> Images:
        """Turn uint8 images ``(N, H, W, C)`` into what the discriminator takes, at every scale.

        Raises:
            UserError: they are of another size or number of channels than the GAN's.
        """
        wanted = (self.size, self.size, self.channels)
        if images.dtype != np.uint8 or images.shape[1:] != wanted:
            raise UserError(
                f"images are {images.dtype} of the shape {images.shape}; expected uint8 (N, {self.size}, {self.size}, "
                f"{self.channels}), as those that trained the GAN"
            )
        return pyramid(to_unit(images, device), self.model.sides(self.size))


def load_gan(checkpoint: Checkpoint, download: bool = False) -> TrainedGan:
    """Load both nets of a checkpoint, on the CPU.

    Args:
        checkpoint: of a training, as `ganetic.training.generate.find_checkpoint` finds it.
        download: whether the images of a run that does not keep their fingerprints may be downloaded.

    Raises:
        UserError: the checkpoint is damaged, or is of a GAN that is told classes.
    """
    metadata = checkpoint.metadata
    if metadata.classes:
        raise UserError(
            f"{checkpoint.directory}: this GAN is told classes ({', '.join(metadata.classes)}), and detection has none "
            "to tell; train one of normal images without `conditional = true` in [data]"
        )
    return TrainedGan(
        load_generator(checkpoint),
        load_discriminator(checkpoint),
        metadata.config.model,
        metadata.size,
        metadata.channels,
        Formula.from_text(metadata.formula),
        images_seen(checkpoint, download),
    )


def images_seen(checkpoint: Checkpoint, download: bool = False) -> Fingerprints:
    """Return the fingerprints of the images that trained a checkpoint, sorted.

    A run of before fingerprints were kept has them taken from its images, where these are still what they were. Where
    not, that is said, and the result is empty.
    """
    kept = read_trained_on(checkpoint.directory.resolve().parent.parent)
    if kept is not None:
        return kept
    metadata, config = checkpoint.metadata, checkpoint.metadata.config
    try:
        data = load_training_data(config.data, config.eval_images, download, config.ranks_held_out)
        if f"{data.images.name}:{data.images.fingerprint[:12]}" == metadata.data:
            return np.unique(fingerprints(data.training_images))
        reason = "they are others now"
    except UserError as error:
        reason = str(error)
    _logger.warning(
        f"{checkpoint.directory}: it is not known which images of {metadata.data} trained it ({reason}); "
        "make sure that none of them is scored"
    )
    return np.empty(0, np.int64)
