"""Which images trained a GAN: their fingerprints, in a file of the run."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganetic.data.fingerprints import Fingerprints, fingerprints
from ganetic.errors import UserError
from ganetic.files import whole

TRAINED_ON = "trained_on.npy"
"""A file in the directory of a run. Runs of ganetic 0.1 and earlier do not have it."""


def write_trained_on(run: Path, images: NDArray[np.uint8]) -> None:
    """Write the fingerprints of the images ``(N, H, W, C)`` that train a GAN.

    Raises:
        UserError: the place cannot be written.
    """
    with whole(run / TRAINED_ON) as aside:
        np.save(aside, np.unique(fingerprints(images)))


def read_trained_on(run: Path) -> Fingerprints | None:
    """Read the fingerprints of the images that trained a GAN, sorted; None where the run does not keep them.

    Raises:
        UserError: the file is damaged.
    """
    path = run / TRAINED_ON
    if not path.is_file():
        return None
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path}: cannot be read ({str(error)[:80]}); restore it from a copy, or delete it") from None
    if not isinstance(found, np.ndarray) or found.dtype != np.int64 or found.ndim != 1:
        raise UserError(f"{path}: holds no fingerprints of images; restore it from a copy, or delete it")
    return found
