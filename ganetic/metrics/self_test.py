"""The self-test of a metric on a set of images: does its distance rank planted faults, and how noisy is it?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor

from ganetic.config import Config
from ganetic.metrics.extractor import FeatureExtractor
from ganetic.metrics.faults import FAULTS, PIXEL_FAULTS, faulty, untrained_images, with_others, without_modes
from ganetic.metrics.frechet import FeatureStatistics
from ganetic.metrics.planted_modes import PlantedModes
from ganetic.reproducible import reproducible

VERSION = 2
"""Changes whenever the same images and features would give other results; it is part of the cache's key."""
MOST_IMAGES = 500
"""Of each side of a comparison …"""
PIXEL_IMAGES = 150
"""… and where every image is changed. Such faults are plain, and each strength needs all features anew."""
FEW = 12
"""Images of which a generator that copies makes all its copies; fewer, one in 40, of fewer than 480."""
DIVISIONS = 8
"""Random halves, which share their images: fresh samples would vary somewhat more."""

LEAST_ORDER = 0.9
"""Spearman's correlation of distance and strength, the mean over divisions."""
MOST_NOISE = 0.1
"""Sampling noise as a share of the range from no fault to the strongest."""
CLEAR = 5.0
"""So many times the noise above no fault the least strength is clearly seen; more is not worth more."""

Indices = NDArray[np.int64]
Number = Annotated[float, Field(allow_inf_nan=False)]


class FaultSeen(Config):
    """What a metric makes of one fault. Distances are logarithms: a step of 0.7 is a factor of 2."""

    fault: str
    """One of `ganetic.metrics.faults.FAULTS`."""
    order: Number
    """Spearman's correlation of distance and strength, the mean over divisions."""
    steps: Annotated[tuple[Number, ...], Field(min_length=3)]
    """From no fault to each strength, the mean over divisions."""
    noise: Annotated[Number, Field(ge=0)]
    """Sd between divisions, without what a division adds to all strengths alike: losses of a search are compared with
    the same real images."""

    @model_validator(mode="after")
    def _of_the_table(self) -> Self:
        strengths = FAULTS.get(self.fault)
        if strengths is None or len(self.steps) != len(strengths):
            raise ValueError(f"{self.fault} with {len(self.steps)} strengths is not in the table")
        return self

    @property
    def range(self) -> float:
        """From no fault to the strongest."""
        return self.steps[-1]

    @property
    def least_seen(self) -> float | None:
        """The least strength that is further than the noise from no fault, as all above it are; None if none is."""
        seen = None
        for strength, step in reversed(list(zip(FAULTS[self.fault], self.steps, strict=True))):
            if step <= self.noise:
                break
            seen = strength
        return seen

    @property
    def passed(self) -> bool:
        """Whether the metric ranks this fault."""
        return not self.complaint

    @property
    def complaint(self) -> str:
        """Empty, or what is wrong, with the numbers."""
        if self.order < LEAST_ORDER - 1e-9:
            return f"orders {self.fault} at {self.order:.2g} (expected {LEAST_ORDER:g})"
        if self.steps[0] <= self.noise:
            least = f"{self.fault} {FAULTS[self.fault][0]:g}"
            return f"does not tell {least} from real images (ln fd {self.steps[0]:+.2g}, noise {self.noise:.2g})"
        if self.noise >= MOST_NOISE * self.range:
            share = self.noise / self.range
            return f"sees {self.fault} with a noise of {share:.0%} of its range (expected less than {MOST_NOISE:.0%})"
        return ""

    @property
    def clarity(self) -> float:
        """How clearly the least strength is seen, from 0 to 1."""
        return float(np.clip(self.steps[0] / max(self.noise, 1e-9) / CLEAR, 0, 1))


class SelfTest(Config):
    """What a metric makes of every fault on one set of images."""

    features: str
    """Their name in protocols."""
    images: int
    """On each side of a comparison."""
    modes: str
    """Of what modes are dropped: ``labels``, ``clusters of pixels``, …; ``none`` where nothing can be dropped."""
    seen: Annotated[tuple[FaultSeen, ...], Field(min_length=1)]
    """One a fault, in the order of the table."""

    @property
    def passed(self) -> bool:
        """Whether the metric ranks every fault."""
        return all(one.passed for one in self.seen)

    @property
    def usable(self) -> bool:
        """Whether the metric ranks every fault but perhaps missing modes, for which classes are counted as well."""
        return all(one.passed for one in self.seen if one.fault != "modes")

    @property
    def complaint(self) -> str:
        """Empty, or the first thing that is wrong, missing modes last."""
        wrong = sorted((one for one in self.seen if not one.passed), key=lambda one: one.fault == "modes")
        return wrong[0].complaint if wrong else ""

    @property
    def verdict(self) -> str:
        """In a word or three."""
        return "passes" if self.passed else "all but modes" if self.usable else "fails"

    @property
    def score(self) -> float:
        """How clearly the least strengths are seen, from 0 to 1, the mean over faults."""
        return float(np.mean([one.clarity for one in self.seen]))


@dataclass(frozen=True, eq=False)
class PlantedImages:
    """Real images with the faults planted in them, made once for all metrics.

    Attributes:
        plain: the real ones, uint8 ``(P, H, W, C)``, in random order; the first `FEW` are those that are copied.
        changed: those behind them by fault and strength, uint8 ``(Q, H, W, C)``, where every image has the fault.
        untrained: uint8 ``(U, H, W, C)``.
    """

    plain: NDArray[np.uint8]
    changed: Mapping[tuple[str, float], NDArray[np.uint8]]
    untrained: NDArray[np.uint8]

    @staticmethod
    def of(images: NDArray[np.uint8]) -> "PlantedImages":
        """Plant the faults in real images ``(P, H, W, C)``."""
        behind = images[FEW : FEW + 2 * PIXEL_IMAGES]
        changed = {(fault, one): faulty(behind, fault, one) for fault in PIXEL_FAULTS for one in FAULTS[fault]}
        most = round(FAULTS["untrained"][-1] * len(images) / 2)
        return PlantedImages(images, changed, untrained_images(most, images.shape[1:]))


def pool(candidates: Indices) -> Indices:
    """Choose the images of a test, in random order: of the same candidates the same ones."""
    return np.random.default_rng(0).permutation(candidates)[: 2 * MOST_IMAGES + FEW]


@reproducible()
def self_test(images: PlantedImages, extractor: FeatureExtractor, modes: PlantedModes) -> SelfTest:
    """Plant every fault in one half of real images and measure its distance to the other half.

    Both sides have equally many images. The halves are drawn anew a few times; what the features of each image are is
    computed once.

    Args:
        images: with the faults.
        extractor: the features.
        modes: of the plain images.
    """
    seen = _Features(
        extractor(torch.tensor(images.plain)).cpu(),
        {key: extractor(torch.tensor(version)).cpu() for key, version in images.changed.items()},
        extractor(torch.tensor(images.untrained)).cpu(),
    )
    faults = [fault for fault in FAULTS if fault != "modes" or modes.dropped.any()]
    logs = np.array([[_distances(seen, fault, modes, seed) for fault in faults] for seed in range(DIVISIONS)])
    return SelfTest(
        features=extractor.name,
        images=(len(images.plain) - FEW) // 2,
        modes=modes.name if modes.dropped.any() else "none",
        seen=tuple(summed_up(fault, logs[:, number]) for number, fault in enumerate(faults)),
    )


def summed_up(fault: str, logs: NDArray[np.float64]) -> FaultSeen:
    """Sum up ln fd ``(divisions, 1 + strengths)``, whose first column is no fault."""
    ranks, means = np.arange(logs.shape[1]), logs.mean(0)
    rest = logs - means - logs.mean(1, keepdims=True) + logs.mean()
    freedom = (len(logs) - 1) * (logs.shape[1] - 1)
    return FaultSeen(
        fault=fault,
        order=float(np.mean([_spearman(ranks, row) for row in logs])),
        steps=tuple(float(mean - means[0]) for mean in means[1:]),
        noise=float(np.sqrt((rest**2).sum() / freedom)),
    )


@dataclass(frozen=True, eq=False)
class _Features:
    """The features of `PlantedImages`, by the same names."""

    plain: Tensor
    changed: Mapping[tuple[str, float], Tensor]
    untrained: Tensor


def _distances(seen: _Features, fault: str, modes: PlantedModes, seed: int) -> list[float]:
    """Ln fd of no fault and of each strength, in one division."""
    strengths = (0.0, *FAULTS[fault])
    random = np.random.default_rng(seed)
    changed = len(next(iter(seen.changed.values())))
    order = FEW + random.permutation(changed if fault in PIXEL_FAULTS else len(seen.plain) - FEW)
    # Both halves have the same modes, but where some are dropped: chance would drop some, too.
    compared, others = _halves(order, modes.groups if fault == "modes" else np.zeros_like(modes.groups))
    samples = [_sample(seen, fault, strength, others, modes) for strength in strengths]
    reference = FeatureStatistics.of(seen.plain[compared[: len(samples[0])]])
    # Images that are all alike have no distance, whose logarithm is infinite.
    return [float(np.log(max(reference.distance_to(sample), 1e-12))) for sample in samples]


def _sample(seen: _Features, fault: str, strength: float, others: Indices, modes: PlantedModes) -> Tensor:
    """The features of images with a fault, made of others than those that they are compared with."""
    if fault == "modes":
        return seen.plain[without_modes(others, modes.dropped, strength)]
    if fault == "copies":
        return seen.plain[with_others(others, np.arange(_few(seen.plain)), strength)]
    if fault == "untrained":
        count = round(strength * len(others))
        return torch.cat([seen.plain[others[count:]], seen.untrained[:count]])
    return seen.changed[fault, strength][others - FEW] if strength else seen.plain[others]


def _few(plain: Tensor) -> int:
    return min(FEW, max(3, len(plain) // 40))


def _halves(order: Indices, groups: Indices) -> tuple[Indices, Indices]:
    """Two halves with equally many of each group, in an order whose every part has its share of each."""
    halves: tuple[list[Indices], list[Indices]] = ([], [])
    for group in np.unique(groups[order]):
        members = order[groups[order] == group]
        middle = len(members) // 2
        halves[0].append(members[:middle])
        halves[1].append(members[middle : 2 * middle])
    first, second = (_interleaved(parts) for parts in halves)
    return first, second


def _interleaved(parts: list[Indices]) -> Indices:
    places = np.concatenate([(np.arange(len(part)) + 0.5) / max(len(part), 1) for part in parts])
    return np.concatenate(parts)[np.argsort(places, kind="stable")]


def _spearman(ranks: NDArray[np.int64], row: NDArray[np.float64]) -> float:
    if (row == row[0]).all():
        return 0.0  # scipy warns, and says NaN
    from scipy.stats import spearmanr  # noqa: PLC0415  (takes a second to import, and most tests are in the cache)

    return float(spearmanr(ranks, row).statistic)
