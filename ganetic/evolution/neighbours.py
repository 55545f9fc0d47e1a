"""What do losses that push alike tell of one that was not trained?

Losses are as good as those whose gradients look like theirs: on the bank of digits the mean of five neighbours ranks
untrained losses about as well as one training of each would (`analysis/neighbours.md`). So of many children the
promising one is trained. Surrogates on what trees do, rather than on what they look like, go back to Hildebrandt &
Branke (2015). Results that rest on a training or two could be pulled towards their neighbours', too; simulated searches
choose no better by it (`analysis/pulled.py`).

Everything here is a function of what was told. Curves are rounded to a grid on which squared distances are sums of
integers below 2^53: exact, so that neither their order nor the linear algebra behind them decides a tie.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean

import numpy as np
import numpy.typing as npt

from ganetic.loss.formula import Slot
from ganetic.loss.numeric import Grid, Places, Response, along, grid
from ganetic.loss.ops import Array
from ganetic.loss.screen import SMALLEST_GRADIENT, Orientation, forces, rms
from ganetic.training.rates import Rates

REACH = 8.0
"""Largest |d| at which gradients are compared: few discriminators of short trainings are surer."""
NEAR = 2.0
"""Each player's gradients are in units of their rms on |d| up to here."""
RESOLUTION = 4096
"""Steps a unit of a curve: far finer than losses differ, and coarse enough for exact sums."""

FACTOR_OF_TWO = 0.25
"""How far apart learning rates are of which one is twice the other. In `analysis/proxies.json` that changes ln fd by
.16 to .21 on average, which losses of the bank differ by that are .2 to .4 apart."""
UNIT_OF_BETA1 = 0.5
"""How far apart β₁ of 0 and of 1 are: .5 counts as a factor of two. Not measured."""

NEIGHBOURS = 5
"""As in the study that found the method; few, because what a loss does changes fast with what it is."""
CLOSE = 0.02
"""Neighbours that are closer count as if they were so far: a single noisy training shall not stand for its copies."""
CAPACITY = 500
"""Results that are kept; 30 predictions from so many take 2 ms."""
LEAST_TRAINED = 5
"""Results without a failure, before which nothing is known of what counts as bad."""


@dataclass(frozen=True, eq=False)
class ToldTrial:
    """What came of a loss.

    Attributes:
        number: the individual's; equal distances and equal predictions go by it.
        curve: see `curve`.
        ends: ln fd of each of its trainings, all after equally many steps; of a failed one that of the untrained
            generator.
        failed: how many of them failed.
    """

    number: int
    curve: Array
    ends: tuple[float, ...]
    failed: int = 0

    @property
    def value(self) -> float:
        """Mean ln fd."""
        return fmean(self.ends)


@dataclass(frozen=True)
class Prediction:
    """Mean ln fd of a loss as its neighbours have it.

    Attributes:
        mean: of the neighbours' values, with weights 1 / distance.
        spread: their standard deviation, weighted alike: how far they disagree.
    """

    mean: float
    spread: float


def curve(
    points: Grid, slots: dict[Slot, Response], orientation: Orientation | None, rates: Rates | None = None
) -> Array:
    """Where a loss lies among all, by how it pushes; shape (COORDINATES,).

    The Euclidean distance of two curves is the root mean square difference of asinh(force / rms of the player's forces
    near 0) over D's forces on real and on fake logits and G's on fake ones, at 41 points on [-8, 8], D's higher output
    meaning real; the rates add to its square.

    A loss that reads m, the mean of the other batch, has the same curve: what a logit feels, through the mean as well,
    while the other batch lies at 0, which is what the screen judges it by. Losses with and without m, between which one
    search moves, so stay comparable; what m does elsewhere is not seen.

    Args:
        points: where the responses were taken.
        slots: the responses of a loss that is finite out to ±20, as those are that pass the screen.
        orientation: as the screen found it; None is taken to mean that D's higher output means real.
        rates: Adam's, where the search chooses them.
    """
    near = np.abs(points.d[_axis(points.relativistic)]) <= NEAR
    felt = forces(points, slots, _axis(points.relativistic), _cross(points.relativistic))
    rows = np.stack((felt.real, felt.fake, felt.generator))
    if orientation is Orientation.FAKE_ABOVE_REAL:
        rows = -rows[:, ::-1]  # the same loss in -d
    for player in (slice(0, 2), slice(2, 3)):
        # Adam cannot tell gradients below its epsilon apart from none.
        rows[player] /= max(rms(rows[player][:, near]), SMALLEST_GRADIENT)
    place = np.concatenate((np.arcsinh(rows).ravel(), _rate_coordinates(rates)))
    return np.asarray(np.rint(RESOLUTION * place) / RESOLUTION + 0.0)


@cache
def _axis(relativistic: bool) -> Places:
    points = grid(relativistic)
    return along(points.d, points.m, REACH)


@cache
def _cross(relativistic: bool) -> Places:
    points = grid(relativistic)
    return along(points.m, points.d, REACH) if relativistic else _axis(relativistic)


FORCES = 3 * _axis(False).size
"""Numbers of a curve that are forces."""
COORDINATES = FORCES + 2
"""All of its numbers."""


def _rate_coordinates(rates: Rates | None) -> tuple[float, float]:
    """In units in which `FORCES` squares make a mean."""
    if rates is None:
        return 0.0, 0.0
    unit = math.sqrt(FORCES)
    return unit * FACTOR_OF_TWO * math.log2(rates.learning_rate), unit * UNIT_OF_BETA1 * rates.beta1


class Neighbours:
    """The results told last, as a regression by nearest neighbours."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        """Know nothing.

        Args:
            capacity: most results that are kept, at least 1. The one told longest ago goes: searches move on, and what
                they left behind is near to no child. The worst ones are not let go instead, because a region that
                nobody remembers to be bad would be tried again.
        """
        if capacity < 1:
            raise ValueError(f"capacity is {capacity}; expected at least 1")
        self._capacity = capacity
        self._told: dict[int, ToldTrial] = {}
        self._table: _Table | None = None

    def __len__(self) -> int:
        """How many results are kept."""
        return len(self._told)

    def tell(self, result: ToldTrial) -> None:
        """Learn a result; one of the same number is replaced, and counts as told now.

        Raises:
            ValueError: it has no trainings, a wrong shape, or something that is not finite.
        """
        if result.curve.shape != (COORDINATES,) or not bool(np.isfinite(result.curve).all()):
            raise ValueError(f"curve of individual {result.number} is not {COORDINATES} finite numbers")
        if not result.ends or not all(map(math.isfinite, result.ends)):
            raise ValueError(f"individual {result.number} has the ln fd {result.ends}; expected finite ones")
        self._told.pop(result.number, None)
        self._told[result.number] = result
        if len(self._told) > self._capacity:
            del self._told[next(iter(self._told))]
        self._table = None

    def predict(self, curves: Sequence[Array], without: Sequence[int] = ()) -> list[Prediction]:
        """What each of some losses would score.

        Values that are bad are capped (see `cap`), so that predictions rank what is worth a training and do not tell
        bad from hopeless.

        Args:
            curves: of the losses.
            without: for each of them a number whose result is not looked at, if there is one; none for none.

        Raises:
            ValueError: nothing was told yet, or nothing else.
        """
        if len(self._told) <= (1 if without else 0):
            raise ValueError("nothing was told that could predict anything")
        return self._known.predict(curves, without)

    def pick(self, curves: Sequence[Array]) -> int:
        """The place of the candidate with the best prediction, the first of equal ones; 0 while nothing was told."""
        if not self._told:
            return 0
        predictions = self.predict(curves)
        return min(range(len(predictions)), key=lambda place: predictions[place].mean)

    @property
    def cap(self) -> float:
        """The value above which all are equally bad: as far above the median as the best lies below it.

        Over the results without a failure; infinite before `LEAST_TRAINED` of them. Without it a single failure among
        five neighbours would weigh more than all that distinguishes good losses.
        """
        return self._known.cap

    @property
    def _known(self) -> "_Table":
        if self._table is None:
            self._table = _Table([self._told[number] for number in sorted(self._told)])
        return self._table


class _Table:
    """Results in order of their numbers, as arrays."""

    def __init__(self, results: Sequence[ToldTrial]) -> None:
        self._results = results
        self._rows = {result.number: row for row, result in enumerate(results)}
        self._curves = np.stack([result.curve for result in results])
        self._squares = np.square(self._curves).sum(axis=1)
        self.cap = _cap([result.value for result in results if not result.failed])
        self._ends = [tuple(min(end, self.cap) for end in result.ends) for result in results]
        self._values = np.array([fmean(ends) for ends in self._ends])

    def predict(self, curves: Sequence[Array], without: Sequence[int]) -> list[Prediction]:
        """See `Neighbours.predict`."""
        distances = self._distances(np.stack(curves)) if curves else np.zeros((0, len(self._values)))
        for place, number in enumerate(without):
            if number in self._rows:
                distances[place, self._rows[number]] = np.inf
        nearest = np.argsort(distances, axis=1, kind="stable")[:, :NEIGHBOURS]  # stable: the smaller number first
        weights = 1 / np.maximum(np.take_along_axis(distances, nearest, axis=1), CLOSE)
        weights /= weights.sum(axis=1, keepdims=True)
        values = self._values[nearest]
        means = (weights * values).sum(axis=1)
        spreads = np.sqrt((weights * np.square(values - means[:, None])).sum(axis=1))
        return [Prediction(*pair) for pair in zip(means.tolist(), spreads.tolist(), strict=True)]

    def _distances(self, curves: Array) -> npt.NDArray[np.float64]:
        squares = np.square(curves).sum(axis=1)[:, None] + self._squares - 2 * (curves @ self._curves.T)
        return np.asarray(np.sqrt(squares / FORCES))


def _cap(trained: Sequence[float]) -> float:
    if len(trained) < LEAST_TRAINED:
        return math.inf
    return 2 * float(np.median(trained)) - min(trained)
