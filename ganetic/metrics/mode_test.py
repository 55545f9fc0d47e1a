"""Whether generated images left modes of the real ones out: thresholds from modes that are left out on purpose."""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import pdtr  # what scipy.stats calls poisson.cdf, which takes a second to import
from torch import Tensor

from ganetic.metrics.diversity import SPREAD_LEAST, STARVED, Diversity, missing

DRAWS = 20
"""Times that half of the modes are left out."""
SEEN = 0.95
"""Share of these draws that decides: what a threshold must catch."""
LEAST_GONE = 0.2
"""Share of the real images in the modes that are left out; a smaller share is not looked for."""
STARVED_LEAST = LEAST_GONE
"""Least that `missing` must say of half of the modes, in that share of draws, for a net to count them: a net that says
less than what is gone does not tell the modes apart, and thresholds from it would flag any generator."""
GAP_LEAST = math.log(1.25)
"""Least gap that half of the modes must leave, in that share of draws, likewise: clusters of a texture without modes
leave a smaller one, and varied images of a generator often a larger one than such a threshold."""
CHANCE_MOST = 0.5
"""Share of the threshold that chance may starve of varied images: more is expected where modes hold an image or two."""
MARGIN = 0.6
"""Share of what half of the modes scored, in that share of draws, from which on modes count as left out.
No averaged generator with varied images reaches it, of five published losses on six sets: analysis/fitness_sets.md."""
APART_LEAST = 0.1
"""Median distance of a generated image's features to those of the nearest other, as a share of the real one, below
which they are copies of a few."""
SAME = 1e-5
"""Distance, as a share of the mean one, up to which two real images are one and the same."""
ROWS_AT_A_TIME = 4096  # of distances at a time: all those of 50,000 images take 10 GB

Floats = NDArray[np.float32]
Classes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ModeTest:
    """The modes of some real images, as a feature net sees them, and from where on generated images miss some.

    A mode is a class, or a cluster, of that net. Modes count as left out where two numbers are high. One is the share
    of real images whose mode is starved (`ganetic.metrics.diversity.missing`). The other is the gap between modes: how
    far the nearest generated image is from a real one, relative to the nearest other real one, in ln; the median of a
    mode; the mean of the upper half of the modes less that of the lower half. A generator that is poor everywhere has
    a small gap.

    Attributes:
        features: float32 ``(N, F)`` of real images.
        classes: int64 ``(N,)``, the mode of each.
        nearest: float64 ``(N,)``, ln of the distance to the nearest other one that is not the same.
        real: how varied they are.
        apart: the median distance to the nearest other one.
        starved_from: the share from which on modes count as starved; infinite where the net does not see half of the
            modes missing.
        gap_from: the gap from which on modes count as far; likewise.
    """

    features: Floats
    classes: Classes
    nearest: NDArray[np.float64]
    real: Diversity
    apart: float
    starved_from: float
    gap_from: float

    @property
    def counts(self) -> bool:
        """Whether the net sees half of the modes missing."""
        return math.isfinite(self.starved_from)

    def starved(self, generated: Diversity) -> float:
        """The share of the real images whose mode is starved."""
        assert generated.shares is not None and self.real.shares is not None
        return missing(generated.shares, self.real.shares)

    def gap(self, generated: Tensor) -> float:
        """How much farther generated features ``(N, F)`` are from some modes than from others, in ln of a distance.

        Those that are the same as a real one are passed over, as the same real ones are: in a set whose images occur
        several times the modes that are left out on purpose would else lie infinitely farther than others.
        """
        others, same = generated.double().cpu(), SAME * self.real.spread
        nearest = []
        for rows in torch.split(torch.from_numpy(self.features).double(), ROWS_AT_A_TIME):
            distances = torch.cdist(rows, others)
            nearest.append(distances.masked_fill_(distances <= same, torch.inf).min(1).values)
        found = torch.cat(nearest).numpy()
        farther = _finite_logs(found, same) - self.nearest
        medians = sorted(np.median(farther[self.classes == mode]) for mode in np.unique(self.classes))
        half = len(medians) // 2
        return float(np.mean(medians[-half:]) - np.mean(medians[:half])) if half else 0.0

    def collapsed(self, features: Tensor, classes: Tensor) -> bool:
        """Return whether generated images are all alike, copies of a few, or leave modes out.

        Args:
            features: float ``(N, F)``, of as many images as the real ones, or more.
            classes: int64 ``(N,)``, their modes.
        """
        generated = Diversity.of(features, classes, _modes(self.real))
        if not generated.spread >= SPREAD_LEAST * self.real.spread:
            return True
        if apart(features[: len(self.features)]) < APART_LEAST * self.apart:
            return True
        return self.starved(generated) >= self.starved_from and self.gap(features) >= self.gap_from


def mode_test(
    reference: tuple[Tensor, Tensor], others: tuple[Tensor, Tensor], modes: Classes, size: int, count: int
) -> ModeTest:
    """Leave half of the modes out of real images, again and again, and see what that scores.

    The net counts no modes where they hold so few images that chance alone starves many of them.

    Args:
        reference: features and classes of the real images that generated ones are compared with.
        others: those of other real images, ``(M, F)`` and ``(M,)``.
        modes: int64 ``(M,)``, the true modes of the others, of which half are left out.
        size: images a draw.
        count: modes that the net tells apart.
    """
    features, classes = reference
    real = Diversity.of(features, classes, count)
    test = ModeTest(
        features=features.float().cpu().numpy(),
        classes=classes.cpu().numpy(),
        nearest=_finite_logs(_to_nearest(features, SAME * real.spread), SAME * real.spread),
        real=real,
        apart=apart(features),
        starved_from=math.inf,
        gap_from=math.inf,
    )
    scores = [_scores(test, others, kept) for kept in _halves(modes, size)]
    if not scores:
        return test
    starved, gap = (float(least) for least in np.quantile(scores, 1 - SEEN, axis=0))
    if starved < STARVED_LEAST or gap < GAP_LEAST:
        return test
    if missing_by_chance(real, size) >= CHANCE_MOST * MARGIN * starved:
        return test
    return replace(test, starved_from=MARGIN * starved, gap_from=MARGIN * gap)


def missing_by_chance(real: Diversity, size: int) -> float:
    """About what `missing` says of so many varied images, if their counts are Poisson's around the real ones."""
    assert real.shares is not None
    expected = size * real.shares
    most = np.ceil(STARVED * expected) - 1
    at_most = np.where(most < 0, 0.0, pdtr(np.maximum(most, 0), expected))
    return float((real.shares * at_most).sum())


def apart(features: Tensor) -> float:
    """The median distance of features ``(N, F)`` to the nearest other one."""
    return float(np.median(_to_nearest(features)))


def _scores(test: ModeTest, others: tuple[Tensor, Tensor], drawn: Classes) -> tuple[float, float]:
    """The starved share and the gap of some of the other real images."""
    features, classes = (part[torch.from_numpy(drawn)] for part in others)
    return test.starved(Diversity.of(features, classes, _modes(test.real))), test.gap(features)


def _halves(modes: Classes, size: int) -> list[Classes]:
    """Indices of images of a random half of the modes; none where the other half holds too few images."""
    names = np.unique(modes)
    drawn = []
    for draw in range(DRAWS):
        random = np.random.default_rng(draw)
        left = np.flatnonzero(np.isin(modes, random.permutation(names)[: len(names) // 2]))
        if len(left) and len(left) <= (1 - LEAST_GONE) * len(modes):
            drawn.append(random.choice(left, size, replace=len(left) < size))
    return drawn


def _finite_logs(distances: NDArray[np.float64], least: float) -> NDArray[np.float64]:
    """Ln of distances, of which those that are infinite, as all images are the same, count as the least."""
    logs: NDArray[np.float64] = np.log(np.maximum(np.where(np.isinf(distances), least, distances), 1e-12))
    return logs


def _to_nearest(features: Tensor, same: float = -1.0) -> NDArray[np.float64]:
    """The distance of each of some features ``(N, F)`` to the nearest other one that is farther than ``same``."""
    points = features.float()
    nearest = []
    for start in range(0, len(points), ROWS_AT_A_TIME):
        distances = torch.cdist(
            points[start : start + ROWS_AT_A_TIME], points, compute_mode="donot_use_mm_for_euclid_dist"
        )
        distances.diagonal(start).fill_(torch.inf)
        nearest.append(distances.masked_fill_(distances <= same, torch.inf).min(1).values)
    return torch.cat(nearest).double().cpu().numpy()


def _modes(real: Diversity) -> int:
    assert real.shares is not None
    return len(real.shares)
