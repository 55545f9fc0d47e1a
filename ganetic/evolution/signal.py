"""How far losses lie apart, against how far the seeds of one loss do: what a proxy can tell, and how fast.

Everything reads a table of ln fd, ``(losses, seeds)``: NaN where a training failed. The model is that of a two-way
layout without repetition, value = loss + seed + noise (Montgomery, Design and Analysis of Experiments, chapter 4):
seeds are common random numbers, so what a seed does to all losses alike drops out of every comparison.
"""

import math
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtri  # scipy.stats takes a second to import

Table = NDArray[np.float64]

LEAST_LOSSES = 3
"""A rank correlation of fewer says nothing."""


@dataclass(frozen=True)
class Spread:
    """The parts of the variance of a table, as standard deviations; NaN where the table is too small for one.

    Attributes:
        seed_sd: between the seeds of one loss, pooled over the losses.
        noise_sd: what is left of it when what a seed does to all losses alike is taken out: a comparison on equal seeds
            has √2 times this sd for one pair.
        signal_sd: between the losses' means, less what the noise adds to it.
        interval: 90 % interval of signal_sd / noise_sd, exact where the parts are normal and no value is missing.
    """

    seed_sd: float
    noise_sd: float
    signal_sd: float
    interval: tuple[float, float]

    @property
    def signal_to_noise(self) -> float:
        """signal_sd / noise_sd, of one seed; the mean of n seeds has √n times as much."""
        return self.signal_sd / self.noise_sd if self.noise_sd > 0 else math.nan

    def per_minute(self, seconds: float) -> float:
        """How fast losses are told apart, (signal / noise)² a minute, where one training takes so many seconds.

        (signal / noise)² grows as the number of seeds does, so proxies of different cost can be compared by it.
        """
        return self.signal_to_noise**2 * 60 / seconds if seconds > 0 else math.nan


def spread(table: Table) -> Spread:
    """Divide the variance of a table into losses, seeds and noise.

    Args:
        table: ln fd, ``(losses, seeds)``, NaN where there is none. Losses without any value are left out.
    """
    table = table[np.isfinite(table).any(axis=1)] if table.size else table.reshape(0, 0)
    if not len(table):
        return Spread(math.nan, math.nan, math.nan, (math.nan, math.nan))
    counts, means = np.isfinite(table).sum(axis=1), np.nanmean(table, axis=1)
    seed_sd = _sd(float(np.nansum((table - means[:, None]) ** 2)), int((counts - 1).sum()))
    squares, freedom = _residual(table)
    noise_sd = _sd(squares, freedom)
    if len(table) < 2 or not noise_sd >= 0:
        return Spread(seed_sd, noise_sd, math.nan, (math.nan, math.nan))
    between, share = float(np.var(means, ddof=1)), float(np.mean(1 / counts))
    signal_sd = math.sqrt(max(0.0, between - noise_sd**2 * share))
    return Spread(seed_sd, noise_sd, signal_sd, _interval(between, noise_sd, share, len(table) - 1, freedom))


def rank_correlation(early: Table, late: Table) -> float:
    """Spearman's correlation of the losses' means over seeds in two tables; NaN below three losses."""
    return _spearman(_means(early), _means(late))


def seed_reliability(early: Table, late: Table) -> float:
    """How well one seed's early values foretell the order of another seed's late ones.

    Spearman's correlation over the losses, averaged over all ordered pairs of different seeds. Unlike
    `rank_correlation` it owes nothing to the luck that a training keeps from early to late.
    """
    pairs = permutations(range(early.shape[1]), 2)
    found = [_spearman(early[:, one], late[:, other]) for one, other in pairs]
    found = [value for value in found if math.isfinite(value)]
    return math.fsum(found) / len(found) if found else math.nan


def _sd(squares: float, freedom: int) -> float:
    return math.sqrt(squares / freedom) if freedom > 0 else math.nan


def _residual(table: Table) -> tuple[float, int]:
    """Sum of squares and degrees of freedom of what loss and seed effects leave, by least squares: values may miss."""
    loss, seed = np.nonzero(np.isfinite(table))
    values = table[loss, seed]
    effects = np.hstack([np.eye(table.shape[0])[loss], np.eye(table.shape[1])[seed]])
    solution, _, rank, _ = np.linalg.lstsq(effects, values, rcond=None)
    return float(np.sum((values - effects @ solution) ** 2)), len(values) - int(rank)


def _interval(between: float, noise_sd: float, share: float, losses: int, freedom: int) -> tuple[float, float]:
    """Invert the F test: between / (noise² · share) is F times 1 + (signal / noise)² / share."""
    if not noise_sd > 0:
        return math.nan, math.nan
    ratio = between / (noise_sd**2 * share)
    low, high = (ratio / float(fdtri(losses, freedom, level)) for level in (0.95, 0.05))
    return math.sqrt(max(0.0, (low - 1) * share)), math.sqrt(max(0.0, (high - 1) * share))


def _means(table: Table) -> Table:
    counts = np.isfinite(table).sum(axis=1)
    return np.where(counts > 0, np.nansum(table, axis=1) / np.maximum(counts, 1), np.nan)


def _spearman(one: Table, other: Table) -> float:
    both = np.isfinite(one) & np.isfinite(other)
    one, other = one[both], other[both]
    if len(one) < LEAST_LOSSES or np.ptp(one) == 0 or np.ptp(other) == 0:
        return math.nan
    from scipy.stats import spearmanr  # noqa: PLC0415  (takes a second to import)

    return float(spearmanr(one, other).statistic)
