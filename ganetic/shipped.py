"""The files that come with the package and are asked for by name."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path


def shipped_spaces() -> dict[str, Traversable]:
    """The spaces that come with the package, by name."""
    package = files("ganetic")
    folder = package / "search_spaces"
    if not folder.is_dir():  # an editable install: the folder stands beside the package, not in it as in a wheel
        folder = Path(str(package)).parent / "search_spaces"
    found = {Path(entry.name).stem: entry for entry in folder.iterdir() if entry.name.endswith(".toml")}
    return dict(sorted(found.items()))


def shipped_presets() -> dict[str, Traversable]:
    """The configurations that come with the package, by name."""
    folder = files("ganetic") / "training" / "presets"
    return {Path(entry.name).stem: entry for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)}
