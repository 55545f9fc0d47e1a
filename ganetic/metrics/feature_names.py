"""What features are called in configurations and on the command line."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ganetic.errors import did_you_mean
from ganetic.files import DIGEST
from ganetic.metrics.architectures import ARCHITECTURES

if TYPE_CHECKING:  # not for a cycle: names are read without torch, which the nets need
    from ganetic.metrics.extractor import FeatureSource

AUTO = "auto"
CNN = "cnn"
IMAGENET: dict[str, int | None] = {"imagenet": None, "imagenet32": 32, "imagenet64": 64}
"""Pixels a side that EfficientNet-Lite0 sees; None for `ganetic.metrics.imagenet.SIDE`."""
NAMES = (AUTO, CNN, *IMAGENET)


@dataclass(frozen=True)
class Candidate:
    """Features among which ``auto`` chooses.

    Attributes:
        milliseconds: of one core an image of 28 pixels, as analysis/feature_blocks.md says. A constant, so that the
            choice does not depend on what else a machine does.
    """

    milliseconds: float

    @property
    def seconds(self) -> float:
        """What a trial takes that trains for `TRAINING_SECONDS` and measures `MEASURED` images."""
        return TRAINING_SECONDS + MEASURED * self.milliseconds / 1000


TRAINING_SECONDS, MEASURED = 10.0, 8_000
"""Of a trial of the space `quick`: 400 steps on one core, and 1,000 images every 50 of them."""

CANDIDATES = {CNN: Candidate(0.04), "imagenet32": Candidate(0.24), "imagenet64": Candidate(1.54)}
"""From cheap to dear."""


def checked_features(text: str) -> str:
    """Return the name of features, with the place of their file absolute.

    Raises:
        ValueError: there are no such features.
    """
    architecture, colon, file = text.partition(":")
    expected = f"expected one of {', '.join(NAMES)}, or ARCHITECTURE:FILE with one of {', '.join(ARCHITECTURES)}"
    if not colon:
        if text not in NAMES:
            raise ValueError(f"{expected}{did_you_mean(text, [*NAMES, *ARCHITECTURES])}")
        return text
    if architecture not in ARCHITECTURES:
        raise ValueError(f"{expected}{did_you_mean(architecture, ARCHITECTURES)}")
    if not file or "\0" in file:
        raise ValueError(f"names no file; expected {architecture}:FILE, a file of weights")
    try:
        return f"{architecture}:{Path(file).expanduser().absolute()}"
    except RuntimeError:
        raise ValueError(f"{file.partition('/')[0]} is nobody's home; expected {architecture}:FILE") from None


def checked_digest(text: str) -> str:
    """Return the digest of a file in hex, or its beginning; empty for any.

    Raises:
        ValueError: it is none.
    """
    if text and not DIGEST.fullmatch(text):
        raise ValueError("expected 8 to 64 hex digits, as `sha256sum FILE` prints them")
    return text.lower()


def is_file(features: str) -> bool:
    """Whether features come from a file that the user brings."""
    return ":" in features


def file_of(features: str) -> Path | None:
    """The file that features come from; None where they come from none."""
    return Path(features.partition(":")[2]) if is_file(features) else None


def source_of(features: str, sha256: str = "") -> "FeatureSource | None":
    """Return where features come from; None for the small CNN that learns from the data.

    Args:
        features: a checked name, but not ``auto``.
        sha256: the digest that their file must have, or the beginning of it; empty for any.

    Raises:
        UserError: their file cannot be used, or their wheel is not installed.
    """
    if features == CNN:
        return None
    if is_file(features):
        from ganetic.metrics.backbone import load_backbone  # noqa: PLC0415 - names are read without torch

        architecture, _, file = features.partition(":")
        return load_backbone(architecture, Path(file), sha256 or None)
    from ganetic.metrics.imagenet import ImageNetFeatures  # noqa: PLC0415 - only those who ask for it need the wheel

    side = IMAGENET[features]
    return ImageNetFeatures() if side is None else ImageNetFeatures(side=side)
