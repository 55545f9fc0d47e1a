"""A user's own images: an npz archive, or a folder of pictures."""

import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganetic.data.image_set import MAX_SIDE, ImageSet, image_set
from ganetic.errors import UserError

IMAGE_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
_KEYS = ("images", "labels", "split", "class_names", "patient")


def read_npz(path: Path) -> ImageSet:
    """Read the arrays ``images``, and optionally ``labels``, ``split``, ``class_names`` and ``patient``.

    Raises:
        UserError: the file cannot be read, or does not hold such arrays.
    """
    arrays = _arrays(path)
    names = tuple(str(name)[:40] for name in arrays.get("class_names", np.array([])).ravel())
    numbers = (arrays.get("split"), arrays.get("patient"))
    return image_set(path.stem, str(path), arrays["images"], arrays.get("labels"), names, *numbers)


def _arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    """The arrays of an archive that mean something here."""
    try:
        with path.open("rb") as file:  # numpy leaves a file open that it cannot read
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise UserError(f"{path}: not an npz archive; expected one with the arrays images and labels")
            if "images" not in archive.files:
                found = ", ".join(archive.files)[:80] or "nothing"
                raise UserError(f"{path}: has no array images; found {found}")
            return {key: archive[key] for key in _KEYS if key in archive.files}
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, ValueError, EOFError, KeyError, TypeError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        if "pickle" in reason:  # numpy's own message advises to load it unsafely
            reason = "it is no zip file, or holds Python objects, which are never loaded"
        raise UserError(f"{path}: not a readable npz archive of plain arrays ({reason})") from None


def read_folder(path: Path) -> ImageSet:
    """Read a folder with a folder of pictures for each class, or with pictures right in it.

    Raises:
        UserError: there are no pictures, or they cannot be read or differ in size.
    """
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
    return image_set(path.resolve().name, str(path), images, labels, tuple(folder.name[:40] for folder in classes))


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
