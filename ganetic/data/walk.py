"""Which files lie in a folder, and of what kind they are."""

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ganetic.data.labels_csv import LABELS_CSV
from ganetic.data.picture_format import FORMATS
from ganetic.errors import UserError

MOST_FILES = 1_000_000
_REASONS = 8
"""Reasons that are told one by one; the rest is counted."""


@dataclass
class Found:
    """The files of a folder.

    Attributes:
        files: path below the folder and the name of its format, in the order of the paths.
        left_out: why others are not read, counted.
    """

    files: dict[Path, str] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)

    def told(self) -> str:
        """Say what is not read and why; empty where all is."""
        most = self.left_out.most_common(_REASONS)
        rest = self.left_out.total() - sum(count for _, count in most)
        said = [f"{count} {reason}" for reason, count in most] + ([f"{rest} others"] if rest else [])
        return ", ".join(said)


def walk(root: Path) -> Found:
    """Find the images in a folder and in all folders below, hidden ones and links in circles left out.

    Raises:
        UserError: a folder cannot be listed, or there are more than a million files.
    """
    found, seen = Found(), set[str]()

    def fail(error: OSError) -> None:
        raise UserError(f"{error.filename}: cannot be listed: {error.strerror}")

    for place, folders, names in os.walk(root, onerror=fail, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            found.left_out["folders that were read before"] += 1
            continue
        seen.add(real)
        hidden = [name for name in folders if name.startswith(".") or name == "__MACOSX"]
        found.left_out["hidden"] += len(hidden)
        folders[:] = sorted(set(folders) - set(hidden))
        for name in sorted(names):
            _take(found, root, Path(place) / name)
        if len(found.files) + found.left_out.total() > MOST_FILES:
            raise UserError(f"{root}: more than {MOST_FILES:,} files; name a smaller folder, or use npz:FILE")
    found.files = dict(sorted(found.files.items()))
    found.left_out = +found.left_out
    return found


def _take(found: Found, root: Path, file: Path) -> None:
    name = file.relative_to(root)
    if file.name.startswith("."):
        found.left_out["hidden"] += 1
    elif name == Path(LABELS_CSV):
        pass
    elif not file.exists():
        found.left_out["links to nothing"] += 1
    elif not file.is_file():  # a pipe would be waited for
        found.left_out["no regular files"] += 1
    elif (kind := format_of(file)) is not None:
        found.files[name] = kind
    else:
        found.left_out[f"of the kind {_shown_suffix(file)}"] += 1


def format_of(file: Path) -> str | None:
    """Return the name of a file's picture format, by its suffix or by a look into it; None where it has none."""
    suffixes = [suffix.lower() for suffix in file.suffixes[-2:]]
    for suffix in ("".join(suffixes), *suffixes[-1:]):
        for name, one in FORMATS.items():
            if suffix in one.suffixes:
                return name
    return next((name for name, one in FORMATS.items() if one().recognises(file)), None)


def _shown_suffix(file: Path) -> str:
    suffix = file.suffix.lower()
    return suffix if 1 < len(suffix) <= 8 and suffix.isprintable() else "without a suffix"
