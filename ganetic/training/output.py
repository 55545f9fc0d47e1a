"""Generated images as files: a grid, arrays, or a file for each."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganetic.data import Indices
from ganetic.errors import UserError
from ganetic.files import make_directory, refuse_impossible_directory, whole
from ganetic.reproducible import reproducible
from ganetic.training.samples import by_class, grid, write_png


def refuse_output(output: Path) -> None:
    """Refuse a place for images before any are drawn: images of two kinds in one directory cannot be told apart.

    Raises:
        UserError: it is neither a .png nor an .npz, which are replaced, nor a new or empty directory; or it cannot be
            made.
    """
    if not (_is_grid(output) or _is_archive(output)):
        if output.suffix:
            raise UserError(
                f'{output}: ends in "{output.suffix}"; expected a .png for a grid, an .npz for arrays, or a directory'
            )
        if output.exists() and not output.is_dir():
            raise UserError(f"{output}: is a file; name a .png for a grid, an .npz for arrays, or a new directory")
        if output.is_dir() and any(not path.name.startswith(".") for path in output.iterdir()):
            raise UserError(f"{output}: holds files already, with which images would mix; name a new directory")
    refuse_impossible_directory(output)


@reproducible()
def write_images(
    images: NDArray[np.uint8], output: Path, labels: Indices | None = None, class_names: tuple[str, ...] = ()
) -> list[Path]:
    """Write images: as one grid where the output ends in .png, as arrays where it ends in .npz, else each as a file.

    Files lie in a new or empty directory, and where there are classes in a folder for each, as ``--data folder:DIR``
    reads them. A grid has rows of one class. Arrays are those that ``--data npz:FILE`` reads. Whatever goes wrong, no
    part of the images stays.

    Args:
        images: uint8 ``(N, H, W, C)``.
        output: where to.
        labels: the class of each, int64 ``(N,)``; None where there are no classes.
        class_names: of the labels.

    Raises:
        UserError: the output is of another kind, holds files already, or cannot be written.
    """
    refuse_output(output)
    if _is_grid(output):
        write_png(output, _grid(torch.tensor(images), labels))
        return [output]
    if _is_archive(output):
        _write_arrays(output, images, labels, class_names)
        return [output]
    files = [output / name for name in _file_names(len(images), labels, class_names)]
    with _all_or_none(files, output):
        for file, image in zip(files, torch.tensor(images), strict=True):
            write_png(file, image.permute(2, 0, 1))
    return files


def _grid(images: Tensor, labels: Indices | None) -> Tensor:
    columns = max(1, round(len(images) ** 0.5))
    return grid(images if labels is None else by_class(images, labels, columns), columns)


def _write_arrays(
    output: Path, images: NDArray[np.uint8], labels: Indices | None, class_names: tuple[str, ...]
) -> None:
    """Write what `ganetic.data.sources.npz.read_npz` reads."""
    arrays: dict[str, NDArray[np.generic]] = {"images": images}
    if labels is not None:
        arrays.update(labels=labels, class_names=np.array(class_names))
    make_directory(output.parent)
    with whole(output) as aside, aside.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def _file_names(count: int, labels: Indices | None, class_names: tuple[str, ...]) -> list[str]:
    """Where images lie in their directory."""
    digits = max(5, len(str(count - 1)))
    names = [f"{number:0{digits}d}.png" for number in range(count)]
    if labels is None:
        return names
    folders = _folder_names(class_names)
    return [f"{folders[label]}/{name}" for label, name in zip(labels, names, strict=True)]


def _folder_names(class_names: tuple[str, ...]) -> list[str]:
    """A folder for each class: its name, or what of it may stand in one; with its label where two would be alike."""
    plain = [re.sub(r"[^\w .()+-]", "_", name).strip(" .")[:80] for name in class_names]
    alike = [name.casefold() for name in plain]
    return [
        name if name and alike.count(name.casefold()) == 1 else f"{name}-{label}".strip("-")
        for label, name in enumerate(plain)
    ]


@contextmanager
def _all_or_none(files: list[Path], directory: Path) -> Iterator[None]:
    """Take away what was written where not all of it could be."""
    new = not directory.exists()
    try:
        yield
    except BaseException:
        with suppress(OSError):
            for file in files:
                file.unlink(missing_ok=True)
            for folder in {file.parent for file in files if file.parent.is_dir()} - {directory}:
                folder.rmdir()
            if new:
                directory.rmdir()
        raise


def _is_grid(output: Path) -> bool:
    return output.suffix.lower() == ".png"


def _is_archive(output: Path) -> bool:
    return output.suffix.lower() == ".npz"
