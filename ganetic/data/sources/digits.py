"""``digits``: scikit-learn's 8×8 digits; no file to bring, no network."""

import numpy as np

from ganetic.data.data_source import DATA, DataRequest, DataSource, Origin
from ganetic.data.raw import RawImages, raw_images

ORIGIN = Origin(
    "CC BY 4.0",
    "Alpaydin & Kaynak, Optical Recognition of Handwritten Digits, 1998, https://doi.org/10.24432/C50P49",
)
"""As the UCI Machine Learning Repository has it."""


def digits() -> RawImages:
    """scikit-learn's 8×8 digits, each pixel repeated 4×4 times."""
    from sklearn.datasets import load_digits  # noqa: PLC0415  (takes a second to import)

    loaded = load_digits()
    small = np.rint(loaded.images * (255 / 16)).astype(np.uint8)
    return raw_images("digits", "digits", small.repeat(4, axis=1).repeat(4, axis=2), loaded.target)


@DATA.register("digits")
class Digits(DataSource):
    """scikit-learn's digits."""

    def read(self, wanted: DataRequest) -> RawImages:  # noqa: ARG002 - there is one such set
        """Read them."""
        return digits()

    def origin(self, wanted: DataRequest) -> Origin:  # noqa: ARG002 - there is one such set
        """Return what its makers say."""
        return ORIGIN
