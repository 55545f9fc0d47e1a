"""Results that are pulled towards what their neighbours predict: tried by `analysis/neighbours.py`, and not used.

Pulled estimates err less, but what they choose is no better: see `analysis/neighbours.md`.
"""

import math
from collections.abc import Sequence
from statistics import fmean

from ganetic.evolution.neighbours import CAPACITY, NEIGHBOURS, Neighbours, ToldTrial

USUAL_NOISE = 0.1
"""Standard deviation of ln fd between trainings of a loss, as it is on digits and on X-rays."""
USUAL_WEIGHT = 4
"""Degrees of freedom that `USUAL_NOISE` counts as, beside those of the results."""


class Pulled(Neighbours):
    """Neighbours that also mend the results themselves."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        super().__init__(capacity)
        self._most, self._results = capacity, dict[int, ToldTrial]()

    def tell(self, result: ToldTrial) -> None:
        """See `Neighbours.tell`."""
        super().tell(result)
        self._results.pop(result.number, None)
        self._results[result.number] = result
        if len(self._results) > self._most:
            del self._results[next(iter(self._results))]

    def shrunk(self, results: Sequence[ToldTrial]) -> list[float]:
        """Estimates of mean ln fd, each pulled towards what the neighbours but itself predict; see `shrunk`.

        A value above the cap stays as it is: it ranks behind all that lie below, before and after. So do all values
        while fewer than `NEIGHBOURS` others were told.
        """
        if len(self) <= NEIGHBOURS:
            return [result.value for result in results]
        predictions = self.predict([result.curve for result in results], [result.number for result in results])
        cap, noise, error = self.cap, self.noise, self.error
        return [
            result.value
            if result.value > cap
            else shrunk(result.value, len(result.ends), prediction.mean, noise, error)
            for result, prediction in zip(results, predictions, strict=True)
        ]

    @property
    def noise(self) -> float:
        """Variance of one training: pooled over all losses with several, with `USUAL_NOISE` while they are few."""
        several = [ends for ends in self._capped if len(ends) > 1]
        squares = math.fsum((end - fmean(ends)) ** 2 for ends in several for end in ends)
        freedom = sum(len(ends) - 1 for ends in several)
        return (squares + USUAL_WEIGHT * USUAL_NOISE**2) / (freedom + USUAL_WEIGHT)

    @property
    def error(self) -> float:
        """Variance of the predictions' errors; see `shrunk`."""
        told, noise = self._told_in_order, self.noise
        predictions = self.predict([result.curve for result in told], [result.number for result in told])
        excess = (
            (fmean(ends) - prediction.mean) ** 2 - noise / len(ends)
            for ends, prediction in zip(self._capped, predictions, strict=True)
        )
        return max(fmean(excess), noise)

    @property
    def _told_in_order(self) -> list[ToldTrial]:
        return [self._results[number] for number in sorted(self._results)]

    @property
    def _capped(self) -> list[tuple[float, ...]]:
        cap = self.cap
        return [tuple(min(end, cap) for end in result.ends) for result in self._told_in_order]


def shrunk(value: float, seeds: int, prediction: float, noise: float, error: float) -> float:
    """The mean of a loss's trainings, pulled towards a prediction that does not know them.

    (value · seeds / noise + prediction / error) / (seeds / noise + 1 / error): the mean of the loss's true level given
    both, if the level is normal around the prediction with the variance `error` and a training around the level with
    the variance `noise`. With variances estimated from all losses together that is empirical Bayes: James & Stein's
    estimator as Efron & Morris (1973) explain it, in the form of Fay & Herriot (1979), who pull each of many small
    samples towards its own regression.

    The variance of errors is estimated by leaving out one loss after the other: the mean of (value - prediction)² -
    noise / seeds. It is never taken for less than `noise`, so that the neighbours together count as one training at
    most: the formula presumes errors alike everywhere, but of the best losses, who are the ones to be chosen,
    neighbours say the worse things (`analysis/neighbours.md`).

    Args:
        value: mean ln fd of the trainings.
        seeds: how many there were.
        prediction: of it.
        noise: variance of one training.
        error: variance of the prediction's error.
    """
    own, others = seeds / noise, 1 / error
    return (value * own + prediction * others) / (own + others)
