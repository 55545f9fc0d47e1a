"""New images for a trained net: files become what the images of its training became."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganetic.data.fit import fitted, middle_square
from ganetic.data.image_set import MAX_SIDE, Annotations
from ganetic.data.picture_format import FORMATS
from ganetic.data.pictures import Picture
from ganetic.data.raw import Depth, RawImages
from ganetic.data.reading import NoPictureError
from ganetic.data.source import Source
from ganetic.data.walk import format_of, walk
from ganetic.errors import UserError


@dataclass(frozen=True, eq=False)
class NewImages:
    """Images, and what each is called.

    Attributes:
        names: the path of its file; of a file of several pictures with the page, as in ``scan.nii.gz, page 3``.
        images: uint8 ``(N, S, S, C)``.
    """

    names: tuple[str, ...]
    images: NDArray[np.uint8]


def read_new_images(paths: Sequence[Path], like: str, size: int, channels: int) -> NewImages:
    """Read pictures out of files and folders, and change them as those of a data set were changed.

    The middle square of each is taken, the window of the data set makes 8-bit values of more bits, volumes are cut in
    its plane, and the side becomes that of the training. Folders are read with all folders below them.

    Args:
        paths: files and folders.
        like: the data set, by the name that its images were loaded by; its window and plane are taken.
        size: side of the images in pixels.
        channels: 1 for grey images, 3 for colour; grey pictures become colour, and colour ones are refused as grey.

    Raises:
        UserError: there is no such file or folder, it holds no picture, or one cannot be read or changed like that.
    """
    source = Source.parse(like)
    found = [(name, _changed(picture, name, source, size, channels)) for name, picture in _pictures(paths, source)]
    if not found:
        raise UserError(f"{', '.join(map(str, paths))[:200]}: holds no picture; expected one or more")
    return NewImages(tuple(name for name, _ in found), np.stack([image for _, image in found]))


def _pictures(paths: Sequence[Path], source: Source) -> Iterator[tuple[str, Picture]]:
    for path in paths:
        for file, kind in _files(path):
            try:
                pictures = FORMATS[kind]().read(file, source.plane)
            except NoPictureError:
                if file == path:
                    raise
                continue  # in folders of scans there are reports and plans
            for number, picture in enumerate(pictures):
                yield f"{file}, page {number + 1}" if len(pictures) > 1 else str(file), picture


def _files(path: Path) -> Iterator[tuple[Path, str]]:
    """The pictures of a folder or of a single file, with the names of their formats."""
    if path.is_dir():
        found = walk(path)
        if not found.files:
            left = f" ({found.told()})" if found.left_out else ""
            raise UserError(f"{path}: no images{left}; name files of images, or a folder of them")
        yield from ((path / file, kind) for file, kind in found.files.items())
        return
    if not path.is_file():
        raise UserError(f"{path}: no such file or folder; name files of images, or a folder of them")
    kind = format_of(path)
    if kind is None:
        *others, last = [one.shown for _, one in FORMATS.items()]
        raise UserError(f"{path}: no picture by its name; expected {', '.join(others)} or {last}")
    yield path, kind


def _changed(picture: Picture, name: str, source: Source, size: int, channels: int) -> NDArray[np.uint8]:
    square = middle_square(picture.pixels)
    if len(square) > MAX_SIDE:  # as in a folder
        square = fitted(square, size)
    pixels = square if square.ndim == 3 else square[..., np.newaxis]
    if pixels.shape[2] > channels:
        raise UserError(f"{name}: is a colour picture; those of the training are grey; convert it, or leave it out")
    shown = _windowed(picture, pixels, name, source)
    small: NDArray[np.uint8] = fitted(shown, size).astype(np.uint8, copy=False)
    return np.repeat(small, channels, 2) if small.shape[2] < channels else small


def _windowed(picture: Picture, pixels: NDArray[np.generic], name: str, source: Source) -> NDArray[np.uint8]:
    """8-bit values, by the window of the data set or by that which the file itself asks for."""
    wanted = None if source.window == "set" else source.window
    if pixels.dtype != np.uint8 and wanted is None and picture.window is None:
        raise UserError(
            f"{name}: has more than 8 bits a pixel and brings no window; the images of the training had 8 bits, or "
            "windows of their own; convert it"
        )
    known = Annotations(name=name, count=1)
    raw = RawImages(name, known, pixels[np.newaxis], Depth.of([picture]))
    shown: NDArray[np.uint8] = raw.ready(wanted, lambda _: np.arange(1), lambda _: "").images[0]
    return shown
