"""The scores of all baselines on a split: made once, and kept."""

import hashlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from ganetic.detection.baselines.imagenet import PROTOCOL, mahalanobis, neighbours, view
from ganetic.detection.baselines.patches import RATIO, patch_distances
from ganetic.detection.baselines.pixels import brightness, mean_image, pca_residual
from ganetic.detection.scores import Scores
from ganetic.files import whole

TO_BEAT = "kNN-5"
"""The baseline that a GAN has to beat, fixed before any result."""
PATCHES, PATCH_MAP = "patches", "patch map"
NAMES = ("brightness", "mean image", "PCA-32 residual", "Mahalanobis", TO_BEAT, PATCHES)
"""In the order of tables."""
SENTENCE = (
    "Baselines see the same training images: brightness is the mean grey value; mean image is the distance to the mean "
    "of the training images; Mahalanobis (Ledoit-Wolf) and kNN-5 (unit length, mean of five distances) are in ImageNet "
    f"features ({PROTOCOL}); patches keep a greedy coreset of {RATIO:.0%} and score an image by its farthest patch."
)
"""How baselines are said to work."""

_VERSION = 1
"""Goes up when a baseline changes."""


def baseline_scores(training: NDArray[np.uint8], test: NDArray[np.uint8], kept: Path) -> Scores:
    """Return the scores of each baseline on the test images, and ``patch map``; the higher, the more anomalous.

    Args:
        training: normal images, uint8 ``(N, H, W, C)``.
        test: uint8 ``(T, H, W, C)``.
        kept: an npz file from which they are read, if it is of these images, or else written to.

    Returns:
        float64 ``(T,)`` by the names of `NAMES`, and under ``patch map`` the distance of each patch, ``(T, P)``.

    Raises:
        UserError: the wheel with the net is not installed, or the file cannot be written.
    """
    digest = _digest(training, test)
    found = read_scores(kept, digest)
    if found is None:
        found = _made(training, test)
        with whole(kept) as aside:
            np.savez(aside, **{"digest": np.array(digest), **found})  # type: ignore[arg-type]
    return found


def read_scores(kept: Path, digest: str | None = None) -> Scores | None:
    """Read what `baseline_scores` kept; None where there is nothing readable, or it is of other images.

    Args:
        kept: the file.
        digest: of the images; None for whatever images it is of.
    """
    try:
        # numpy leaves a file open that it cannot read
        with kept.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            if digest in (None, str(file["digest"])):
                return {name: file[name] for name in (*NAMES, PATCH_MAP)}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        pass  # not there, or damaged: it is made again
    return None


def _made(training: NDArray[np.uint8], test: NDArray[np.uint8]) -> Scores:
    known, seen = view(training), view(test)
    patches = patch_distances(known.patches, seen.patches)
    columns = (
        brightness(training, test),
        mean_image(training, test),
        pca_residual(training, test),
        mahalanobis(known.features, seen.features),
        neighbours(known.features, seen.features),
        patches.max(axis=1),
    )
    return {**dict(zip(NAMES, columns, strict=True)), PATCH_MAP: patches}


def _digest(training: NDArray[np.uint8], test: NDArray[np.uint8]) -> str:
    digest = hashlib.sha256(f"{_VERSION} {training.shape} {test.shape} ".encode())
    for images in (training, test):
        digest.update(np.ascontiguousarray(images).data)
    return digest.hexdigest()
