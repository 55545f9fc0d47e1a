"""Images that stay in their file: what asks for some of them reads those, and no process ever holds all."""

import hashlib
import struct
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganetic.data.image_set import ImageSet, Indices
from ganetic.errors import UserError

_ENTRY = "images.npy"
_LOCAL_HEADER = struct.Struct("<26xHH")
"""Of a zip archive's entry: the lengths of its name and of its extra field, which its data follow."""
_ENDS_BYTES = 1 << 16
"""Bytes at both ends of the images by which a file is known."""


@dataclass(frozen=True, eq=False)
class MappedImages:
    """Some of the images in a file, of whatever process opens it: pickled, it is a place and indices.

    Attributes:
        path: the file; it must be there, with the same content, wherever images are asked for.
        offset: where the first image of the file begins, in bytes.
        shape: ``(N, H, W, C)`` of all images of the file.
        rows: which of them these are.
        digest: of both ends of the images of the file.
    """

    path: Path
    offset: int
    file_shape: tuple[int, int, int, int]
    rows: Indices
    digest: str

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """``(N, H, W, C)`` of these images."""
        return (len(self.rows), *self.file_shape[1:])

    @property
    def nbytes(self) -> int:
        """Bytes of these images."""
        return int(np.prod(self.shape, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, chosen: Indices | slice) -> NDArray[np.uint8]:
        """Read the images at these places among these images."""
        return np.asarray(self._mapped[self.rows[chosen]])

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in self.__dict__.items() if name != "_mapped"}

    @cached_property
    def _mapped(self) -> NDArray[np.uint8]:
        try:
            mapped: NDArray[np.uint8] = np.memmap(self.path, np.uint8, "r", self.offset, self.file_shape)
        except (OSError, ValueError) as error:
            raise UserError(
                f"{self.path}: cannot be read here ({error}); mapped images need their file at the same path on every "
                "node: put it on a shared disk, or copy it there"
            ) from None
        if _digest(mapped) != self.digest:
            raise UserError(f"{self.path}: holds other images here than where the search runs; copy the file anew")
        return mapped


def map_images(path: Path) -> NDArray[np.uint8]:
    """The images of an npz archive, mapped into memory.

    Raises:
        UserError: they are packed, or no array of 8 bits in C order.
    """
    try:
        offset, shape = _place(path)
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())[:160]
        raise UserError(
            f"{path}: its images cannot be mapped ({reason}); expected an archive that numpy.savez wrote, with an "
            "array images of uint8, (N, S, S), (N, S, S, 1) or (N, S, S, 3)"
        ) from None
    return np.memmap(path, np.uint8, "r", offset, shape)


def some_of(images: ImageSet, rows: Indices) -> NDArray[np.uint8] | MappedImages:
    """Some images of a set: read, or where the set stays in a file, where to read them."""
    mapped = _mapping_of(images.images)
    if mapped is None:
        return images.images[rows]
    start = images.images.__array_interface__["data"][0] - mapped.__array_interface__["data"][0]
    count, side, _, channels = images.images.shape
    path, shape = Path(str(mapped.filename)), (count, side, side, channels)
    return MappedImages(path, mapped.offset + start, shape, rows, _digest(images.images))


def _place(path: Path) -> tuple[int, tuple[int, ...]]:
    """Where the images begin, and their shape."""
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        entry = archive.getinfo(_ENTRY)
        if entry.compress_type != zipfile.ZIP_STORED:
            raise ValueError("they are compressed; write them with numpy.savez")
        file.seek(entry.header_offset)
        file.seek(sum(_LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))), 1)
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, is_fortran, dtype = read(file)
        if is_fortran or dtype != np.uint8:
            raise ValueError(f"they are {dtype}{' in Fortran order' if is_fortran else ''}")
        return file.tell(), shape


def _mapping_of(images: NDArray[np.uint8]) -> np.memmap[tuple[int, ...], np.dtype[np.uint8]] | None:
    """The mapping that an array is a whole view of, if any."""
    base: object = images
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap):
            return base if images.flags.c_contiguous else None
        base = base.base
    return None


def _digest(images: NDArray[np.uint8]) -> str:
    flat = images.reshape(-1)
    digest = hashlib.sha256(repr(images.shape).encode())
    for end in (flat[:_ENDS_BYTES], flat[-_ENDS_BYTES:]):
        digest.update(np.ascontiguousarray(end).data)
    return digest.hexdigest()
