"""``folder:DIR``: a user's own pictures in a folder, with a folder for each class or a table of labels."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganetic.data.data_source import DATA, DataRequest, DataSource
from ganetic.data.fit import fitted, middle_square
from ganetic.data.image_set import MAX_SIDE, short_name, sized_name
from ganetic.data.labels_csv import LABELS_CSV, read_labels
from ganetic.data.picture_format import FORMATS, Plane
from ganetic.data.pictures import Picture
from ganetic.data.raw import Depth, RawImages, raw_images
from ganetic.data.reading import NoPictureError
from ganetic.data.walk import Found, walk
from ganetic.errors import UserError


@dataclass(frozen=True)
class _Member:
    """A file of a folder, and what is known of its pictures before it is read."""

    file: Path
    kind: str
    label: str = ""
    patient: str = ""
    side: int = 0


@dataclass(frozen=True)
class _Layout:
    """Which files are read, and which facts of them mean something."""

    members: list[_Member]
    labelled: bool
    split: bool
    notes: tuple[str, ...] = ()


def read_folder(root: Path, plane: Plane = "axial", size: int | None = None) -> RawImages:
    """Read a folder with a folder of pictures for each class, or with pictures right in it.

    Folders in a class folder belong to the class. A ``labels.csv`` beside the images says of each ``file`` (its path
    below the folder) its ``label``, and perhaps ``patient`` and ``split``; images that it does not name are left out.
    Every page of a file is an image. The images of a file, of a patient of DICOM files or of ``labels.csv`` are a
    group.

    Args:
        root: the folder.
        plane: in which plane volumes are cut.
        size: side in pixels of square images that are made of pictures of any size; None: they must be of one size.

    Raises:
        UserError: there are no pictures, it is not clear what they are, or they cannot be read or differ in size.
    """
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; expected one with a folder of images for each class")
    found = walk(root)
    if not found.files:
        left = f" ({found.told()})" if found.left_out else ""
        *others, last = [one.shown for _, one in FORMATS.items()]
        raise UserError(
            f"{root}: no images{left}; expected a folder for each class, with {', '.join(others)} or {last} files"
        )
    layout = _layout(root, found)
    gathered = _Gathered(size)
    for member in layout.members:
        try:
            gathered.add(member, FORMATS[member.kind]().read(root / member.file, plane))
        except NoPictureError:
            found.left_out[f"{FORMATS[member.kind].shown} without a picture"] += 1
    return gathered.images(root, layout, found)


def files_of(root: Path) -> list[Path]:
    """Return the path below a folder of each file that `read_folder` reads, in the order of the images.

    Raises:
        UserError: it is not clear which files are meant.
    """
    return [member.file for member in _layout(root, walk(root)).members]


def _layout(root: Path, found: Found) -> _Layout:
    members = [_Member(file, kind, file.parts[0] if len(file.parts) > 1 else "") for file, kind in found.files.items()]
    table = root / LABELS_CSV
    if table.is_file():
        layout = _by_table(root, table, members, found)
        if layout.labelled:
            return layout
        members = layout.members
    else:
        layout = _Layout(members, labelled=True, split=False)
    direct = sum(not member.label for member in members)
    if 0 < direct < len(members):
        classes = sorted({member.label for member in members if member.label})
        shown = ", ".join(f"{name}/" for name in classes[:4]) + (" …" if len(classes) > 4 else "")
        raise UserError(
            f"{root}: {direct} images lie right in the folder and {len(members) - direct} in folders ({shown}), and "
            "it is not clear whether the folders are classes; move the images into a folder for each class, name one "
            f"of the folders instead, or write a {LABELS_CSV} with the columns file and label"
        )
    return _Layout(members, labelled=not direct, split=layout.split, notes=layout.notes)


def _by_table(root: Path, path: Path, members: list[_Member], found: Found) -> _Layout:
    """What a labels.csv says of the files of a folder."""
    table = read_labels(path)
    files = table.column("file")
    if files is None:
        raise UserError(f'{path}: has no column "file"; expected one with the path of each image below {root}')
    labels, patients, sides = table.column("label"), table.column("patient"), table.sides()
    by_name = {member.file: member for member in members}
    named = [Path(file.replace("\\", "/")) for file in files]
    missing = [name for name in named if name not in by_name]
    if missing:
        raise UserError(
            f'{path}: names {len(missing)} files that are no images of {root}, such as "{str(missing[0])[:80]}"; '
            f"expected paths below {root}, as in {members[0].file}"
        )
    twice = [name for name, count in Counter(named).items() if count > 1]
    if twice:
        raise UserError(f'{path}: names "{str(twice[0])[:80]}" twice; expected a row for each file')
    found.left_out[f"not in {LABELS_CSV}"] += len(members) - len(named)
    found.left_out = +found.left_out
    chosen = [
        _Member(
            name,
            by_name[name].kind,
            by_name[name].label if labels is None else labels[row],
            "" if patients is None else patients[row],
            0 if sides is None else sides[row],
        )
        for row, name in enumerate(named)
    ]
    notes = (f"{path}: columns that are not read: {', '.join(table.others)[:200]}",) if table.others else ()
    return _Layout(sorted(chosen, key=lambda one: one.file), labels is not None, sides is not None, notes)


class _Gathered:
    """Pictures as they are read, and what is known of each."""

    def __init__(self, size: int | None) -> None:
        self._size = size
        self._pictures: list[Picture] = []
        self._members: list[_Member] = []
        self._groups: list[str] = []
        self._files = self._cut = self._large = 0
        self._grouped = False

    def add(self, member: _Member, pictures: Sequence[Picture]) -> None:
        """Take the pictures of a file."""
        self._files += bool(pictures)
        for number, picture in enumerate(pictures):
            self._pictures.append(self._checked(member, number, picture))
            self._members.append(member)
            # A patient is told by labels.csv or by the file; of files that say nothing, pages belong together.
            own = (
                f"in table {member.patient}" if member.patient else f"in file {picture.group}" if picture.group else ""
            )
            self._groups.append(own or f"pages of {member.file}")
        self._grouped |= len(pictures) > 1 or any(picture.group for picture in pictures) or bool(member.patient)

    def _checked(self, member: _Member, number: int, picture: Picture) -> Picture:
        height, width = picture.pixels.shape[:2]
        if self._size is not None:
            self._cut += height != width
            pixels = middle_square(picture.pixels)
            if len(pixels) > MAX_SIDE:  # thousands of them would fill the memory; others are resized after their window
                self._large += 1
                pixels = fitted(pixels, self._size)
            return replace(picture, pixels=pixels)
        page = f"{member.file}, page {number + 1}" if number else f"{member.file}"
        if width != height or width > MAX_SIDE:
            raise UserError(
                f"{page}: {width}×{height} pixels; expected a square of at most {MAX_SIDE}; crop or resize it, or name "
                "a size, to which the middle square of each image is resized"
            )
        if self._pictures and picture.pixels.shape[:2] != self._pictures[0].pixels.shape[:2]:
            first = self._pictures[0].pixels.shape
            raise UserError(
                f"{page}: {width}×{height} pixels, but {self._members[0].file.name} has {first[1]}×{first[0]}; resize "
                "them to one size, or name a size"
            )
        return picture

    def images(self, root: Path, layout: _Layout, found: Found) -> RawImages:
        """The set of all that was taken.

        Raises:
            UserError: they are too few, or of no common kind.
        """
        if not self._pictures:
            raise UserError(f"{root}: no image in {len(layout.members)} files")
        names = sorted({member.label for member in self._members}) if layout.labelled else []
        numbers = {name: number for number, name in enumerate(names)}
        labels = np.array([numbers[member.label] for member in self._members]) if names else None
        name = short_name(root.resolve().name)
        pictures, own_name = self._pictures, name
        if self._size is not None and (self._large or len({len(picture.pixels) for picture in pictures}) > 1):
            pictures = [replace(picture, pixels=fitted(picture.pixels, self._size)) for picture in pictures]
            own_name = sized_name(name, self._size)
        return raw_images(
            own_name,
            str(root),
            _stacked(pictures, str(root)),
            labels,
            tuple(names),
            np.array([member.side for member in self._members]) if layout.split else None,
            np.array(self._groups) if self._grouped else None,
            Depth.of(pictures),
            (*self._told(name, names, found), *layout.notes),
        )

    def _told(self, name: str, classes: list[str], found: Found) -> Iterator[str]:
        count, files = len(self._pictures), self._files
        images = f"{count} images" + (f" from {files} files" if files != count else "")
        of = f" of {len(classes)} classes" if len(classes) > 1 else ""
        groups = f" and {len(set(self._groups))} groups" if self._grouped else ""
        left = found.told()
        yield f"{name}: read {images}{of}{groups}; not read: {left or 'nothing'}"
        if self._cut:
            yield f"{name}: {self._cut} of {count} images are not square; the middle square of each is used"
        grey = sum(picture.pixels.ndim == 2 for picture in self._pictures)
        if 0 < grey < count:
            yield f"{name}: {grey} of {count} images are grey; they became colour, as the others are"


def _stacked(pictures: Sequence[Picture], where: str) -> NDArray[np.generic]:
    """``(N, S, S, C)`` of the widest type; grey images become colour beside colour ones."""
    colour = any(picture.pixels.ndim == 3 for picture in pictures)
    if colour and any(picture.pixels.dtype != np.uint8 for picture in pictures):
        raise UserError(
            f"{where}: some images are colour and others have more than 8 bits a pixel; expected images of one kind"
        )
    dtype = np.result_type(*{picture.pixels.dtype for picture in pictures})
    side = pictures[0].pixels.shape[0]
    stacked = np.empty((len(pictures), side, side, 3 if colour else 1), dtype)
    for number, picture in enumerate(pictures):
        pixels = picture.pixels
        stacked[number] = pixels if pixels.ndim == 3 else pixels[..., np.newaxis]
    return stacked


@DATA.register("folder")
class Folder(DataSource):
    """A folder of pictures."""

    place = "DIR"
    is_path = True
    takes_window = True

    def read(self, wanted: DataRequest) -> RawImages:
        """Read a folder as `read_folder` describes."""
        return read_folder(wanted.path, wanted.plane, wanted.size)
