"""``medmnist:NAME@SIZE``: two-dimensional sets of MedMNIST, whose package knows where they are and their digests."""

import hashlib
import re
from pathlib import Path
from typing import Any

import numpy as np

from ganetic.data.data_source import DATA, DataRequest, DataSource, Origin
from ganetic.data.raw import RawImages, raw_images
from ganetic.data.sources.npz import medmnist_arrays
from ganetic.errors import UserError, needs_extra, unknown

MEDMNIST_SIZES = (28, 64, 128, 224)


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
    name, _, size = place.partition("@")
    info = _info(place)
    if size not in ("", *map(str, MEDMNIST_SIZES)):
        raise unknown("size of MedMNIST", size, map(str, MEDMNIST_SIZES), f"medmnist:{name}")
    suffix = "" if size in ("", "28") else f"_{size}"
    path = root / f"{name}{suffix}.npz"
    if download and not path.exists():
        _download_medmnist(info["python_class"], int(size or 28), root)
    return _checked_medmnist(path, info, suffix)


def _info(place: str) -> dict[str, Any]:
    """What medmnist's package knows of the set at a place."""
    with needs_extra("medmnist", f"medmnist:{place}"):
        from medmnist import INFO  # noqa: PLC0415  (takes seconds to import)

    name = place.partition("@")[0]
    flat = [known for known in INFO if not known.endswith("3d")]
    if name not in flat:
        raise unknown("set of MedMNIST", name, flat)
    info: dict[str, Any] = INFO[name]
    return info


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


@DATA.register("medmnist")
class MedMnist(DataSource):
    """A set of MedMNIST."""

    place = "NAME@SIZE"
    downloads = True

    def read(self, wanted: DataRequest) -> RawImages:
        """Read a set as `read_medmnist` describes."""
        return read_medmnist(wanted.place, wanted.download, wanted.root)

    def origin(self, wanted: DataRequest) -> Origin:
        """Return what medmnist's package says of the set.

        Raises:
            UserError: medmnist is not installed, or knows no such set.
        """
        credit = "Yang et al., MedMNIST v2, https://arxiv.org/abs/2110.14795, which names the source of each set"
        return Origin(_info(wanted.place)["license"], credit)
