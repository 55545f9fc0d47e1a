"""Which blocks of EfficientNet-Lite0, at which size of its input, tell planted faults apart, and at what cost.

    GANETIC_DATA=DIR python -m analysis.feature_blocks       some five minutes of one core; prints the tables

1,000 images of a set, five random divisions into halves of 500. One half is the reference; in the other every image is
blurred (Gaussian, sd in pixels), gets noise (Gaussian, sd in grey levels) or a grid of period 4, as transposed
convolutions leave it (sd in grey levels); or a share of the rarest class is left out (both sides of that comparison
have as many images as remain without the class); or there are copies of so many images only.

Columns, of the features of some blocks: their number F and processor milliseconds an image, on one thread. For each
fault, `×` is fd over the floor (the fd of that half without the fault), geometric mean over the sets, and `clear` says
how clearly that is seen: the mean over the sd, over the divisions, of ln(fd / floor), median over the sets. Both are of
the weaker of two strengths; of `class`, of the stronger: the class is gone. `order` is the Spearman correlation of fd
with no, weak and strong fault, mean over divisions, faults and sets, and `least` the least of a fault and set. `sd` is
that of ln fd at the weak faults between divisions, which share their images: fresh samples would vary somewhat more.

A table over all sets is followed by a row for each set, of the own net and of blocks 4 and 10 at 64 pixels. The
own net learns from up to 2,000 images outside the 1,000, or where there are not 500, from the same, which flatters it.
"""

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr
from torch import Tensor

from ganetic.data import ImageSet, load_images
from ganetic.errors import UserError, run_script
from ganetic.metrics.clusters import cluster_labels
from ganetic.metrics.faults import blurred, checkered, noisy
from ganetic.metrics.features import DIMENSIONS, OwnExtractor, build_feature_net, features, train_feature_net
from ganetic.metrics.frechet import FeatureStatistics
from ganetic.metrics.imagenet import WIDTHS, ImageNetFeatures
from ganetic.report.renderers.terminal import print_text
from ganetic.reproducible import reproducible

Images = NDArray[np.uint8]
Indices = NDArray[np.int64]

SETS = (
    "mnist5k",
    "histology?size=32",
    "npz:{}/pneumoniamnist28/pneumoniamnist28.npz",
    "npz:{}/chest_xray128/chest_xray128.npz?size=28",
    "npz:{}/brain_mri64/brain_mri64.npz?size=32",
    "npz:{}/cifar10_10k/cifar10_10k.npz",
)
SIDES = (32, 64, 96)
BLOCKS = ((2,), (4,), (7,), (10,), (2, 4), (4, 7), (4, 10), (7, 10), (2, 4, 10))
OWN = "cnn64"
POOL, HALF, DIVISIONS = 1000, 500, 5
TIMED = 100
FAULTS = {
    "blur": (0.4, 0.7),
    "noise": (3.0, 10.0),
    "grid": (3.0, 10.0),
    "class": (0.5, 1.0),
    "copies": (400.0, 200.0),
}
PIXEL_FAULTS = ("blur", "noise", "grid")


@dataclass(frozen=True)
class Seen:
    """ln fd of one set, fault and kind of features, by division and strength; the first strength is none."""

    features: str
    data: str
    fault: str
    logs: NDArray[np.float64]

    @property
    def steps(self) -> NDArray[np.float64]:
        """ln(fd / floor) of each division: at the weaker strength, or without the class."""
        shown = -1 if self.fault == "class" else 1
        return self.logs[:, shown] - self.logs[:, 0]

    @property
    def clear(self) -> float:
        """How clearly the fault is seen."""
        return float(self.steps.mean() / self.steps.std(ddof=1))

    @property
    def order(self) -> float:
        """Mean Spearman correlation of fd with the strength."""
        return float(np.mean([spearmanr(np.arange(len(row)), row).statistic for row in self.logs]))

    @property
    def sd(self) -> float:
        """Of ln fd at the least strength, between divisions."""
        return float(self.logs[:, 1].std(ddof=1))


def faulty(images: Images, fault: str, strength: float, seed: int) -> Images:
    """Plant a fault of the pixels in uint8 images ``(N, H, W, C)``."""
    if fault == "blur":
        return blurred(images, strength)
    return noisy(images, strength, seed) if fault == "noise" else checkered(images, strength)


def chosen(fault: str, strength: float, others: Indices, labels: Indices, random: np.random.Generator) -> Indices:
    """Return which images stand for the generated ones, of the half that is not the reference.

    Args:
        fault: which.
        strength: 0 for none.
        others: indices of that half.
        labels: ``(N,)``, the class of every image.
        random: draws the images.
    """
    if fault == "copies" and strength:
        return np.resize(random.permutation(others)[: int(strength)], len(others))
    if fault == "class":
        values, counts = np.unique(labels[others], return_counts=True)
        rarest = labels[others] == values[counts.argmin()]
        rest, gone = random.permutation(others[~rarest]), random.permutation(others[rarest])
        kept = round((1 - strength) * len(gone) * len(rest) / len(others))
        return np.concatenate([gone[:kept], rest[: len(rest) - kept]])
    return others


def look(images: ImageSet) -> Iterator[Seen]:
    """Plant all faults in a set and look at them with every kind of features."""
    order = np.random.default_rng(0).permutation(len(images.images))
    pool, outside = order[:POOL], order[POOL:]
    labels = cluster_labels(images.images) if images.labels is None else images.labels
    versions = {("", 0.0): images.images[pool]} | {
        (fault, strength): faulty(images.images[pool], fault, strength, seed=number)
        for fault in PIXEL_FAULTS
        for number, strength in enumerate(FAULTS[fault])
    }
    for name, found in _features(versions, images.images, labels, outside if len(outside) >= HALF else order):
        yield from _distances(name, images.name, found, labels[pool])


Versions = dict[tuple[str, float], Tensor]


def _features(
    versions: dict[tuple[str, float], Images], images: Images, labels: Indices, learnt: Indices
) -> Iterator[tuple[str, Versions]]:
    learnt = learnt[:2000]
    own = build_feature_net(train_feature_net(images[learnt], np.unique(labels[learnt], return_inverse=True)[1]))
    yield OWN, {key: features(own, version)[0] for key, version in versions.items()}
    every = tuple(range(max(block for blocks in BLOCKS for block in blocks) + 1))
    ends = np.cumsum(WIDTHS)
    for side in SIDES:
        look_at = ImageNetFeatures(every, side).build("cpu")
        seen = {key: look_at(version) for key, version in versions.items()}
        for blocks in BLOCKS:
            columns = torch.tensor(np.concatenate([np.arange(ends[b] - WIDTHS[b], ends[b]) for b in blocks]))
            yield ImageNetFeatures(blocks, side).protocol, {key: one[:, columns] for key, one in seen.items()}


def _distances(name: str, data: str, found: Versions, labels: Indices) -> Iterator[Seen]:
    logs: dict[str, list[list[float]]] = {fault: [] for fault in FAULTS}
    for division in range(DIVISIONS):
        random = np.random.default_rng(division)
        reference, others = np.split(random.permutation(POOL), [HALF])
        real = FeatureStatistics.of(found["", 0.0][reference])
        floor = real.distance_to(found["", 0.0][others])
        for fault, strengths in FAULTS.items():
            row = [floor] if fault != "class" else []
            for strength in strengths if row else (0.0, *strengths):
                members = chosen(fault, strength, others, labels, np.random.default_rng(division))
                version = found[fault, strength] if fault in PIXEL_FAULTS else found["", 0.0]
                row.append(real.distance_to(version[members]))
            logs[fault].append(list(np.log(row)))
    for fault, rows in logs.items():
        yield Seen(name, data, fault, np.array(rows))


def milliseconds(look_at: Callable[[Tensor], Tensor], images: Images) -> float:
    """Processor milliseconds an image, the least of eight passes: other programs only add to it."""
    pixels, took = torch.tensor(images), []
    look_at(pixels)
    for _ in range(8):
        began = time.process_time()
        look_at(pixels)
        took.append(time.process_time() - began)
    return 1000 * min(took) / len(images)


def table(rows: dict[tuple[str, str], list[Seen]], cost: dict[str, float]) -> Table:
    """A row for each kind of features and set, or sets, of what was seen there."""
    heads = ("F", "ms", *(f"{fault} {part}" for fault in FAULTS for part in ("×", "clear")), "order", "least", "sd")
    drawn = Table("features", "set", box=None, pad_edge=False)
    for head in heads:
        drawn.add_column(head, justify="right")
    for (name, data), seen in rows.items():
        cells = [f"{_dimensions(name)}", f"{cost[name]:.2f}"]
        for fault in FAULTS:
            mine = [one for one in seen if one.fault == fault]
            cells.append(f"{np.exp(np.mean([one.steps.mean() for one in mine])):.2f}")
            cells.append(f"{np.median([one.clear for one in mine]):.1f}")
        orders = [one.order for one in seen]
        cells += [f"{np.mean(orders):.2f}", f"{min(orders):.2f}", f"{np.mean([one.sd for one in seen]):.3f}"]
        drawn.add_row(name, data, *cells)
    return drawn


def _dimensions(name: str) -> int:
    return DIMENSIONS if name == OWN else sum(WIDTHS[int(block)] for block in re.findall(r"b(\d+)", name))


def costs() -> dict[str, float]:
    """Milliseconds an image of 28 pixels for each kind of features; the own net's are those of two classes."""
    images = np.random.default_rng(0).integers(0, 256, (TIMED, 28, 28, 1), dtype=np.uint8)
    own = build_feature_net(train_feature_net(images[:64], np.arange(64) % 2))
    cost = {OWN: milliseconds(OwnExtractor(own), images)}
    for side in SIDES:
        by_last = {
            last: milliseconds(ImageNetFeatures((last,), side).build("cpu"), images)
            for last in sorted({blocks[-1] for blocks in BLOCKS})
        }
        cost |= {ImageNetFeatures(blocks, side).protocol: by_last[blocks[-1]] for blocks in BLOCKS}
    return cost


def measure() -> tuple[list[Seen], dict[str, float]]:
    """Look at all sets, and take the time of all features.

    Raises:
        UserError: GANETIC_DATA does not name the sets.
    """
    folder = os.environ.get("GANETIC_DATA", "")
    if not Path(folder, "chest_xray128").is_dir():
        raise UserError(f'GANETIC_DATA is "{folder}"; expected the folder of chest_xray128 and the other sets')
    with reproducible():
        cost = costs()
        seen = [one for name in SETS for one in look(load_images(name.format(folder)))]
    return seen, cost


def main() -> None:
    """Print a table over all sets, and the sets of some features."""
    seen, cost = measure()
    console = Console(width=200)
    print_text(console, f"{POOL} images a set, {HALF} against {HALF}, {DIVISIONS} divisions; one thread\n")
    kinds, sets = dict.fromkeys(one.features for one in seen), dict.fromkeys(one.data for one in seen)
    console.print(
        table({(name, f"all {len(sets)}"): [one for one in seen if one.features == name] for name in kinds}, cost)
    )
    shown = (OWN, ImageNetFeatures(side=64).protocol)
    single = {
        (name, data): [one for one in seen if (one.features, one.data) == (name, data)]
        for data in sets
        for name in shown
    }
    console.print()
    console.print(table(single, cost))


if __name__ == "__main__":
    run_script(main)
