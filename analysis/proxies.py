"""Which proxy tells losses apart fastest: ten losses on three seeds in each of fifteen settings of the small GAN.

    python analysis/proxies.py                 print the table of analysis/proxies.json
    python analysis/proxies.py --record DIR    train it all again (two hours on two cores), resumable, into DIR

A row is a setting, named by pixels a side, width, batch, learning rate and batch norm: seconds of a training up to the
step, failed trainings, and at the step the noise (sd of ln fd that equal seeds leave), the signal (sd between viable
losses), signal over noise with its 90 % interval, and the speed, (signal / noise)² a minute of training. n seeds have n
times as much of it, so a proxy of twice the speed needs half the time to tell the same losses apart. `least` is the
speed without the one loss that adds most to it: a single bad loss is easy to tell, and what a search needs is to tell
good ones, so this is what counts. `order` is the mean rank correlation of a setting's losses with those of the other
settings: a setting that ranks by a trick of its own has a low one.
"""

import argparse
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from ganetic.callbacks import Progress, ProgressCallback
from ganetic.config import validate
from ganetic.data import load_images
from ganetic.errors import UserError, run_script
from ganetic.evolution.calibrate import train_references
from ganetic.evolution.calibration import Calibration, Conditions
from ganetic.evolution.resources import Runtime
from ganetic.evolution.signal import LEAST_LOSSES, rank_correlation, spread
from ganetic.files import write_whole
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.report.cells import decimal
from ganetic.report.progress.search import progress_on
from ganetic.report.progress.sentences import sentences_on
from ganetic.report.renderers.terminal import print_text
from ganetic.training.spec import ProxySpec

RECORD = Path(__file__).with_suffix(".json")
CHECKPOINTS = (50, 100, 150, 200, 300, 400)
SHOWN = (200, 400)
SEEDS = (1, 2, 3)
SIZES = (28, 32)
MOST_FAILED = 0.1
"""Of the trainings in a setting that is recommended: these losses are known to train."""

LOSSES = {
    **{
        name: LIBRARY[name].formula.text
        for name in ("bce", "lsgan", "hinge", "wasserstein", "ganetic", "relativistic-hinge")
    },
    **{
        name: Formula.from_text(text).text
        for name, text in (
            ("evolved-1", "div(sub(1.6, mul(p, log(y))), sqrt(sqrt(p)))"),
            (
                "evolved-2",
                "sub(div(log(sub(mul(sqrt(sub(p, y)), sub(tanh(y), 4.852)), y)), -9.999e-05), sqrt(tanh(p)))",
            ),
            ("evolved-3", "add(mul(sqrt(sub(p, y)), sub(y, 3.821)), 4.988)"),
            ("evolved-4", "sqrt(div(mul(2.953, add(0.1558, y)), abs(sub(p, y))))"),
        )
    },
}
"""Published ones, and four that searches found on the first of these settings."""

SETTINGS: tuple[tuple[int, ProxySpec], ...] = (
    (28, ProxySpec()),
    (28, ProxySpec(batch=16)),
    (28, ProxySpec(batch_norm=False, learning_rate=1e-3)),
    (28, ProxySpec(learning_rate=4e-3)),
    (28, ProxySpec(learning_rate=1e-3)),
    (28, ProxySpec(width=8)),
    (28, ProxySpec(batch_norm=False, learning_rate=5e-4)),
    (28, ProxySpec(width=32)),
    (28, ProxySpec(width=32, batch=16)),
    (32, ProxySpec()),
    (28, ProxySpec(batch_norm=False)),
    (28, ProxySpec(batch_norm=False, learning_rate=5e-4, width=32)),
    (28, ProxySpec(batch=64)),
    (28, ProxySpec(batch=16, batch_norm=False, learning_rate=1e-3)),
    (28, ProxySpec(batch=16, learning_rate=1e-3)),
)
"""Pixels a side, and the proxy."""


def main() -> None:
    """Record the survey if asked to, and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--record", type=Path, metavar="DIR", help="train everything again, resumable, into DIR")
    folder: Path | None = parser.parse_args().record
    path = RECORD if folder is None else folder / RECORD.name
    if folder is not None:
        write_survey(record(folder), "", path)
    machine, survey = read_survey(path)
    console = Console(highlight=False)
    print_text(console, f"{path.name}{': ' * bool(machine)}{machine}")
    for step in SHOWN:
        print_text(console, table(survey, step))
    print_text(console, recommendation(survey))
    if missing := [name for name in (label(size, proxy) for size, proxy in SETTINGS) if name not in survey]:
        print_text(console, f"\nNot recorded yet: {', '.join(missing)}.")


def label(size: int, proxy: ProxySpec) -> str:
    """Name a setting by all that differs between settings, such as ``28-w16-b32-lr0.002-bn``."""
    norm = "bn" if proxy.batch_norm else "nobn"
    return f"{size}-w{proxy.width}-b{proxy.batch}-lr{proxy.learning_rate:g}-{norm}"


def record(folder: Path) -> dict[str, Calibration]:
    """Train every loss on every seed in every setting; killed, the same call goes on."""
    runtime, found, screen = Runtime(), {}, Console(stderr=True, highlight=False)
    with sentences_on(screen), progress_on(screen) as callback:
        for size, proxy in SETTINGS:
            print_text(screen, label(size, proxy))
            found[label(size, proxy)] = _trained(folder, size, proxy, runtime, callback)
    return found


def data_of(folder: Path, size: int) -> str:
    """The data set of a setting: mnist5k as it is, or with a black border of two pixels, written into the folder."""
    if size == SIZES[0]:
        return "mnist5k"
    path = folder / f"mnist5k-{size}px.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        images, border = load_images("mnist5k"), (size - SIZES[0]) // 2
        padded = np.pad(images.images, ((0, 0), (border, border), (border, border), (0, 0)))
        assert images.labels is not None
        np.savez_compressed(path, images=padded, labels=images.labels)
    return f"npz:{path}"


def write_survey(survey: dict[str, Calibration], machine: str, path: Path) -> None:
    """Write calibrations by the names of their settings as JSON, a training a line.

    Args:
        survey: the calibrations.
        machine: what it was recorded on.
        path: the file.
    """
    parts = (f"{json.dumps(name)}: {calibration.text().rstrip()}" for name, calibration in survey.items())
    settings = ",\n".join(parts)
    write_whole(path, f'{{"machine": {json.dumps(machine)},\n"settings": {{\n{settings}\n}}}}\n')


def read_survey(path: Path) -> tuple[str, dict[str, Calibration]]:
    """Read what `write_survey` wrote: the machine, and the calibrations."""
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None
    settings = data["settings"]
    return data["machine"], {
        name: validate(one, Calibration, where=f"{path}: {name}") for name, one in settings.items()
    }


def table(survey: dict[str, Calibration], step: int) -> Table:
    """Lay the survey out at a step, the setting that is fastest there without its most telling loss first."""
    title = f"\n{step} steps"
    found = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    for column in ("setting", "s", "fail", "noise", "signal", "s/n", "90 %", "speed", "least", "order"):
        found.add_column(column, justify="left" if column == "setting" else "right", no_wrap=True)
    for name in _by_speed(survey, step):
        calibration, reading = survey[name], survey[name].reading(step)
        low, high = reading.spread.interval
        found.add_row(
            name,
            decimal(_seconds(calibration, step)),
            f"{sum(calibration.failures.values())}/{len(calibration.trainings)}",
            decimal(reading.spread.noise_sd, 2),
            decimal(reading.spread.signal_sd, 2),
            decimal(reading.spread.signal_to_noise, 2),
            f"{decimal(low)}-{decimal(high)}" if math.isfinite(high) else "-",
            decimal(reading.per_minute),
            decimal(least_speed(calibration, step)),
            decimal(agreement(survey, name, step), 2),
        )
    return found


def least_speed(calibration: Calibration, step: int) -> float:
    """The speed of a setting without the loss that adds most to it; NaN where too few are viable."""
    losses, seconds = calibration.table(step), _seconds(calibration, step)
    if len(losses) <= LEAST_LOSSES:
        return math.nan
    return min(spread(np.delete(losses, place, axis=0)).per_minute(seconds) for place in range(len(losses)))


def agreement(survey: dict[str, Calibration], name: str, step: int) -> float:
    """Mean rank correlation of a setting's losses with each other setting's, over the losses viable in both."""
    found = []
    for other in survey.values():
        both = [loss for loss in survey[name].viable if loss in other.viable]
        if other is not survey[name]:
            found.append(rank_correlation(_rows(survey[name], both, step), _rows(other, both, step)))
    found = [value for value in found if math.isfinite(value)]
    return math.fsum(found) / len(found) if found else math.nan


def recommendation(survey: dict[str, Calibration]) -> str:
    """Name the fastest setting at the last step in which losses train."""
    step = SHOWN[-1]
    usable = [name for name in _by_speed(survey, step) if _failed_share(survey[name]) <= MOST_FAILED]
    if not usable:
        return "\nIn no setting do enough losses train."
    best, second = usable[0], usable[1] if len(usable) > 1 else usable[0]
    return (
        f"\nOf the {len(usable)} settings in which at most {MOST_FAILED:.0%} of the trainings fail, the fastest at "
        f"{step} steps by `least` is {best} ({decimal(least_speed(survey[best], step))}), then {second} "
        f"({decimal(least_speed(survey[second], step))})."
    )


def _by_speed(survey: dict[str, Calibration], step: int) -> list[str]:
    speeds = {name: least_speed(calibration, step) for name, calibration in survey.items()}
    return sorted(speeds, key=lambda name: -speeds[name] if math.isfinite(speeds[name]) else math.inf)


def _failed_share(calibration: Calibration) -> float:
    return sum(calibration.failures.values()) / len(calibration.trainings)


def _seconds(calibration: Calibration, step: int) -> float:
    return calibration.seconds * step / calibration.conditions.steps


def _rows(calibration: Calibration, losses: list[str], step: int) -> NDArray[np.float64]:
    return calibration.table(step)[[calibration.viable.index(loss) for loss in losses]]


def _trained(
    folder: Path, size: int, proxy: ProxySpec, runtime: Runtime, callback: ProgressCallback[Progress]
) -> Calibration:
    proxy_data = runtime.proxy_data(data_of(folder, size), proxy)
    conditions = Conditions(
        metric=proxy_data.protocol, data=proxy_data.data, proxy=proxy, checkpoints=CHECKPOINTS, losses=LOSSES
    )
    return train_references(conditions, SEEDS, proxy_data, runtime, callback, folder / label(size, proxy))


if __name__ == "__main__":
    run_script(main)
