"""How well scores tell anomalies from normal images, and how sure that is: patients and GAN seeds are resampled.

Every resample draws groups of test images, such as patients, and it is the same for all methods, so that differences
are paired. A method of several GAN seeds is the mean over seeds, and a resample draws seeds, too: S - 1 of S, with
replacement, which makes the variance of their mean unbiased (Rao & Wu, Resampling inference with complex survey data,
Journal of the American Statistical Association 83, 1988).
"""

from collections.abc import Sequence
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


@dataclass(frozen=True)
class Estimate:
    """A number and where it may lie.

    Attributes:
        value: as measured, the mean over seeds.
        low: end of the 95 % interval; NaN where no resample differs, as with areas of 1 and 0.
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
            return Estimate(value, np.nan, np.nan, float(value == nothing))
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

    def measure(self, scores: Sequence[Values], of_seeds: bool = False) -> tuple[Measured, Measured]:
        """Measure the area under the ROC curve and the average precision of scores ``(T,)``, one array a seed.

        Args:
            scores: the higher, the more anomalous.
            of_seeds: whether the arrays are of GAN seeds.
        """
        ones = np.ones((1, len(self.anomalous)))
        seeds = self.seeds if of_seeds else None
        found = [areas(one, self.anomalous, np.concatenate([ones, self.weights])) for one in scores]
        columns = (np.stack(column) for column in zip(*found, strict=True))
        auroc, precision = (Measured(each[:, 0], each[:, 1:], seeds, self.groups) for each in columns)
        return auroc, precision


def areas(scores: Values, anomalous: Flags, weights: Values) -> tuple[Values, Values]:
    """Return the area under the ROC curve and the average precision by weights of the images.

    Ties count half in the one, and the other is as scikit-learn defines it.

    Args:
        scores: ``(T,)``, the higher, the more anomalous.
        anomalous: bool ``(T,)``.
        weights: ``(B, T)``.

    Returns:
        Two arrays ``(B,)``.
    """
    positive, negative = _by_falling_score(scores, anomalous, weights)
    all_positive, all_negative = positive.sum(axis=1), negative.sum(axis=1)
    found, false = positive.cumsum(axis=1), negative.cumsum(axis=1)
    above: Values = (negative * (found - positive / 2)).sum(axis=1) / (all_positive * all_negative)
    called = found + false
    precision = np.divide(found, called, out=np.zeros_like(found), where=called > 0)
    means: Values = (positive * precision).sum(axis=1) / all_positive
    return above, means


def _by_falling_score(scores: Values, anomalous: Flags, weights: Values) -> tuple[Values, Values]:
    """The weight of anomalous and of normal images at each value of the score, the highest first, each ``(B, V)``."""
    order = np.argsort(-scores, kind="stable")
    firsts = np.flatnonzero(np.diff(scores[order], prepend=np.nan) != 0)
    flags, ordered = anomalous[order], weights[:, order]
    positive, negative = ordered * flags, ordered * ~flags
    if len(firsts) < len(scores):
        positive, negative = (np.add.reduceat(one, firsts, axis=1) for one in (positive, negative))
    return positive, negative


def verdict_of(value: float, adjusted_p: float) -> Verdict:
    """What may be said of a difference whose p is adjusted for its family."""
    if not adjusted_p < LEVEL or value == 0:
        return Verdict.NOT_SHOWN
    return Verdict.HIGHER if value > 0 else Verdict.LOWER
