"""What a draw of a training subset gives: scores of every arm, as plain data in a journal."""

from ganetic.augmenting.gan import GanResult
from ganetic.config import Config


class ArmResult(Config):
    """What an arm gave in a draw."""

    arm: str
    """Its name, see `ganetic.augmenting.arms`."""
    share: float | None
    """Generated images for each real one, as validation images chose; None without any."""
    validation: dict[str, float]
    """The primary score on validation images by share, the mean over classifier seeds; ``0`` without generated
    images."""
    scores: dict[str, float]
    """Each score on test images, the mean over classifier seeds."""


class DrawResult(Config):
    """What a draw gave."""

    draw: int
    """Its number."""
    size: int
    """Real images of each class."""
    subset_sha256: str
    """Of the images that trained the GANs, whatever their order."""
    gans: tuple[GanResult, ...]
    """What came of each GAN."""
    copies: float
    """Share of the generated images that are copies of training images."""
    arms: tuple[ArmResult, ...]
    """In the order of `ganetic.augmenting.arms.ARMS`."""
    samples: str
    """Some generated images of each class, beside real ones: a PNG in base64; empty but in the first draw."""
    gan_seconds: float
    """Spent on GANs."""
    classifier_seconds: float
    """Spent on features and classifiers."""
