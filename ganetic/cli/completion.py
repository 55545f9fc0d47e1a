"""What the shell completes: names and runs, found in a fraction of a second and without torch.

A function gets what was typed so far and returns what it may become; where that is nothing, shells complete files.
"""
# ruff: noqa: PLC0415 - each imports what it needs, and no more

import re
from collections.abc import Callable, Iterable
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path

Completion = Callable[[str], list[str]]
JOURNAL, TRAINING = "journal.db", "training.json"
"""What the directory of a search, and that of a training, holds."""
RUNS = "runs"


def words(*known: str) -> Completion:
    """Complete some words."""

    def complete(incomplete: str) -> list[str]:
        return _beginning(incomplete, known)

    return complete


def losses(incomplete: str) -> list[str]:
    """Published losses, and cards by their paths."""
    from ganetic.loss.library import LIBRARY

    return _beginning(incomplete, LIBRARY) + _paths(incomplete, lambda path: path.suffix == ".json")


def spaces(incomplete: str) -> list[str]:
    """Search spaces that come with the package, and TOML files."""
    from ganetic.shipped import shipped_spaces

    return _beginning(incomplete, shipped_spaces()) + _paths(incomplete, lambda path: path.suffix == ".toml")


def presets(incomplete: str) -> list[str]:
    """Configurations of trainings that come with the package, and TOML files."""
    from ganetic.shipped import shipped_presets

    return _beginning(incomplete, shipped_presets()) + _paths(incomplete, lambda path: path.suffix == ".toml")


def data_sets(incomplete: str) -> list[str]:
    """Data sets; a colon ends those that a place stands behind."""
    from ganetic.data.data_source import DATA

    return _beginning(incomplete, (f"{name}:" if source.place else name for name, source in DATA.items()))


def models(incomplete: str) -> list[str]:
    """Models of full training, ours and those of other packages. After a comma another one begins."""
    before, comma, last = incomplete.rpartition(",")
    known = [*_registered("gan", "models"), *entry_points(group="ganetic.models").names]
    return [f"{before}{comma}{name}" for name in _beginning(last, known)]


def studies(incomplete: str) -> list[str]:
    """Studies."""
    return _beginning(incomplete, _registered("studies"))


def searches(incomplete: str) -> list[str]:
    """Runs of searches."""
    return _runs(incomplete, JOURNAL)


def trainings(incomplete: str) -> list[str]:
    """Runs of trainings."""
    return _runs(incomplete, TRAINING)


def runs(incomplete: str) -> list[str]:
    """Runs of searches and of trainings."""
    return _runs(incomplete, JOURNAL, TRAINING)


def _runs(incomplete: str, *holding: str) -> list[str]:
    """Directories that hold one of some files: those that were begun to be named and, first of all, those in runs/."""

    def is_run(path: Path) -> bool:
        return any((path / name).is_file() for name in holding)

    return _paths(incomplete, is_run) or _beginning(incomplete, _paths(f"{RUNS}/", is_run))


def _paths(incomplete: str, wanted: Callable[[Path], bool]) -> list[str]:
    """Files or folders that begin so, as they are typed."""
    folder = incomplete[: incomplete.rfind("/") + 1]
    try:
        found = [path for path in Path(folder or ".").expanduser().iterdir() if wanted(path)]
    except (OSError, RuntimeError):  # there is no such folder, or no such user
        return []
    return _beginning(incomplete, (f"{folder}{path.name}" for path in found))


def _registered(*package: str) -> list[str]:
    """Names under which the modules of a package register classes, by their text: to import them takes seconds."""
    texts = (
        file.read_text("utf-8") for file in files("ganetic").joinpath(*package).iterdir() if file.name[-3:] == ".py"
    )
    return [name for text in texts for name in re.findall(r'^@[A-Z]+\.register\("([^"]+)"\)', text, re.MULTILINE)]


def _beginning(incomplete: str, known: Iterable[str]) -> list[str]:
    return sorted({name for name in known if name.startswith(incomplete)})
