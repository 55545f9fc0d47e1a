"""Published data sets, through the packages that know where they are and what their files' digests are."""

import hashlib
import pickle
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ganetic.data.npz import medmnist_arrays
from ganetic.data.raw import RawImages, raw_images
from ganetic.errors import UserError, needs_extra, unknown

TORCHVISION = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "cifar10": "CIFAR10"}
MEDMNIST_SIZES = (28, 64, 128, 224)


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


def read_medmnist(place: str, download: bool, root: Path) -> RawImages:
    """Read a set of two-dimensional images of MedMNIST; split 0, 1, 2 are its training, validation and test images.

    Yang et al., https://arxiv.org/abs/2110.14795. Where an image has several labels, as in chestmnist, the set counts
    as unlabelled.

    Args:
        place: ``NAME@SIZE``, such as ``pneumoniamnist@64``; 28 pixels where no size is named.
        download: let medmnist download what is missing, from zenodo.org.
        root: where its files are, such as ``pneumoniamnist_64.npz``.

    Raises:
        UserError: there is no such set; its file is missing or not the published one; or medmnist is missing.
    """
    with needs_extra("medmnist", f"medmnist:{place}"):
        from medmnist import INFO  # noqa: PLC0415  (takes seconds to import)

    name, _, size = place.partition("@")
    flat = [known for known in INFO if not known.endswith("3d")]
    if name not in flat:
        raise unknown("set of MedMNIST", name, flat)
    if size not in ("", *map(str, MEDMNIST_SIZES)):
        raise unknown("size of MedMNIST", size, map(str, MEDMNIST_SIZES), f"medmnist:{name}")
    suffix = "" if size in ("", "28") else f"_{size}"
    path = root / f"{name}{suffix}.npz"
    if download and not path.exists():
        _download_medmnist(INFO[name]["python_class"], int(size or 28), root)
    return _checked_medmnist(path, INFO[name], suffix)


def _checked_medmnist(path: Path, info: dict[str, Any], suffix: str) -> RawImages:
    try:
        digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    except OSError:
        raise UserError(f"{path}: no such file; use --download, or put MedMNIST's file there") from None
    if digest != info[f"MD5{suffix}"]:
        raise UserError(
            f"{path}: not the published file (md5 {digest}, expected {info[f'MD5{suffix}']}); delete it and use "
            "--download, or name your own images with npz:FILE"
        )
    with np.load(path, allow_pickle=False) as archive:
        arrays, notes = medmnist_arrays(archive)
    names = tuple(re.sub(r"\s+", " ", info["label"][key]) for key in sorted(info["label"], key=int))
    labels, split = arrays.get("labels"), arrays["split"]
    return raw_images(path.stem, str(path), arrays["images"], labels, names, split, notes=notes)


def _download_medmnist(kind: str, size: int, root: Path) -> None:
    import medmnist  # noqa: PLC0415  (takes seconds to import)

    try:
        root.mkdir(parents=True, exist_ok=True)
        getattr(medmnist, kind)(split="train", download=True, root=str(root), size=size)
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise UserError(f"medmnist: {kind} at {size} px cannot be downloaded to {root} ({reason})") from None
