"""``mnist``, ``fashion-mnist`` and ``cifar10``, through torchvision, which knows where they are and their digests."""

import pickle
import zlib
from pathlib import Path

import numpy as np

from ganetic.data.data_source import DATA, DataRequest, DataSource, Origin
from ganetic.data.raw import RawImages, raw_images
from ganetic.data.sources.mnist5k import ORIGIN as MNIST
from ganetic.errors import UserError

TORCHVISION = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "cifar10": "CIFAR10"}
"""Our names and torchvision's."""
ORIGINS = {
    "mnist": MNIST,
    "fashion-mnist": Origin(
        "MIT", "Xiao et al., Fashion-MNIST, https://arxiv.org/abs/1708.07747", "zalando-datasets/fashion_mnist"
    ),
    "cifar10": Origin("", "Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009", "uoft-cs/cifar10"),
}
"""As their makers have it; those of CIFAR-10 name no licence."""


def read_torchvision(name: str, download: bool, root: Path) -> RawImages:
    """Read a data set of torchvision, training and test images, the latter as split 1.

    Args:
        name: one of `TORCHVISION`.
        download: let torchvision download what is missing.
        root: where its files are.

    Raises:
        UserError: files are missing or damaged.
    """
    from torchvision import datasets  # noqa: PLC0415  (takes a second to import)

    maker = getattr(datasets, TORCHVISION[name])
    try:
        # torchvision unpickles CIFAR-10, but only files whose digests are the published ones.
        parts = [maker(str(root), train=train, download=download) for train in (True, False)]
    except (OSError, RuntimeError, ValueError, AssertionError, EOFError, zlib.error, pickle.UnpicklingError) as error:
        advice = "" if download else "; use --download, or put torchvision's files there"
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise UserError(f'data set "{name}" cannot be read from {root} ({reason}){advice}') from None
    images = np.concatenate([np.asarray(part.data) for part in parts])
    labels = np.concatenate([np.asarray(part.targets) for part in parts])
    split = np.repeat([0, 1], [len(part.data) for part in parts])
    return raw_images(name, f"{root}: {name}", images, labels, tuple(parts[0].classes), split)


@DATA.register("mnist")
@DATA.register("fashion-mnist")
@DATA.register("cifar10")
class Torchvision(DataSource):
    """A data set of torchvision."""

    downloads = True

    def read(self, wanted: DataRequest) -> RawImages:
        """Read training and test images, the latter as split 1."""
        return read_torchvision(wanted.kind, wanted.download, wanted.root)

    def origin(self, wanted: DataRequest) -> Origin:
        """Return what its makers say."""
        return ORIGINS[wanted.kind]
