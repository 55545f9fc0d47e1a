"""The name of a data set: where its images are, and how they are to be read."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from ganetic.data.data_source import DATA, DataRequest, Origin
from ganetic.data.image_set import MAX_SIDE
from ganetic.data.picture_format import PLANES, Plane
from ganetic.data.window import Window, parse_window
from ganetic.errors import UserError, unknown

OPTIONS = ("plane", "size", "window")
_QUERY = re.compile(r"\?(?=\w+=)")


@dataclass(frozen=True)
class Source:
    """A name of a data set, taken apart.

    A name is ``KIND:PLACE``, or a word such as ``mnist5k``. Options stand behind it as in a URL:
    ``folder:ct?size=32&window=-1000,400``.

    Attributes:
        kind: a name of `ganetic.data.data_source.DATA` that a place stands behind; empty where the name is a word.
        place: what follows the colon, or the word.
        window: how grey values of more than 8 bits become 8 bits; None leaves that to the files and their kind.
        plane: in which plane volumes are cut into pictures.
        size: side in pixels to which images are resized; None leaves them as they are.
    """

    kind: str
    place: str
    window: Window | None = None
    plane: Plane = "axial"
    size: int | None = None

    @classmethod
    def parse(cls, name: str) -> Self:
        """Take a name apart.

        Raises:
            UserError: an option is unknown or its value is not allowed, or the name has a kind and no place.
        """
        text, *rest = _QUERY.split(name, maxsplit=1)
        kind, separator, place = text.partition(":")
        if not separator or kind not in DATA or not DATA[kind].place:
            kind, place = "", text
        elif not place:
            raise UserError(f'data set "{name}" names no place; expected {kind}:{DATA[kind].place}')
        source = cls(kind, place)
        for option in rest[0].split("&") if rest else ():
            key, _, value = option.partition("=")
            source = source._with_option(key, value, f'data set "{name}"')
        return source

    def _with_option(self, key: str, value: str, where: str) -> Self:
        if key == "window":
            return replace(self, window=parse_window(value, where))
        if key == "plane":
            for plane in PLANES:
                if value == plane:
                    return replace(self, plane=plane)
            raise unknown("plane", value, PLANES, where)
        if key == "size":
            if value.isdecimal() and 1 <= int(value[:9]) <= MAX_SIDE:
                return replace(self, size=int(value[:9]))
            raise UserError(f'{where}: size "{value[:20]}" is none; expected 1 to {MAX_SIDE} pixels a side')
        raise unknown("option", key, OPTIONS, where)

    @property
    def name(self) -> str:
        """The name that `parse` takes apart again."""
        window = self.window if self.window is None or isinstance(self.window, str) else _numbers(self.window)
        options = [f"size={self.size}"] if self.size is not None else []
        options += [f"window={window}"] if window is not None else []
        options += [f"plane={self.plane}"] if self.plane != PLANES[0] else []
        kind = f"{self.kind}:" if self.kind else ""
        return f"{kind}{self.place}{'?' if options else ''}{'&'.join(options)}"

    def resolved(self) -> Self:
        """The same source, with an absolute path where it names a file or a folder: it means the same from anywhere.

        Raises:
            UserError: the path begins with the home of a user that does not exist, or cannot be written down.
        """
        if not self.kind or not DATA[self.kind].is_path:
            return self
        return replace(self, place=str(DataRequest(self.kind, self.place).path))

    @property
    def takes_window(self) -> bool:
        """Whether its images may have more than 8 bits."""
        return bool(self.kind) and DATA[self.kind].takes_window


def origin_of(name: str) -> Origin:
    """Where the images of a name come from, and on which terms they may be used.

    Raises:
        UserError: the name cannot be taken apart, there is no such set, or what knows of it is not installed.
    """
    source = Source.parse(name)
    kind, place = (source.kind, source.place) if source.kind else (source.place, "")
    if kind not in DATA:
        raise unknown("data set", kind, DATA.names())
    return DATA[kind]().origin(DataRequest(kind, place))


def resolved(name: str) -> str:
    """Write a name of a data set with an absolute path, so that it means the same from any directory.

    Raises:
        UserError: the name cannot be taken apart.
    """
    return Source.parse(name).resolved().name


def may_be_there(name: str) -> bool:
    """Whether a set of that name can be expected, by what costs nothing: the name is known, and a path leads somewhere.

    `ganetic.data.load.load_images` says what is wrong with a name.
    """
    try:
        source = Source.parse(name).resolved()
    except UserError:
        return False
    kind = source.kind or source.place
    return kind in DATA and (not source.kind or not DATA[kind].is_path or Path(source.place).exists())


def with_window(name: str, window: str | None) -> str:
    """Write a name with another window: a number pair such as ``"0 4095"``, ``"set"`` or ``"image"``; None for none.

    Raises:
        UserError: the name or the window cannot be understood.
    """
    source = Source.parse(name)
    return name if window is None else replace(source, window=parse_window(window, "--window")).name


def with_size(name: str, size: int | None) -> str:
    """Write a name with another side in pixels; None leaves it as it is.

    Raises:
        UserError: the name cannot be taken apart.
    """
    return name if size is None else replace(Source.parse(name), size=size).name


def size_of(name: str) -> int | None:
    """The side in pixels that a name of a data set names; None where it names none.

    Raises:
        UserError: the name cannot be taken apart.
    """
    return Source.parse(name).size


def window_of(name: str) -> Window | None:
    """The window that a name of a data set names; None where it names none.

    Raises:
        UserError: the name cannot be taken apart.
    """
    return Source.parse(name).window


def with_window_of(name: str, other: str) -> str:
    """Write a name with the window of another one, where it may have one and names none itself.

    Raises:
        UserError: a name cannot be taken apart.
    """
    source, kept = Source.parse(name), window_of(other)
    if source.window is not None or kept is None or not source.takes_window:
        return name
    return replace(source, window=kept).name


def _numbers(window: tuple[float, float]) -> str:
    return ",".join(f"{value:.17g}" for value in window)
