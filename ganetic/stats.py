"""Paired comparisons of repeated measurements, as a reviewer would have them: intervals, tests, and what was too small.

Everything here is about plain numbers of which differences make sense; for quantities that live on a ratio scale, pass
their logarithms, and a difference d is the ratio exp(d).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import nctdtrinc, stdtr, stdtrit  # scipy.stats takes a second to import

LEVEL = 0.05
"""Two-sided: a difference is called one below it, and an interval covers the truth in all but this share of studies."""
POWER = 0.8
"""Share of studies in which a detectable difference is found."""

Vector = NDArray[np.float64]

_ROUNDING = 1e-12
"""Differences that vary by less than this share of their size vary by rounding."""


class Verdict(StrEnum):
    """What a study may say of a difference."""

    LOWER = "lower"
    HIGHER = "higher"
    NOT_SHOWN = "no difference shown"


@dataclass(frozen=True)
class Summary:
    """What repeated measurements of a positive quantity were, of which less is better.

    Attributes:
        count: how many.
        best: the smallest.
        worst: the largest.
        mean: the arithmetic mean.
        geometric_mean: exp of the mean logarithm.
        sd: standard deviation with n - 1; NaN of a single one.
        worst_over_best: their ratio, 1 or more.
    """

    count: int
    best: float
    worst: float
    mean: float
    geometric_mean: float
    sd: float
    worst_over_best: float


@dataclass(frozen=True)
class Interval:
    """A mean and where it may lie.

    Attributes:
        mean: of the measurements.
        low: end of the 95 % t interval; NaN of a single measurement, which says nothing about its own spread.
        high: the other end.
    """

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """What pairs of measurements say about the difference between two things.

    Attributes:
        pairs: how many.
        mean: of the differences.
        sd: of the differences, with n - 1; NaN of a single pair.
        low: end of the 95 % t interval of the mean; NaN of a single pair, and where all differences are the same
            number, which says nothing of how others would spread.
        high: the other end.
        t_p: two-sided p of the paired t test. A single pair has 1. Where all differences are the same number the test
            has nothing to go by, and they have what the signs alone say: ``least_wilcoxon_p``, or 1 for zeros.
        wilcoxon_p: two-sided p of Wilcoxon's signed-rank test, exact, ties included.
        rank_balance: the sum of the ranks of positive differences less that of negative ones, by size.
        detectable: the smallest true difference that as many pairs with this sd find in 80 % of studies by a paired t
            test at 5 %; NaN where there is no interval.
    """

    pairs: int
    mean: float
    sd: float
    low: float
    high: float
    t_p: float
    wilcoxon_p: float
    rank_balance: float
    detectable: float


@dataclass(frozen=True)
class Finding:
    """A difference as one of a family of comparisons.

    Attributes:
        difference: what the pairs say.
        holm_p: p of the test that decides, adjusted for the family.
    """

    difference: Difference
    holm_p: float

    @property
    def verdict(self) -> Verdict:
        """What may be said, with at most 5 % of families saying of any equal pair that it differs.

        Nothing where mean and ranks point to different sides: a few large differences outweigh many small ones in the
        mean, and not in the ranks, so that whichever of them decides would be contradicted by the other.
        """
        mean, balance = self.difference.mean, self.difference.rank_balance
        if not self.holm_p < LEVEL or mean * balance <= 0:
            return Verdict.NOT_SHOWN
        return Verdict.LOWER if mean < 0 else Verdict.HIGHER


def summarise(values: ArrayLike) -> Summary:
    """Summarise measurements ``(n,)``, n ≥ 1, all finite and positive.

    Raises:
        ValueError: there are none, or one is not finite and positive.
    """
    numbers = _finite_vector(values)
    if not (numbers > 0).all():
        raise ValueError(f"a summary of {numbers.min()}; expected positive numbers")
    best, worst = float(numbers.min()), float(numbers.max())
    return Summary(
        count=len(numbers),
        best=best,
        worst=worst,
        mean=float(numbers.mean()),
        geometric_mean=float(np.exp(np.log(numbers).mean())),
        sd=_sd(numbers),
        worst_over_best=worst / best,
    )


def mean_interval(values: ArrayLike) -> Interval:
    """The mean of measurements ``(n,)``, n ≥ 1, with its 95 % t interval.

    Raises:
        ValueError: there are none, or one is not finite.
    """
    numbers = _finite_vector(values)
    mean, count = float(numbers.mean()), len(numbers)
    half = float(stdtrit(count - 1, 1 - LEVEL / 2)) * _sd(numbers) / count**0.5 if count > 1 else np.nan
    return Interval(mean, mean - half, mean + half)


def paired_difference(mine: ArrayLike, theirs: ArrayLike) -> Difference:
    """Compare measurements ``(n,)`` of two things, pair by pair: mine less theirs.

    Raises:
        ValueError: their numbers differ, there are none, or one is not finite.
    """
    first, second = _finite_vector(mine), _finite_vector(theirs)
    if len(first) != len(second):
        raise ValueError(f"{len(first)} measurements cannot be paired with {len(second)}")
    differences = first - second
    interval = mean_interval(differences)
    sd = _sd(differences)
    spread = np.nan if _is_rounding(sd, interval.mean) else 1.0
    return Difference(
        pairs=len(differences),
        mean=interval.mean,
        sd=sd,
        low=spread * interval.low,
        high=spread * interval.high,
        t_p=_t_p(differences),
        wilcoxon_p=wilcoxon_p(differences),
        rank_balance=_rank_balance(differences),
        detectable=spread * detectable_effect(len(differences)) * sd,
    )


def family(differences: Sequence[Difference], p_values: Sequence[float] | None = None) -> list[Finding]:
    """Adjust differences for being looked at together.

    Args:
        differences: all that are looked at.
        p_values: of the test that is to decide about each; None for the paired t tests.
    """
    adjusted = holm([difference.t_p for difference in differences] if p_values is None else p_values)
    return [Finding(difference, p) for difference, p in zip(differences, adjusted, strict=True)]


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p values for their number: Holm's step-down method.

    Comparing an adjusted value with 5 % keeps the chance of calling any of the true nulls a difference at 5 %, however
    the comparisons depend on each other (Holm, A simple sequentially rejective multiple test procedure, Scandinavian
    Journal of Statistics 6, 1979).
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted, least = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = least
    return adjusted


def wilcoxon_p(differences: ArrayLike) -> float:
    """Two-sided p of Wilcoxon's signed-rank test of differences ``(n,)``.

    Zeros are left out, as Wilcoxon did, and equal sizes share the mean of their ranks. The distribution is the exact
    one given these ranks, not its normal approximation: all 2ⁿ ways to give n sizes their signs are equally likely. It
    follows that n pairs cannot go below 2^(1 - n): 5 pairs never say less than .0625. Zeros alone have 1.

    Raises:
        ValueError: there are none, or one is not finite.
    """
    numbers = _finite_vector(differences)
    numbers = numbers[numbers != 0]
    if not len(numbers):
        return 1.0
    doubled = _doubled_ranks(np.abs(numbers))
    chances = _chances(tuple(sorted(doubled.tolist())))
    negative, positive = int(doubled[numbers < 0].sum()), int(doubled[numbers > 0].sum())
    return min(1.0, 2 * float(chances[: min(negative, positive) + 1].sum()))


def least_wilcoxon_p(pairs: int) -> float:
    """The smallest p that Wilcoxon's test can give to so many pairs, two-sided."""
    return 2.0 ** (1 - pairs)


@cache
def detectable_effect(pairs: int) -> float:
    """The smallest true mean difference, in sds of the differences, that so many pairs find in 80 % of studies.

    By a two-sided paired t test at 5 % that comes out on the true side, from the noncentral t distribution (Cohen,
    Statistical Power Analysis for the Behavioral Sciences, 1988, chapter 2). NaN below two pairs.
    """
    if pairs < 2:
        return float("nan")
    critical = stdtrit(pairs - 1, 1 - LEVEL / 2)
    return float(nctdtrinc(pairs - 1, 1 - POWER, critical) / pairs**0.5)


def _t_p(differences: Vector) -> float:
    count, mean, sd = len(differences), float(differences.mean()), _sd(differences)
    if mean == 0 or count == 1:
        return 1.0
    if _is_rounding(sd, mean):
        return least_wilcoxon_p(count)
    return float(2 * stdtr(count - 1, -abs(mean) / sd * count**0.5))


def _rank_balance(differences: Vector) -> float:
    numbers = differences[differences != 0]
    return float((np.sign(numbers) * _doubled_ranks(np.abs(numbers))).sum()) / 2 if len(numbers) else 0.0


def _is_rounding(sd: float, mean: float) -> bool:
    return sd <= _ROUNDING * abs(mean)


def _sd(numbers: Vector) -> float:
    return float(numbers.std(ddof=1)) if len(numbers) > 1 else float("nan")


def _doubled_ranks(sizes: Vector) -> NDArray[np.int64]:
    """Twice the rank of each size, from 2 up: the mean of ranks that equal sizes share may end in one half."""
    _, place, counts = np.unique(sizes, return_inverse=True, return_counts=True)
    return (2 * np.cumsum(counts) - counts + 1)[place]


@lru_cache(maxsize=32)
def _chances(doubled_ranks: tuple[int, ...]) -> Vector:
    """Chance of each sum of the doubled ranks that get a given sign; index s is the sum s."""
    chances = np.zeros(sum(doubled_ranks) + 1)
    chances[0] = 1.0
    for rank in doubled_ranks:
        shifted = np.zeros_like(chances)
        shifted[rank:] = chances[:-rank]
        chances = (chances + shifted) / 2
    return chances


def _finite_vector(values: ArrayLike) -> Vector:
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1 or not len(numbers) or not np.isfinite(numbers).all():
        raise ValueError(f"measurements of shape {numbers.shape}; expected one finite number or more, in a row")
    return numbers
