"""Options that several commands share, and how a time is read."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganetic.cli import completion
from ganetic.errors import UserError, unknown

if TYPE_CHECKING:
    from ganetic.evolution.space import SearchSpace
    from ganetic.training.rates import RateList

RATES = "learning rates above 0 and up to 1 that rise, such as 5e-4,1e-3,2e-3"
BETA1S = "β₁ from 0 and below 1 that rise, such as 0,0.5"

Workers = Annotated[int | None, typer.Option(min=1, metavar="N", help="Trials at once; by default as many as fit.")]
Address = Annotated[str | None, typer.Option(metavar="ADDR", help="Ray cluster to join: auto or host:6379.")]
GpusPerTrial = Annotated[float, typer.Option(min=0.0, metavar="F", help="Share of a GPU for each trial.")]
MaxTrials = Annotated[int | None, typer.Option(min=1, metavar="N", help="Stop after so many trainings.")]
TimeBudget = Annotated[str | None, typer.Option(metavar="T", help="Stop after so long, such as 90s, 30m or 1h30m.")]
Data = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Data set; the space names one by default.", autocompletion=completion.data_sets),
]
Window = Annotated[
    str | None,
    typer.Option(
        metavar="LOW HIGH|set|image",
        help="Of images above 8 bits: the values that become black and white; set takes percentiles of the training "
        "images, image those of each.",
    ),
]
Download = Annotated[bool, typer.Option("--download", help="Allow a download of the data set.")]
Inception = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="InceptionV3 weights: measure the FID instead of the small net's distance."),
]
Features = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Measure in features of auto, cnn, imagenet or ARCHITECTURE:FILE.",
        autocompletion=completion.words("auto", "cnn", "imagenet"),
    ),
]
Sha256 = Annotated[str | None, typer.Option(metavar="HEX", help="The digest that the file of --features must have.")]
RunArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="RUN",
        help="Directory of a run; by default the latest under runs/.",
        autocompletion=completion.searches,
    ),
]
Proxy = Annotated[
    str | None,
    typer.Option(
        metavar="fixed|calibrated",
        help="On other data than the space's: its proxies as they stand there, or those chosen there.",
        autocompletion=completion.words("fixed", "calibrated"),
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def join_window(arguments: list[str]) -> list[str]:
    """Make one word of the two numbers behind ``--window``, which may be a single word as well."""
    joined: list[str] = []
    for word in arguments:
        low = joined[-1] if joined[-2:-1] == ["--window"] else ""
        if _is_number(low) and _is_number(word):
            joined[-1] = f"{low},{word}"
        else:
            joined.append(word)
    return joined


def windowed(data: str | None, default: str, window: str | None) -> str | None:
    """The data set that is named, or else the default, with the window that is named; None where nothing is.

    Raises:
        UserError: the window cannot be understood, or the data set takes none.
    """
    if window is None:
        return data
    from ganetic.data import with_window  # noqa: PLC0415 - `--help` does not wait for numpy

    return with_window(data or default, window)


def with_proxy(space: "SearchSpace", proxy: str | None) -> "SearchSpace":
    """The space with what is said about its proxies; None leaves it as it is.

    Raises:
        UserError: nothing of the kind can be said.
    """
    if proxy is None:
        return space
    if proxy not in ("fixed", "calibrated"):
        raise unknown("choice", proxy, ("fixed", "calibrated"), "--proxy")
    return space.model_copy(update={"proxy": proxy})


def rate_list(rates: str | None, beta1s: str | None) -> "RateList | None":
    """Read ``5e-4,1e-3,2e-3`` and ``0,0.5``; None where there are no rates.

    Raises:
        UserError: these are no lists of rates.
    """
    if rates is None:
        return None
    from ganetic.config import validate  # noqa: PLC0415 - `--help` does not wait for numpy
    from ganetic.training.rates import RateList  # noqa: PLC0415

    given = {"learning_rates": _numbers(rates, "--rates", RATES)}
    if beta1s is not None:
        given["beta1s"] = _numbers(beta1s, "--beta1s", BETA1S)
    try:
        return validate(given, RateList, "rates")
    except UserError as error:
        option, allowed = ("--beta1s", BETA1S) if "beta1s" in str(error) else ("--rates", RATES)
        reason = str(error).rpartition(": ")[2]
        raise UserError(f"{option}: {reason}; expected {allowed}") from None


def _numbers(text: str, option: str, allowed: str) -> list[float]:
    words = text.split(",")
    for word in words:
        if not _is_number(word):
            raise UserError(f'{option}: "{word.strip()[:40]}" is not a number; expected {allowed}')
    return [float(word) for word in words]


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def seconds_of(text: str | None) -> float | None:
    """Read a time such as ``90s``, ``30m`` or ``1h30m``.

    Raises:
        UserError: it is none, or nothing is left of it.
    """
    if text is None:
        return None
    number = r"(\d+(?:\.\d+)?)"
    match = re.fullmatch(rf"(?:{number}h)?(?:{number}m)?(?:{number}s)?", text.replace(" ", ""))
    hours, minutes, seconds = (float(part or 0) for part in match.groups()) if match else (0.0, 0.0, 0.0)
    total = 3600 * hours + 60 * minutes + seconds
    if total <= 0:
        raise UserError(f'--time-budget: "{text[:40]}" is not a time; expected one such as 90s, 30m or 1h30m')
    return total
