"""NSGA-II's order of individuals, where some are known better than others.

Two individuals are compared at the highest rung that both have reached, so that a cheap estimate never meets a dear
one. Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE TEC 6(2), 2002.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Objectives = npt.NDArray[np.float64]
"""Both are minimised; shape (2,): ln fd and instability."""


@dataclass(frozen=True, eq=False)
class Order:
    """The place of each individual: its front, 0 the best, and its crowding distance there, the larger the lonelier."""

    rank: npt.NDArray[np.intp]
    crowding: npt.NDArray[np.float64]

    def sorted(self) -> list[int]:
        """Indices from best to worst: by rank, then the lonelier first, then in the given order."""
        return sorted(range(self.rank.size), key=lambda i: (self.rank[i], -self.crowding[i], i))


def rank(climbs: Sequence[Sequence[Objectives]]) -> Order:
    """Sort individuals into fronts.

    Args:
        climbs: for each individual its objectives at rung 0, 1, … as far as it got; at least one, all finite.

    Comparing at different rungs is not transitive; where a cycle leaves nobody undominated, those whom the fewest
    dominate form the next front.
    """
    size = len(climbs)
    dominators = _dominance(climbs)
    ranks = np.zeros(size, dtype=np.intp)
    crowding = np.zeros(size)
    left, front = np.ones(size, dtype=bool), 0
    while left.any():
        counts = np.where(left, (dominators & left[:, None]).sum(axis=0), size)
        members = np.flatnonzero(counts == counts[left].min())
        ranks[members] = front
        crowding[members] = _crowding(np.array([climbs[int(i)][-1] for i in members]))
        left[members] = False
        front += 1
    return Order(ranks, crowding)


def _dominance(climbs: Sequence[Sequence[Objectives]]) -> npt.NDArray[np.bool_]:
    """Entry (i, j): i dominates j; shape (N, N)."""
    reached = np.array([len(climb) - 1 for climb in climbs], dtype=np.intp)
    table = np.zeros((len(climbs), int(reached.max(initial=0)) + 1, 2))
    for i, climb in enumerate(climbs):
        table[i, : len(climb)] = climb
    common = np.minimum.outer(reached, reached)
    index = np.arange(len(climbs))
    own, other = table[index[:, None], common], table[index[None, :], common]
    no_worse, better = (own <= other).all(axis=2), (own < other).any(axis=2)
    return np.asarray(no_worse & better)


def _crowding(values: Objectives) -> npt.NDArray[np.float64]:
    """Crowding distance within one front; shape (N,) from (N, 2). The ends of each objective are infinitely lonely."""
    distance = np.zeros(len(values))
    for objective in values.T:
        order = np.argsort(objective, kind="stable")
        spread = objective[order[-1]] - objective[order[0]]
        distance[order[[0, -1]]] = np.inf
        if len(order) > 2 and spread > 0:
            distance[order[1:-1]] += (objective[order[2:]] - objective[order[:-2]]) / spread
    return distance
