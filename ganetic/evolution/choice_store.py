"""Where choices of proxies are kept: a folder each in this user's cache, with the journals while they are made."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ganetic.config import load_json
from ganetic.data import cache_directory
from ganetic.evolution.choice_record import Choice, ChoiceConditions
from ganetic.files import is_writable
from ganetic.formats import Format, numbered

_logger = logging.getLogger(__name__)

FILE = "choice.json"

_REMEDY = "remove it to choose again"
CHOICE = Format("choice", remedy=_REMEDY)
"""The number of `ganetic.evolution.choice_record.Choice.layout`."""


@dataclass(frozen=True)
class KeptChoice:
    """A choice and where it lies.

    Attributes:
        choice: what it says.
        data: the data set with the size that was chosen, as `ganetic.data.load_images` takes it.
        place: its file; None where it could not be kept.
    """

    choice: Choice
    data: str
    place: Path | None


def choice_directory() -> Path:
    """The folder of this user's choices, a folder each; it may not exist yet."""
    return cache_directory() / "choices"


def folder_of(conditions: ChoiceConditions) -> Path:
    """The folder of one choice; it goes by content, so that images that were moved are known again."""
    return choice_directory() / conditions.key


def read_choice(path: Path) -> Choice:
    """Read a choice.

    Raises:
        UserError: it cannot be read, is none, or a newer version wrote what is not understood.
    """
    return CHOICE.read(numbered(load_json(path, _REMEDY), "layout"), Choice, where=str(path))


@contextmanager
def folder_for(conditions: ChoiceConditions) -> Iterator[Path]:
    """The folder in which a choice is made: one that vanishes where the cache cannot be written."""
    if is_writable(choice_directory()):
        yield folder_of(conditions)
        return
    _logger.warning(
        f"{choice_directory()}: cannot be written: this choice is not kept; GANETIC_CACHE names another place"
    )
    with TemporaryDirectory(prefix="ganetic-") as vanishing:
        yield Path(vanishing)
