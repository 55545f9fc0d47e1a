"""Files that others wrote, read by libraries that trust them: limits, silence, and one line for whatever is wrong."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ganetic.errors import UserError

MAX_BYTES = 2**30  # of one file, and of the pixels in it; refused by what the header declares, before memory is taken
MAX_PICTURES = 2**18  # out of one file: a small file can declare a billion pictures of one pixel each


class NoPictureError(UserError):
    """A file is sound, and holds no picture, such as a report or a plan. It may be left out and counted."""


def too_large(file: Path, what: str) -> UserError:
    """Build the error for a file that is, or declares to be, above a limit."""
    return UserError(
        f"{file}: too large ({what}); expected at most {MAX_BYTES} bytes in {MAX_PICTURES} pictures; split it"
    )


@contextmanager
def reading(file: Path, kind: str, logger: str, quote: bool = True) -> Iterator[None]:
    """Let a library read a file that may be damaged or hostile.

    What the library warns of and logs does not reach the console. Whatever it raises becomes one line.

    Args:
        file: what is read; the line begins with it.
        kind: what the file ought to be, such as ``"NIfTI file"``.
        logger: the name of the library's logger; the loggers below it are silent, too.
        quote: whether the line may repeat the library's own words. pydicom's quote the values of elements, and so the
            names of patients.

    Raises:
        UserError: the library raised an exception.
    """
    log = logging.getLogger(logger)
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001 - damaged bytes make such libraries raise nearly every class there is
        said = " ".join(str(error).split()).partition(" - ")[0][:200] if quote else ""
        reason = f"{type(error).__name__}: {said}" if said else type(error).__name__
        raise UserError(
            f"{file}: not a readable {kind} ({reason}); it may be cut off or damaged: copy it again"
        ) from None
    finally:
        log.setLevel(level)
