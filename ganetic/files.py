"""Files that are whole or not there."""

import os
from pathlib import Path

from ganetic.errors import UserError


def write_whole(path: Path, text: str) -> None:
    """Write text aside, then rename it into place, so that no reader meets half a file.

    Raises:
        UserError: the place cannot be written.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_text(text, encoding="utf-8")
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise UserError(f"{path}: cannot be written: {error.strerror}") from None
