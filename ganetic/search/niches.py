"""Niches: losses that push alike share a few places in the population, so that they leave room for others.

Clearing, after Pétrowski, "A clearing procedure as a niching method for genetic algorithms", ICEC 1996: a niche is a
ball, and of more members than it may hold the worst leave. Here there is a ball about every member, and balls are
cleared when somebody enters, before the population's own size is looked at.
"""

import math
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from ganetic.loss.fingerprint import normalised_gradients
from ganetic.loss.formula import Formula
from ganetic.loss.numeric import grid, respond, responses
from ganetic.loss.ops import Array
from ganetic.loss.screen import Orientation, judge
from ganetic.search.individual import Individual
from ganetic.search.ranking import rank

REACH = 8.0
"""Largest |d| and |m| at which gradients are compared: few discriminators of short trainings are surer."""


def location(formula: Formula, relativistic: bool) -> Array:
    """Where a loss lies among all: both players' gradients, each over its rms near 0, on a logarithmic scale.

    The Euclidean distance of two locations is the root mean square difference of asinh(gradient / rms) over the slots
    and the grid's points within `REACH`, D's higher output meaning real.

    Args:
        formula: the loss.
        relativistic: whether to look at m, too; the same for all losses that are compared.
    """
    points = grid(relativistic)
    slots = respond(formula, points.d, points.m) if relativistic else responses(formula)[1]
    gradients = normalised_gradients(points, slots)
    if judge(points, slots).orientation is Orientation.FAKE_ABOVE_REAL:
        gradients = -points.flip(gradients)
    within = _within_reach(relativistic)
    place: Array = np.arcsinh(gradients[: 8 if relativistic else 4, within]).ravel()
    return place / math.sqrt(len(slots) * within.size)


@cache
def _within_reach(relativistic: bool) -> npt.NDArray[np.intp]:
    points = grid(relativistic)
    return np.flatnonzero((np.abs(points.d) <= REACH) & (np.abs(points.m) <= REACH))


def distance(first: Formula, second: Formula) -> float:
    """How differently two losses push; 0 for equal gradients up to a factor a player and d → -d."""
    relativistic = first.is_relativistic or second.is_relativistic
    return float(np.linalg.norm(location(first, relativistic) - location(second, relativistic)))


def occupied(formulas: Sequence[Formula], radius: float) -> int:
    """How many niches losses fill when each in turn opens one, unless it lies in one that is open."""
    relativistic = any(formula.is_relativistic for formula in formulas)
    centres: list[Array] = []
    for formula in formulas:
        place = location(formula, relativistic)
        if all(float(np.linalg.norm(place - centre)) > radius for centre in centres):
            centres.append(place)
    return len(centres)


class Niches:
    """Keeps every niche of a population within its size.

    Args:
        radius: members no further apart than this lie in one another's niche; 0 switches niches off.
        size: members that a niche may hold, the one at its centre included.
        locate: where an individual lies; called once for each that enters.
    """

    def __init__(self, radius: float, size: int, locate: Callable[[Individual], Array]) -> None:
        self._radius, self._size, self._locate = radius, size, locate
        self._locations: dict[int, Array] = {}
        self._near: dict[int, set[int]] = {}

    def cleared(self, population: Sequence[Individual]) -> list[Individual]:
        """The population without those for whom there is no place in a niche.

        The best of a niche never leaves it: whoever leaves has a better member within the radius.

        Args:
            population: viable individuals, in any order; those known from the last call are not located again.
        """
        came = [member for member in population if member.number not in self._near] if self._radius > 0 else []
        if not came:
            return list(population)
        self._forget_all_but(population)
        for member in came:
            self._add(member.number, self._locate(member))
        left = self._crowded_out(population, came)
        for number in left:
            self._remove(number)
        return [member for member in population if member.number not in left]

    def _forget_all_but(self, population: Sequence[Individual]) -> None:
        for number in self._near.keys() - {member.number for member in population}:
            self._remove(number)

    def _add(self, number: int, place: Array) -> None:
        near: set[int] = set()
        if self._locations:
            away = np.linalg.norm(np.stack(list(self._locations.values())) - place, axis=1)
            near = {other for other, far in zip(self._locations, away, strict=True) if far <= self._radius}
        for other in near:
            self._near[other].add(number)
        self._locations[number], self._near[number] = place, near

    def _remove(self, number: int) -> None:
        del self._locations[number]
        for other in self._near.pop(number):
            self._near[other].discard(number)

    def _crowded_out(self, population: Sequence[Individual], came: Sequence[Individual]) -> set[int]:
        """Who leaves: the worst of each niche that holds too many since some came, the best niche first."""
        touched = {member.number for member in came}.union(*(self._near[member.number] for member in came))
        if all(len(self._near[number]) < self._size for number in touched):
            return set()
        best_first = [population[i].number for i in rank([member.climb for member in population]).sorted()]
        place = {number: index for index, number in enumerate(best_first)}
        left: set[int] = set()
        for centre in best_first:
            niche = sorted(({centre} | self._near[centre]) - left, key=place.__getitem__)
            # A centre that leaves has no niche any more, and those in it may stay.
            while centre not in left and len(niche) > self._size:
                left.add(niche.pop())
        return left
