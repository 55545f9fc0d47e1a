"""Worlds to search in, made of a bank: as many losses and trainings as a search may ask for, and the truth about them.

The ln fd of a training, at every step, is taken as the loss's level + what the seed does to every loss + what is left.
Levels are those of the bank's losses, each moved by a draw of its standard error, so that no two losses of a world are
equal. What is left is drawn with replacement from the loss's own trainings, with the failures that came with it. The
effects of seeds are drawn with replacement from the bank's; where losses are paired, all of them meet the same ones.
Where the bank measured an averaged generator, the trained one is as far from it in ln fd as in the training drawn.

Measured levels hold noise, so that they lie further apart than the losses do, and a world that moves them once more
widens this. Where losses lie closer than the noise is large, that matters. A world that is drawn ``close`` takes its
levels from what the measured ones say of the true ones. The prior is the distribution of true levels under which the
measured ones are likely (Laird 1978, https://doi.org/10.1080/01621459.1978.10480103), by few steps from a flat one.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ganetic.errors import UserError
from ganetic.studies.bank import Bank

Floats = NDArray[np.float64]
SEEDS_LEAST = 3
"""Losses with fewer trainings have no noise of their own: they are those that did not train."""
NEIGHBOURS = 31
"""Losses of about the same level, whose noise is pooled where the error of a level is to be known well."""
GRID = 400
"""Points of the distribution of true levels."""
ROUNDS = 30
"""Steps of expectation and maximisation that find it. The most likely one is a few points; few steps smooth it."""


@dataclass(frozen=True, eq=False)
class World:
    """N losses in the order in which a search meets them, each with M trainings measured at K steps.

    Attributes:
        steps: int64 ``(K,)``, 0 first.
        ln_fd: ``(N, M, K)``.
        failed: ``(N, M)``, whether a training of full length failed.
        truth: ``(N,)``, mean over all seeds there could be of the final ln fd, failures counting as untrained.
        planted: the loss that was made the best, or None.
        start_fd: distance of an untrained generator.
        floor_fd: distance of other real images.
        ln_raw: ``(N, M, K)``, the same as `ln_fd` of the trained generator itself, in which swings show.
    """

    steps: NDArray[np.int64]
    ln_fd: Floats
    failed: NDArray[np.bool_]
    truth: Floats
    planted: int | None
    start_fd: float
    floor_fd: float
    ln_raw: Floats

    def part(self, losses: slice | list[int], trainings: slice) -> "World":
        """Some of the losses, with some of their trainings."""
        return replace(
            self,
            ln_fd=self.ln_fd[losses, trainings],
            ln_raw=self.ln_raw[losses, trainings],
            failed=self.failed[losses, trainings],
            truth=self.truth[losses],
        )


@dataclass(frozen=True, eq=False)
class Model:
    """The parts of a bank's L × S trainings; see the module.

    Attributes:
        bank: whose trainings these are.
        levels: ``(L, K)``, mean over a loss's seeds of ln fd.
        seed_effects: ``(S, K)``, of sum 0, widened to the variance of fresh seeds.
        residuals: ``(L, S, K)``, what is left, widened likewise.
        failed: ``(L, S)``.
        counts: ``(L,)``, trainings of each loss.
        errors: ``(L,)``, standard error of each loss's last level.
        gaps: ``(L, S, K)``, by how much the trained generator's ln fd is above the averaged one's; 0 where only one was
            measured.
    """

    bank: Bank
    levels: Floats
    seed_effects: Floats
    residuals: Floats
    failed: NDArray[np.bool_]
    counts: NDArray[np.int64]
    errors: Floats
    gaps: Floats

    @staticmethod
    def of(bank: Bank) -> "Model":
        """Take a bank apart.

        Raises:
            UserError: too few of its losses train.
        """
        ln_fd = _filled(bank)
        recorded, failed, counts = bank.recorded, bank.failed, bank.recorded.sum(axis=1)
        seeds = recorded.shape[1]
        levels = np.nanmean(ln_fd, axis=1)
        deviations = ln_fd - levels[:, None]
        steady = (counts == seeds) & ~failed.any(axis=1)
        if seeds < SEEDS_LEAST or steady.sum() < SEEDS_LEAST:
            raise UserError(
                f"bank: {steady.sum()} losses train on all of {seeds} seeds; expected at least {SEEDS_LEAST}"
            )
        seed_effects = deviations[steady].mean(axis=0)
        trained = counts >= SEEDS_LEAST
        residuals = np.nan_to_num(deviations)  # of trainings that are not there, and are never drawn
        residuals[trained] -= seed_effects
        widening = np.sqrt(np.where(trained, counts / np.maximum(counts - 1, 1), 1.0))
        spread = residuals[:, :, -1].std(axis=1) * widening
        return Model(
            bank,
            levels,
            seed_effects * np.sqrt(seeds / (seeds - 1)),
            residuals * widening[:, None, None],
            failed,
            counts,
            np.where(trained & ~failed.any(axis=1), spread / np.sqrt(np.maximum(counts, 1)), 0.0),
            _gaps(bank),
        )

    @cached_property
    def trains(self) -> NDArray[np.bool_]:
        """Which losses have noise of their own; ``(L,)``."""
        return self.counts >= SEEDS_LEAST

    @cached_property
    def steady(self) -> NDArray[np.bool_]:
        """Which losses train on every seed; ``(L,)``."""
        return np.asarray(self.trains & ~self.failed.any(axis=1))

    @cached_property
    def expected(self) -> Floats:
        """Mean over all draws of a training of its final ln fd, a failed one counting as untrained; ``(L,)``."""
        ends = np.where(self.failed, np.log(self.bank.start_fd), self.levels[:, None, -1] + self.residuals[:, :, -1])
        return np.asarray(np.where(self.bank.recorded, ends, 0.0).sum(axis=1) / self.counts)

    @cached_property
    def components(self) -> tuple[float, float, float]:
        """Standard deviations of the final ln fd between losses, seeds, and what is left; losses that always train."""
        steady = self.steady
        left = float(np.sqrt(np.mean(self.residuals[steady, :, -1] ** 2)))
        between = float(self.levels[steady, -1].var(ddof=1) - np.mean(self.errors[steady] ** 2))
        return float(np.sqrt(max(0.0, between))), float(self.seed_effects[:, -1].std()), left

    @cached_property
    def true_levels(self) -> tuple[Floats, Floats]:
        """What is known of the true last levels: points ``(G,)``, and how likely each is, a row a steady loss.

        The error of a measured level is pooled over losses of about the same level.
        """
        measured = self.levels[self.steady, -1]
        order = measured.argsort()
        squares = self.errors[self.steady][order] ** 2
        starts = np.clip(np.arange(len(order)) - NEIGHBOURS // 2, 0, max(0, len(order) - NEIGHBOURS))
        pooled = np.empty_like(measured)
        pooled[order] = [squares[start : start + NEIGHBOURS].mean() for start in starts]
        grid = np.linspace(measured.min(), measured.max(), GRID)
        distance = (measured[:, None] - grid) / np.sqrt(pooled)[:, None]
        likelihood = np.exp(-0.5 * distance**2) + np.finfo(float).tiny
        prior = np.full(GRID, 1 / GRID)
        for _ in range(ROUNDS):
            known = likelihood * prior
            known /= known.sum(axis=1, keepdims=True)
            prior = known.mean(axis=0)
        return grid, known

    def world(
        self,
        losses: int,
        trainings: int,
        stream: np.random.Generator,
        *,
        paired: bool = True,
        planted: tuple[float, int] | None = None,
        close: bool = False,
    ) -> World:
        """Draw a world.

        Args:
            losses: how many, drawn from the bank's with replacement.
            trainings: of each, on seeds of their own.
            stream: where all chance comes from.
            paired: whether a training's number stands for the same seed for all losses.
            planted: (gap, early): one of the first so many losses becomes the best of all, by so much in ln fd.
            close: whether losses that always train lie as close together as they truly do; see the module.
        """
        donors = stream.integers(len(self.counts), size=losses)
        shifts = stream.normal(size=losses) * self.errors[donors]
        if close:
            shifts = self._true_shifts(donors, stream)
        place = None
        if planted is not None:
            gap, early = planted
            place = int(stream.integers(min(early, losses)))
            donors[place] = stream.choice(np.flatnonzero(self.steady))
        truth = self.expected[donors] + shifts
        if place is not None:
            best = np.delete(truth, place).min() - gap
            shifts[place] += best - truth[place]
            truth[place] = best
        rows = (stream.random((losses, trainings)) * self.counts[donors][:, None]).astype(np.intp)
        seeds = stream.integers(len(self.seed_effects), size=(1 if paired else losses, trainings))
        ln_fd = self.levels[donors][:, None] + self.residuals[donors[:, None], rows]
        ln_fd += self.seed_effects[seeds] * self.trains[donors][:, None, None]
        ln_fd[:, :, 1:] += shifts[:, None, None]
        failed = self.failed[donors[:, None], rows]
        ln_raw = ln_fd + self.gaps[donors[:, None], rows]
        return World(self.bank.steps, ln_fd, failed, truth, place, self.bank.start_fd, self.bank.floor_fd, ln_raw)

    def _true_shifts(self, donors: NDArray[np.int64], stream: np.random.Generator) -> Floats:
        """From each donor's measured level to a draw of its true one; 0 for donors that do not always train."""
        grid, known = self.true_levels
        places = np.cumsum(self.steady) - 1
        steps = (stream.random(len(donors))[:, None] > known.cumsum(axis=1)[places[donors]]).sum(axis=1)
        # Anywhere between two points of the grid, so that no two losses are equal.
        drawn = grid[np.minimum(steps, GRID - 1)] + (stream.random(len(donors)) - 0.5) * (grid[1] - grid[0])
        return np.where(self.steady[donors], drawn - self.levels[donors, -1], 0.0)


def _filled(bank: Bank) -> Floats:
    """ln(fd) ``(L, S, K)``; a training that ended early keeps the untrained distance, NaN only where there is none."""
    with np.errstate(invalid="ignore"):
        ln_fd = np.log(bank.fd.astype(np.float64))
    ended = bank.recorded[:, :, None] & ~np.isfinite(ln_fd)
    ln_fd[ended] = np.log(bank.start_fd)
    return ln_fd


def _gaps(bank: Bank) -> Floats:
    """ln(raw / fd) ``(L, S, K)``, 0 where one of them is missing."""
    with np.errstate(invalid="ignore"):
        gaps = np.log(bank.raw.astype(np.float64)) - np.log(bank.fd.astype(np.float64))
    return np.asarray(np.nan_to_num(gaps))
