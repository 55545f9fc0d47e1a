"""New images scored by a detector of a folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganetic.data.new_images import NewImages, read_new_images
from ganetic.detection.detector import Detector
from ganetic.detection.scores import SUM, Scores
from ganetic.detection.stored import load_detector, read_detector_file
from ganetic.errors import UserError

_PART = {"gan": "trained its GAN", "encoder": "trained its encoder", "validation": "set the scale of its scores"}


@dataclass(frozen=True, eq=False)
class Scored:
    """Images and their scores.

    Attributes:
        detector: that scored them.
        names: what each image is called.
        images: uint8 ``(N, S, S, C)``, as the detector sees them.
        scores: see `ganetic.detection.detector.Detector.score`.
    """

    detector: Detector
    names: tuple[str, ...]
    images: NDArray[np.uint8]
    scores: Scores

    @property
    def order(self) -> NDArray[np.int64]:
        """The images from the most to the least anomalous."""
        return np.argsort(-self.scores[SUM], kind="stable")


def score_files(directory: Path, paths: Sequence[Path]) -> Scored:
    """Score files, and all images of folders.

    Args:
        directory: of the detector.
        paths: files and folders.

    Raises:
        UserError: there is no detector, an image cannot be read, or one had a part in the detector.
    """
    file = read_detector_file(directory)
    new = read_new_images(paths, file.provenance.data, file.size, file.channels)
    detector = load_detector(directory)
    refuse_seen(detector, new, str(directory))
    return Scored(detector, new.names, new.images, detector.score(new.images))


def refuse_seen(detector: Detector, new: NewImages, where: str) -> None:
    """Refuse images that had a part in a detector: their scores say nothing of others.

    Raises:
        UserError: there is one.
    """
    parts = detector.seen_among(new.images)
    seen = np.any(list(parts.values()), 0)
    if seen.any():
        first = int(seen.argmax())
        part = next(part for part, had in parts.items() if had[first])
        raise UserError(
            f"{new.names[first]}: {_PART[part]}; {int(seen.sum())} of {len(seen)} images had such a part in {where}, "
            "and their scores say nothing; leave them out"
        )
