"""Run the command line; whatever goes wrong is said in one line."""

import errno
import sys
import tempfile
import traceback

import typer

from ganetic.cli import (  # noqa: F401 - they register their commands
    augment,
    calibrate,
    detect,
    detect_study,
    doctor,
    losses,
    publish,
    report,
    search,
    studies,
    study,
    train,
    watch,
)
from ganetic.cli.app import BAD_INPUT, DONE, FAILED, INTERRUPTED, app
from ganetic.cli.options import join_window
from ganetic.cli.streams import print_what_can_be, warnings_on_stderr
from ganetic.errors import ClusterLostError, UserError

_REFUSED = (errno.EACCES, errno.EDQUOT, errno.ENOSPC, errno.EPERM, errno.EROFS)
"""What a machine answers that has no room or does not allow something: no bug of ours."""

# Typer raises the usage errors of the click that it was built with; this is their class in every version of it.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def main() -> None:
    """Run the command line of this process and exit."""
    print_what_can_be(sys.stdout, sys.stderr)
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Run a command; whatever goes wrong is said in one line on stderr.

    Returns:
        0 done, 1 failed, 2 bad input, 130 interrupted.
    """
    try:
        with warnings_on_stderr():
            code = app(join_window(arguments), prog_name="ganetic", standalone_mode=False)
    except UserError as error:
        return _complain(str(error), BAD_INPUT)
    except _UsageError as error:
        return _complain(f"{_usage(error)}; see ganetic --help", BAD_INPUT)
    except ClusterLostError as error:
        return _complain(str(error), FAILED)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Exception as error:  # noqa: BLE001 - a user gets one line, whatever we did wrong
        if isinstance(error, OSError) and error.errno in _REFUSED:
            return _complain(
                f"{error.filename or 'the disk'}: {error.strerror}; make room or name another place", FAILED
            )
        reason = "".join(str(error).splitlines()[:1])[:200]
        return _complain(f"{type(error).__name__}: {reason}{_write_log()}", FAILED)
    if code == INTERRUPTED:
        typer.echo("ganetic: interrupted", err=True)
    return code or DONE


def _usage(error: Exception) -> str:
    message = getattr(error, "format_message", error.__str__)()
    return str(message).rstrip(".")


def _complain(message: str, code: int) -> int:
    line = " ".join(message.splitlines())  # a path may have several spaces in a row
    typer.echo(f"ganetic: error: {line}", err=True)
    return code


def _write_log() -> str:
    """Write down where an error came from, and say where, unless there is no room for that."""
    details = traceback.format_exc().encode(errors="replace")
    try:
        with tempfile.NamedTemporaryFile(prefix="ganetic-", suffix=".log", delete=False) as log:
            log.write(details)
    except OSError:
        return ""
    return f"; details in {log.name}"
