"""What each candidate of ``features = "auto"`` makes of the planted faults on six sets, and in how many seconds.

    GANETIC_DATA=DIR python -m analysis.self_test          some two minutes of one core; prints the tables

Everything is measured anew: the cache is left aside. Seconds are processor seconds of one test, without the small CNN's
training. ``order``, ``step``, ``range`` and ``noise`` are explained in `ganetic.metrics.self_test.FaultSeen`; ``noise``
stands here as a share of the range. A second table tests subsets of 300 and 150 images of the same sets.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from analysis.feature_blocks import SETS
from ganetic.data import ImageSet, load_images, partition
from ganetic.errors import UserError, run_script
from ganetic.metrics.feature_names import CANDIDATES
from ganetic.metrics.reference import feature_net
from ganetic.metrics.self_test import SelfTest
from ganetic.report.renderers.terminal import print_text
from ganetic.training.feature_choice import SelfTests, best_of

IMAGES = 1000
SUBSETS = (300, 150)


def tested(images: ImageSet) -> Iterator[tuple[str, SelfTest, float]]:
    """Test every candidate on a set, with the processor seconds that it took."""
    parts = partition(images, IMAGES)
    tests = SelfTests(images, parts, "cpu")
    feature_net(tests.images, parts.features)  # its time is not the test's
    for name in CANDIDATES:
        began = time.process_time()
        test = tests.of(name)
        yield name, test, time.process_time() - began


def subset(images: ImageSet, count: int) -> ImageSet:
    """Some images of a set, as a small set of its own."""
    chosen = np.sort(np.random.default_rng(1).permutation(len(images.images))[:count])
    labels = None if images.labels is None else images.labels[chosen]
    fingerprint = f"{images.fingerprint} {count}"
    return replace(
        images,
        images=images.images[chosen],
        labels=labels,
        split=None,
        groups=None,
        count=count,
        fingerprint=fingerprint,
    )


def verdicts(sets: list[ImageSet]) -> tuple[Table, list[str]]:
    """A row for each set, with verdicts and seconds, and what ``auto`` says."""
    table = Table("set", "images", "modes", *CANDIDATES, "seconds", box=None, pad_edge=False)
    said = []
    for images in sets:
        found = list(tested(images))
        cells = [f"{test.verdict} ({test.score:.2f})" for _, test, _ in found]
        seconds = " + ".join(f"{took:.1f}" for *_, took in found)
        modes = found[-1][1].modes
        table.add_row(images.name, f"{images.count}", modes, *cells, seconds)
        try:
            said.append(f"{images.name}, {images.count}: {best_of(((n, t) for n, t, _ in found), images)[1]}")
        except UserError as error:
            said.append(f"{error}")
    return table, said


def faults(sets: list[ImageSet]) -> Table:
    """A row for each set, features and fault."""
    table = Table("set", "features", "fault", box=None, pad_edge=False)
    for head in ("order", "step", "range", "noise"):
        table.add_column(head, justify="right")
    table.add_column("")
    for images in sets:
        for name, test, _ in tested(images):
            for one in test.seen:
                numbers = (one.order, one.steps[0], one.range, one.noise / one.range if one.range > 0 else np.nan)
                table.add_row(images.name, name, one.fault, *(f"{x:.2f}" for x in numbers), one.complaint and "fails")
    return table


def main() -> None:
    """Print all tables.

    Raises:
        UserError: GANETIC_DATA does not name the sets.
    """
    folder = os.environ.get("GANETIC_DATA", "")
    if not Path(folder, "chest_xray128").is_dir():
        raise UserError(f'GANETIC_DATA is "{folder}"; expected the folder of chest_xray128 and the other sets')
    sets = [load_images(name.format(folder)) for name in SETS]
    console = Console(width=200)
    with tempfile.TemporaryDirectory() as cache:
        os.environ["GANETIC_CACHE"] = cache
        for chosen in (sets, *([subset(one, count) for one in sets] for count in SUBSETS)):
            table, said = verdicts(chosen)
            console.print(table)
            print_text(console, "\n" + "\n".join(said) + "\n")
        console.print(faults(sets))


if __name__ == "__main__":
    run_script(main)
