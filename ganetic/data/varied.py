"""Whether images differ from one another, and are more than noise."""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from ganetic.data.image_set import ImageSet
from ganetic.errors import UserError

LEAST_DIFFERENT = 64
"""Different images in a set that is fit for a search."""
MOST_ALIKE = 0.5
"""Share of a set that may be one and the same image."""
LEAST_SD = 1.0
"""Grey levels by which a pixel differs from image to image, root mean square over the pixels."""
_LOOKED_AT = 2_000


def refuse_alike(images: ImageSet) -> None:
    """Refuse a set of one image, again and again.

    Raises:
        UserError: it has too few different images, most are one and the same, or they hardly differ.
    """
    count = len(images.images)
    copies = Counter(hash(image.tobytes()) for image in images.images)
    if len(copies) < LEAST_DIFFERENT:
        raise UserError(
            f"{images.name}: {len(copies)} of {count} images differ from one another; expected at least "
            f"{LEAST_DIFFERENT} different ones; leave the copies out, and bring more"
        )
    if (most := max(copies.values())) > MOST_ALIKE * count:
        raise UserError(
            f"{images.name}: {most} of {count} images are one and the same; expected at most {MOST_ALIKE:.0%}; leave "
            "the copies out, and bring more"
        )
    some = images.images[:: -(-count // _LOOKED_AT)].astype(np.float32)
    sd = float(np.sqrt(some.var(0).mean()))
    if sd < LEAST_SD:
        raise UserError(
            f"{images.name}: a pixel differs by {sd:.2g} of 255 grey levels from image to image; expected at least "
            f"{LEAST_SD:g}; these are copies of one image"
        )


def neighbour_correlation(images: NDArray[np.uint8]) -> float:
    """Return the correlation of pixels side by side in images ``(N, H, W, C)``, after the mean image is taken off.

    It is 0 of noise, and near 1 of photographs.
    """
    rest = images.astype(np.float32)
    rest -= rest.mean(0)
    power = float((rest**2).mean())
    return float((rest[:, :, 1:] * rest[:, :, :-1]).mean()) / power if power > 0 else 0.0
