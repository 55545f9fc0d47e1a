"""How well scores tell anomalies from normal images, and how sure that is: patients and GAN seeds are resampled.

Every resample draws groups of test images, such as patients, and it is the same for all methods, so that differences
are paired. A method of several GAN seeds is the mean over seeds, and a resample draws seeds, too: S - 1 of S, with
replacement, which makes the variance of their mean unbiased (Rao & Wu, Resampling inference with complex survey data,
Journal of the American Statistical Association 83, 1988).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from ganetic.data import Indices
from ganetic.stats import LEVEL, Verdict

RESAMPLES = 1000

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]
Measure = Callable[[Values, Flags, Values], Values]
"""Scores, which images are anomalous and weights ``(B, T)`` to a number for each resample, ``(B,)``."""


@dataclass(frozen=True)
class Estimate:
    """A number and where it may lie.

    Attributes:
        value: as measured, the mean over seeds.
        low: end of the 95 % interval; NaN where nothing varied.
        high: the other end.
        p: two-sided, that it is no other than nothing.
    """

    value: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, eq=False)
class Measured:
    """What a method reached, with one row a GAN seed; a method without seeds has a single row.

    Attributes:
        values: float64 ``(S,)``, on the test images as they are.
        resampled: float64 ``(S, B)``, on each resample of groups.
        seeds: int64 ``(B, S - 1)``, which seeds each resample draws; None where the method has none.
        groups: how many groups were resampled.
    """

    values: Values
    resampled: Values
    seeds: Indices | None
    groups: int

    def __sub__(self, other: "Measured") -> "Measured":
        """The difference of two methods on the same resamples, seed by seed where both have seeds."""
        seeds = self.seeds if other.seeds is None else other.seeds
        return Measured(self.values - other.values, self.resampled - other.resampled, seeds, self.groups)

    def estimate(self, nothing: float, bounds: tuple[float, float]) -> Estimate:
        """Return the mean over seeds with an interval of Student's t.

        Its standard error is that of the resamples. Its degrees of freedom follow from the parts that groups and seeds
        have in it (Satterthwaite, An approximate distribution of estimates of variance components, 1946): a few seeds
        say little of how seeds vary.

        Args:
            nothing: the value that says nothing, such as 0.5 of an area under the curve.
            bounds: what values can be.
        """
        value = float(self.values.mean())
        error, freedom = self._error
        if not error > 0:
            return Estimate(value, np.nan, np.nan, 1.0)
        half = float(stdtrit(freedom, 1 - LEVEL / 2)) * error
        p = float(2 * stdtr(freedom, -abs(value - nothing) / error))
        return Estimate(value, max(bounds[0], value - half), min(bounds[1], value + half), p)

    @cached_property
    def _error(self) -> tuple[float, float]:
        """The standard error, and its degrees of freedom."""
        of_groups = float(self.resampled.mean(axis=0).var())
        if self.seeds is None or len(self.values) < 2:
            return of_groups**0.5, self.groups - 1
        drawn = np.take_along_axis(self.resampled, self.seeds.T, axis=0).mean(axis=0)
        both = float(drawn.var())
        of_seeds = max(both - of_groups, 0.0)
        parts = of_groups**2 / (self.groups - 1) + of_seeds**2 / (len(self.values) - 1)
        return both**0.5, both**2 / parts if parts > 0 else self.groups - 1


class Resampling:
    """Test images, and the resamples that all methods share.

    Args:
        anomalous: bool ``(T,)``.
        groups: int64 ``(T,)`` from 0 on, such as patients.
        seeds: GAN seeds of each loss.
        resamples: how many.
    """

    def __init__(self, anomalous: Flags, groups: Indices, seeds: int, resamples: int = RESAMPLES) -> None:
        stream = np.random.default_rng(0)
        self.anomalous, self.groups = anomalous, int(groups.max()) + 1
        drawn = stream.multinomial(self.groups, np.full(self.groups, 1 / self.groups), size=resamples)
        weights = drawn[:, groups].astype(np.float64)
        both = (weights[:, anomalous].sum(1) > 0) & (weights[:, ~anomalous].sum(1) > 0)
        self.weights: Values = weights[both]
        self.seeds = stream.integers(0, seeds, (len(self.weights), seeds - 1)) if seeds > 1 else None

    def auroc(self, scores: Sequence[Values], of_seeds: bool = False) -> Measured:
        """Measure the area under the ROC curve of scores ``(T,)``, one array a seed."""
        return self._measured(scores, auroc, of_seeds)

    def average_precision(self, scores: Sequence[Values], of_seeds: bool = False) -> Measured:
        """Measure the average precision of scores ``(T,)``, one array a seed."""
        return self._measured(scores, average_precision, of_seeds)

    def _measured(self, scores: Sequence[Values], measure: Measure, of_seeds: bool) -> Measured:
        ones = np.ones((1, len(self.anomalous)))
        values = np.array([measure(one, self.anomalous, ones)[0] for one in scores])
        resampled = np.stack([measure(one, self.anomalous, self.weights) for one in scores])
        return Measured(values, resampled, self.seeds if of_seeds else None, self.groups)


def auroc(scores: Values, anomalous: Flags, weights: Values) -> Values:
    """Return the area under the ROC curve by weights ``(B, T)`` of the images, ``(B,)``; ties count half."""
    positive, negative = _by_score(scores, anomalous, weights)
    below = negative.cumsum(axis=1) - negative / 2
    areas: Values = (positive * below).sum(axis=1) / (positive.sum(axis=1) * negative.sum(axis=1))
    return areas


def average_precision(scores: Values, anomalous: Flags, weights: Values) -> Values:
    """Return the average precision by weights ``(B, T)`` of the images, ``(B,)``, as scikit-learn defines it."""
    positive, negative = (side[:, ::-1] for side in _by_score(scores, anomalous, weights))
    found, called = positive.cumsum(axis=1), (positive + negative).cumsum(axis=1)
    precision = np.divide(found, called, out=np.zeros_like(found), where=called > 0)
    means: Values = (positive * precision).sum(axis=1) / positive.sum(axis=1)
    return means


def _by_score(scores: Values, anomalous: Flags, weights: Values) -> tuple[Values, Values]:
    """The weight of anomalous and of normal images at each value of the score, by rising score, each ``(B, V)``."""
    order = np.argsort(scores, kind="stable")
    firsts = np.flatnonzero(np.diff(scores[order], prepend=np.nan) != 0)
    flags, sorted_weights = anomalous[order], weights[:, order]
    positive: Values = np.add.reduceat(sorted_weights * flags, firsts, axis=1)
    negative: Values = np.add.reduceat(sorted_weights * ~flags, firsts, axis=1)
    return positive, negative


def verdict_of(value: float, adjusted_p: float) -> Verdict:
    """What may be said of a difference whose p is adjusted for its family."""
    if not adjusted_p < LEVEL or value == 0:
        return Verdict.NOT_SHOWN
    return Verdict.HIGHER if value > 0 else Verdict.LOWER
