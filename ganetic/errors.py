"""What the user did wrong, or the machines, in one line."""

import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path


class UserError(Exception):
    """Bad input: the message says what was wrong, where, what is allowed and what to do.

    The command line prints it as one line and exits with 2. Errors in our own code are never of this class.
    """


class ClusterLostError(Exception):
    """The cluster that trials ran on is gone: nobody's bad input, and nothing that this process can mend.

    The command line prints it as one line and exits with 1. What has ended is in the journal.
    """


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """Return ``'; did you mean "pow"?'`` for the closest allowed name, or an empty string."""
    close = get_close_matches(name, list(allowed), n=1, cutoff=0.5)
    return f'; did you mean "{close[0]}"?' if close else ""


def unknown(kind: str, name: str, allowed: Iterable[str], where: str = "") -> UserError:
    """Build the error for a name that is not in a closed list.

    Args:
        kind: what is named, such as ``"operator"``.
        name: the name that was given.
        allowed: the names that would have been accepted.
        where: where it stood, such as ``"spaces/my.toml: operators[3]"``.
    """
    allowed = sorted(allowed)
    place = f"{where}: " if where else ""
    return UserError(
        f'{place}unknown {kind} "{name[:60]}"; expected one of {", ".join(allowed)}{did_you_mean(name, allowed)}'
    )


@contextmanager
def needs_extra(extra: str, what: str) -> Iterator[None]:
    """Turn a missing module into one line that names the extra it comes with.

    Args:
        extra: of the package, such as ``"nifti"``.
        what: needs it, such as ``"scan.nii: reading NIfTI files"``.

    Raises:
        UserError: what is imported inside is not installed.
    """
    try:
        yield
    except ModuleNotFoundError:
        raise UserError(f"{what} needs ganetic[{extra}]: pip install 'ganetic[{extra}]'") from None


def typed(*words: object) -> str:
    """Write a command as it is typed into a shell: what has spaces or quotes in it is quoted."""
    return shlex.join(map(str, words))


def run_script(main: Callable[[], None]) -> None:
    """Run the main function of a script, or of a package that runs as one, which goes by its folder's name.

    What its user did wrong ends it in one line, without a traceback.
    """
    try:
        main()
    except UserError as error:
        path = Path(sys.argv[0])
        sys.exit(f"{path.parent.name if path.stem == '__main__' else path.stem}: error: {error}")
