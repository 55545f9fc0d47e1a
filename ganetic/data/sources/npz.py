"""``npz:FILE``: a user's own arrays in an npz archive, MedMNIST's among them."""

import zipfile
import zlib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganetic.data.data_source import DATA, DataRequest, DataSource
from ganetic.data.labels_csv import LABELS_CSV, read_labels
from ganetic.data.mapped import map_images
from ganetic.data.raw import RawImages, made_grey, raw_images
from ganetic.errors import UserError

KEYS = ("images", "labels", "split", "class_names", "patient")
PARTS = ("train", "val", "test")
"""Parts of MedMNIST's archives, in the order of their numbers as a split."""
PATIENT_FILE = "patient.npy"
_MEDMNIST_KEYS = tuple(f"{part}_{kind}" for part in PARTS for kind in ("images", "labels"))
_MEANT = {
    "labels": ("classes", "class", "target", "targets", "y"),
    "patient": ("group", "groups", "patientid", "patient_ids", "patient_id", "subject", "subject_id", "subjects"),
    "class_names": ("classnames", "label_names", "names"),
    "split": ("fold", "subset"),
    "images": ("data", "imgs", "pixels", "x"),
}
"""Names that others give to what has a name here."""

Arrays = dict[str, NDArray[np.generic]]


def read_npz(path: Path, is_mapped: bool = False) -> RawImages:
    """Read the arrays ``images``, and optionally ``labels``, ``split``, ``class_names`` and ``patient``.

    MedMNIST's arrays (``train_images``, ``train_labels`` of shape ``(N, 1)``, …) are read, too, their parts as split 0,
    1 and 2. Patients may stand beside the archive: in ``patient.npy``, or in the column ``patient`` of a ``labels.csv``
    with a row for each image in order.

    Args:
        path: the archive.
        is_mapped: whether ``images`` stay in the file, see `ganetic.data.mapped`; MedMNIST's parts cannot.

    Raises:
        UserError: the file cannot be read, does not hold such arrays, or holds one that is nearly called as they are.
    """
    arrays, others = _arrays(path, is_mapped)
    notes = tuple(f"{path.name}: not read: {', '.join(others)[:200]}" for _ in others[:1])
    if "images" not in arrays:
        _refuse_unlike_parts(path, arrays)
        arrays, more = _joined(arrays)
        notes += more
    elif not arrays["images"].ndim:
        raise UserError(f"{path}: images are a single number; expected (N, S, S), (N, S, S, 1) or (N, S, S, 3)")
    images, labels = arrays["images"], arrays.get("labels")
    patient, beside = _patients(path, arrays.get("patient"), len(images))
    raw = raw_images(
        path.stem,
        str(path),
        images,
        labels.reshape(-1) if labels is not None and labels.shape == (len(images), 1) else labels,
        _names(path, arrays.get("class_names")),
        arrays.get("split"),
        patient,
        notes=notes + beside,
    )
    return raw if is_mapped else made_grey(raw)


def _arrays(path: Path, is_mapped: bool) -> tuple[Arrays, list[str]]:
    """The arrays of an archive that mean something here, and the names of the others."""
    try:
        with path.open("rb") as file:  # numpy leaves a file open that it cannot read
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise UserError(f"{path}: not an npz archive; expected one with the arrays images and labels")
            medmnist = any(key in archive.files for key in _MEDMNIST_KEYS[::2])
            known = _MEDMNIST_KEYS if medmnist and "images" not in archive.files else KEYS
            _refuse_near_keys(path, archive.files, known)
            if known == KEYS and "images" not in archive.files:
                found = ", ".join(archive.files)[:80] or "nothing"
                raise UserError(f"{path}: has no array images; found {found}")
            images = {"images": map_images(path)} if is_mapped else {}
            rest = {key: archive[key] for key in known if key in archive.files and key not in images}
            return {**images, **rest}, [key for key in archive.files if key not in known]
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, ValueError, EOFError, KeyError, TypeError, MemoryError, NotImplementedError) as error:
        raise _unreadable(path, error) from None
    except (SyntaxError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> UserError:
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    if "pickle" in reason:  # numpy's own message advises to load it unsafely
        reason = "it is no zip file, or holds Python objects, which are never loaded"
    return UserError(f"{path}: not a readable npz archive of plain arrays ({reason})")


def _refuse_near_keys(path: Path, found: list[str], known: tuple[str, ...]) -> None:
    """A key that is nearly a known one would be left out, and its owner would not know."""
    for key in [key for key in found if key not in known]:
        plain = key.lower().strip("_")
        near = next((name for name, others in _MEANT.items() if plain in (name, *others)), None)
        near = near or next(iter(get_close_matches(plain, KEYS, n=1, cutoff=0.8)), None)
        if near is not None and near not in found:
            raise UserError(
                f'{path}: has an array "{key[:40]}", which is not read; rename it "{near}", or give it a name that '
                f"means something else; known are {', '.join(KEYS)}"
            )


def _refuse_unlike_parts(path: Path, arrays: Arrays) -> None:
    """Parts are joined along their first axis; all others must agree."""
    for kind in ("images", "labels"):
        shapes = {part: arrays[f"{part}_{kind}"].shape for part in PARTS if f"{part}_{kind}" in arrays}
        if len({shape[1:] for shape in shapes.values()}) > 1 or () in shapes.values():
            told = ", ".join(f"{part}_{kind} {shape}" for part, shape in shapes.items())
            raise UserError(
                f"{path}: parts of unlike shapes cannot be one set: {told}; expected (N, …) alike but for N"
            )


def _joined(arrays: Arrays) -> tuple[Arrays, tuple[str, ...]]:
    """MedMNIST's parts as one set; of several labels an image none are taken."""
    parts = [part for part in PARTS if f"{part}_images" in arrays]
    images = [arrays[f"{part}_images"] for part in parts]
    sizes = [len(part) for part in images]
    split = np.repeat([PARTS.index(part) for part in parts], sizes)
    joined: Arrays = {"images": np.concatenate(images), "split": split}
    labels = [arrays[f"{part}_labels"] for part in parts if f"{part}_labels" in arrays]
    if len(labels) < len(parts):
        return joined, ()
    together = np.concatenate(labels)
    if together.ndim > 1 and together.shape[1] > 1:
        return joined, (f"each image has {together.shape[1]} labels: the set counts as unlabelled",)
    return {**joined, "labels": together.reshape(-1)}, ()


def _names(path: Path, names: NDArray[np.generic] | None) -> tuple[str, ...]:
    if names is None:
        return ()
    try:
        return tuple(name.decode("utf-8") if isinstance(name, bytes) else str(name) for name in names.ravel().tolist())
    except UnicodeDecodeError:
        raise UserError(f"{path}: class_names are bytes that are not UTF-8; write them as strings") from None


def _patients(
    path: Path, own: NDArray[np.generic] | None, count: int
) -> tuple[NDArray[np.generic] | None, tuple[str, ...]]:
    """The patient of each image: the archive's own, or else what stands beside it."""
    if own is not None:
        return own, ()
    file, table = path.with_name(PATIENT_FILE), path.with_name(LABELS_CSV)
    if file.is_file():
        return _fitting(file, _patient_file(file), path, count), (f"{path.name}: patients are read from {file.name}",)
    if table.is_file() and (patients := read_labels(table).column("patient")) is not None:
        return _fitting(table, np.array(patients), path, count), (f"{path.name}: patients are read from {table.name}",)
    return None, ()


def _patient_file(file: Path) -> NDArray[np.generic]:
    try:
        found = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError, MemoryError) as error:
        raise UserError(f"{file}: not a readable array of numbers or strings ({str(error)[:80]})") from None
    if not isinstance(found, np.ndarray):
        raise UserError(f"{file}: not a single array; expected a number or string for each image")
    return found


def _fitting(beside: Path, patients: NDArray[np.generic], path: Path, count: int) -> NDArray[np.generic]:
    if patients.shape != (count,):
        raise UserError(
            f"{beside}: has the shape {patients.shape}, but {path.name} beside it has {count} images; expected a "
            f"patient for each, in their order, or move {beside.name} elsewhere"
        )
    return patients


def medmnist_arrays(archive: Mapping[str, NDArray[np.generic]]) -> tuple[Arrays, tuple[str, ...]]:
    """The parts of one of MedMNIST's archives as one set; see `read_npz`.

    Returns:
        Arrays ``images``, ``split`` and perhaps ``labels``; and what should be said of them.
    """
    return _joined({key: archive[key] for key in _MEDMNIST_KEYS})


@DATA.register("npz")
class Npz(DataSource):
    """An npz archive."""

    place = "FILE"
    is_path = True
    takes_window = True

    def read(self, wanted: DataRequest) -> RawImages:
        """Read an archive as `read_npz` describes."""
        return read_npz(wanted.path)
