"""Where calibrations are kept: those that come with the package, then those of this user's cache."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from ganetic.config import load_json
from ganetic.data import cache_directory
from ganetic.errors import UserError
from ganetic.evolution.calibration import Calibration, Conditions
from ganetic.files import write_whole
from ganetic.formats import Format, numbered

FILE = "calibration.json"

_REMEDY = "remove it to compute it again"
CALIBRATION = Format("calibration", remedy=_REMEDY)
"""The number of `ganetic.evolution.calibration.Calibration.version`."""


@dataclass(frozen=True)
class Kept:
    """A calibration and where it lies.

    Attributes:
        calibration: what it says.
        place: its file; None where it could not be kept.
    """

    calibration: Calibration
    place: Traversable | None


def calibration_directory() -> Path:
    """The folder of this user's calibrations, a folder each; it may not exist yet."""
    return cache_directory() / "calibrations"


def shipped_folder() -> Traversable:
    """The folder of the calibrations that come with the package."""
    return files("ganetic.evolution") / "calibrations"


def find(conditions: Conditions, seeds: int = 1, directory: Path | None = None) -> Kept | None:
    """Look for a calibration of the same data, metric and proxy, of trainings at least as long and on as many seeds.

    A longer training knows all that a shorter one does. Those that come with the package are preferred, and serve
    whatever the library of losses holds now; those of the cache were made with the library of today. Among several the
    shortest is taken, then that with the most seeds.

    Args:
        conditions: what is asked for.
        seeds: the fewest.
        directory: the cache; None for `calibration_directory`.

    Raises:
        UserError: a file there is not a calibration.
    """
    kept = Path(directory) if directory is not None else calibration_directory()
    cached = (one for one in _read(kept / folder / FILE for folder in _names(kept)) if _same_losses(one, conditions))
    for found in (_read(_shipped()), cached):
        serving = [one for one in found if _serves(one.calibration, conditions, seeds)]
        if serving:
            return min(serving, key=lambda one: (one.calibration.conditions.steps, -len(one.calibration.seeds)))
    return None


def keep(calibration: Calibration, path: Path) -> Kept:
    """Write a calibration to a file.

    Raises:
        UserError: the place cannot be written.
    """
    write_whole(path, calibration.text())
    return Kept(calibration, path)


def check_export(output: Path, count: int) -> None:
    """Refuse a place to which so many calibrations cannot be exported, before they are computed.

    Raises:
        UserError: its folder does not exist, or several would be written to one file.
    """
    folder = output if output.is_dir() else output.parent
    if not folder.is_dir():
        raise UserError(f"{output}: the folder {folder} does not exist")
    if count > 1 and not output.is_dir():
        raise UserError(f"{output}: the space has {count} proxies; name a folder, which takes a file for each")


def export(found: Iterable[Kept], output: Path) -> list[Path]:
    """Copy calibrations to a file, or into a folder under names of their own, which is how one is shipped.

    Raises:
        UserError: the place cannot be written.
    """
    calibrations = [kept.calibration for kept in found]
    check_export(output, len(calibrations))
    paths = [output / f"{one.conditions.name}.json" if output.is_dir() else output for one in calibrations]
    for path, one in zip(paths, calibrations, strict=True):
        write_whole(path, one.text())
    return paths


def read_calibration(path: Traversable) -> Calibration:
    """Read a calibration.

    Raises:
        UserError: it cannot be read, is none, or a newer version wrote what is not understood.
    """
    return CALIBRATION.read(numbered(load_json(path, _REMEDY), "version"), Calibration, where=str(path))


def _read(places: Iterator[Traversable]) -> Iterator[Kept]:
    for place in places:
        if place.is_file():
            yield Kept(read_calibration(place), place)


def _shipped() -> Iterator[Traversable]:
    folder = shipped_folder()
    if folder.is_dir():
        yield from sorted((one for one in folder.iterdir() if one.name.endswith(".json")), key=lambda one: one.name)


def _names(directory: Path) -> list[str]:
    try:
        return sorted(one.name for one in directory.iterdir())
    except OSError:  # there is none, or it is not ours to read
        return []


def _same_losses(kept: Kept, conditions: Conditions) -> bool:
    return kept.calibration.conditions.losses == conditions.losses


def _serves(calibration: Calibration, asked: Conditions, seeds: int) -> bool:
    own = calibration.conditions
    return (
        (own.data, own.metric, own.proxy) == (asked.data, asked.metric, asked.proxy)
        and own.steps >= asked.steps
        and len(calibration.seeds) >= seeds
    )
