"""NSGA-II's order of individuals, where some are known better than others.

Two individuals are compared at the highest rung that both have reached, so that a cheap estimate never meets a dear
one. Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE TEC 6(2), 2002.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Objectives = tuple[float, float]
"""Both are minimised: ln fd and instability."""


@dataclass(frozen=True)
class Ranking:
    """The place of each individual: its front, 0 the best, and its crowding distance there."""

    rank: list[int]
    crowding: list[float]

    def sorted(self) -> list[int]:
        """Indices from best to worst: by rank, then the less crowded first, then in the given order."""
        return sorted(range(len(self.rank)), key=lambda i: (self.rank[i], -self.crowding[i], i))


def rank(objectives_by_rung: Sequence[Sequence[Objectives]]) -> Ranking:
    """Sort individuals into fronts.

    Args:
        objectives_by_rung: of each individual, at rung 0, 1, … as far as it got; at least one, all finite.

    Comparing at different rungs is not transitive; where a cycle leaves nobody undominated, those whom the fewest
    dominate form the next front.
    """
    order = Ranking([0] * len(objectives_by_rung), [0.0] * len(objectives_by_rung))
    for number, members in enumerate(_nondominated_sort(objectives_by_rung)):
        for i, distance in zip(members, _crowding([objectives_by_rung[i][-1] for i in members]), strict=True):
            order.rank[i], order.crowding[i] = number, distance
    return order


def worst(objectives_by_rung: Sequence[Sequence[Objectives]]) -> int:
    """The last of what `rank` sorts, in half the time."""
    *_, last = _nondominated_sort(objectives_by_rung)
    distance = _crowding([objectives_by_rung[i][-1] for i in last])
    return min(zip(distance, last, strict=True), key=lambda pair: (pair[0], -pair[1]))[1]


def fronts(points: Sequence[Objectives]) -> Iterator[list[int]]:
    """The fronts of individuals of one rung, the best first, each with the less crowded first.

    The same as `rank`, but for any number of individuals, of whom only the first few fronts are wanted.
    """
    left = sorted(range(len(points)), key=lambda i: points[i])
    while left:
        front, dominated = _sweep(points, left)
        front.sort()
        distance = dict(zip(front, _crowding([points[i] for i in front]), strict=True))
        yield sorted(front, key=lambda i: -distance[i])
        left = dominated


def hypervolume(points: Iterable[Objectives], reference: Objectives) -> float:
    """The area that points dominate, bounded by a reference point that is worse than all that counts."""
    area, lowest = 0.0, reference[1]
    for first, second in sorted(points):
        if first < reference[0] and second < lowest:
            area += (reference[0] - first) * (lowest - second)
            lowest = second
    return area


def _sweep(points: Sequence[Objectives], rising: Sequence[int]) -> tuple[list[int], list[int]]:
    """Divide those who come by rising objectives into the undominated and the others."""
    front: list[int] = []
    dominated: list[int] = []
    for i in rising:
        # Nobody before has a larger first objective: who has the smallest second one so far is dominated by no one.
        is_ahead = not front or points[i][1] < points[front[-1]][1] or points[i] == points[front[-1]]
        (front if is_ahead else dominated).append(i)
    return front, dominated


def _nondominated_sort(objectives_by_rung: Sequence[Sequence[Objectives]]) -> Iterator[list[int]]:
    """The fronts, the best first."""
    dominance = _dominance(objectives_by_rung)
    superiors = dominance.sum(axis=0)
    left = np.arange(len(objectives_by_rung))
    while left.size:
        is_member = superiors[left] == superiors[left].min()
        members, left = left[is_member], left[~is_member]
        superiors -= dominance[members].sum(axis=0)
        yield members.tolist()


def _dominance(objectives_by_rung: Sequence[Sequence[Objectives]]) -> npt.NDArray[np.bool_]:
    """Entry (i, j): i dominates j; shape (N, N)."""
    dominance = np.zeros((len(objectives_by_rung), len(objectives_by_rung)), dtype=np.bool_)
    for rung in range(max(map(len, objectives_by_rung), default=0)):
        there = [i for i, own in enumerate(objectives_by_rung) if len(own) > rung]
        first, second = np.array([objectives_by_rung[i][rung] for i in there]).T
        no_worse = (first[:, None] <= first) & (second[:, None] <= second)
        # Higher rungs come last and overrule; who is no worse both ways is equal.
        dominance[np.ix_(there, there) if rung else ...] = no_worse & ~no_worse.T
    return dominance


def _crowding(values: Sequence[Objectives]) -> list[float]:
    """Crowding distance within one front. The ends of each objective are infinitely far from others."""
    distance = [0.0] * len(values)
    for objective in (0, 1):
        order = sorted(range(len(values)), key=lambda i: values[i][objective])
        rising = [values[i][objective] for i in order]
        spread = rising[-1] - rising[0]
        distance[order[0]] = distance[order[-1]] = math.inf
        if spread > 0:
            for place in range(1, len(order) - 1):
                distance[order[place]] += (rising[place + 1] - rising[place - 1]) / spread
    return distance
