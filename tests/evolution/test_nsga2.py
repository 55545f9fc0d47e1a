from itertools import accumulate
from typing import Any

import pytest
from deap import base
from deap.tools import emo
from hypothesis import given, settings
from hypothesis import strategies as st

from ganetic.evolution.nsga2 import Objectives, fronts, hypervolume, rank, worst

VALUES = st.floats(-5, 5).map(lambda x: round(x, 1))  # rounded, so that ties are common
POINT = st.tuples(VALUES, VALUES)


class _Fitness(base.Fitness):  # type: ignore[misc]  # DEAP has no types
    weights = (-1.0, -1.0)


class _Peer:
    """An individual as DEAP wants it."""

    def __init__(self, index: int, values: tuple[float, float]) -> None:
        self.index = index
        self.fitness: Any = _Fitness(values)


def climbs_of(*climbs: list[Objectives]) -> list[list[Objectives]]:
    return list(climbs)


def fronts_by_deap(points: list[tuple[float, float]]) -> list[list[_Peer]]:
    peers = [_Peer(index, point) for index, point in enumerate(points)]
    return list(emo.sortNondominated(peers, len(peers)))


@given(st.lists(POINT, min_size=1, max_size=25))
def test_fronts_are_those_of_deap(points: list[tuple[float, float]]) -> None:
    order = rank(climbs_of(*([point] for point in points)))
    for number, front in enumerate(fronts_by_deap(points)):
        assert {peer.index for peer in front} == {i for i, rank in enumerate(order.rank) if rank == number}


@given(st.lists(st.floats(-5, 5), min_size=4, max_size=40, unique=True))
def test_crowding_distances_are_those_of_deap(values: list[float]) -> None:
    half = len(values) // 2  # no ties: which of equal ends is lonely is a matter of convention
    points = list(zip(values[:half], values[half : 2 * half], strict=True))
    order = rank(climbs_of(*([point] for point in points)))
    for front in fronts_by_deap(points):
        emo.assignCrowdingDist(front)
        for peer in front:
            # DEAP divides by the number of objectives, as the paper does not; it changes no order.
            assert order.crowding[peer.index] == pytest.approx(2 * peer.fitness.crowding_dist, rel=1e-9)


@given(st.lists(st.lists(POINT, min_size=1, max_size=3), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_ranks_do_not_depend_on_the_order_of_individuals(climbs: list[list[tuple[float, float]]], random: Any) -> None:
    shuffled = list(range(len(climbs)))
    random.shuffle(shuffled)
    original = rank(climbs_of(*climbs))
    permuted = rank(climbs_of(*(climbs[i] for i in shuffled)))
    assert [original.rank[i] for i in shuffled] == permuted.rank


@settings(max_examples=200)
@given(st.lists(st.lists(POINT, min_size=1, max_size=4), max_size=20))
def test_everyone_gets_a_rank_and_a_distance(climbs: list[list[tuple[float, float]]]) -> None:
    order = rank(climbs_of(*climbs))
    assert sorted(set(order.rank)) == list(range(len(set(order.rank))))
    assert all(distance >= 0 for distance in order.crowding)
    assert sorted(order.sorted()) == list(range(len(climbs)))


@given(st.lists(POINT, max_size=30))
def test_fronts_of_one_rung_are_those_of_the_general_ranking(points: list[tuple[float, float]]) -> None:
    order, found = rank(climbs_of(*([point] for point in points))), list(fronts(points))
    assert [i for front in found for i in front] == order.sorted()
    assert [{order.rank[i] for i in front} for front in found] == [{number} for number in range(len(found))]


def test_fronts_of_very_many_do_not_compare_all_with_all() -> None:
    points = [(float(i), float((i * 7919) % 50_000)) for i in range(50_000)]
    best = next(fronts(points))
    lowest = list(accumulate((y for _, y in points), min))
    assert sorted(best) == [i for i, (_, y) in enumerate(points) if y == lowest[i]]


@given(st.lists(st.lists(POINT, min_size=1, max_size=3), min_size=1, max_size=20))
def test_the_worst_is_the_last(climbs: list[list[tuple[float, float]]]) -> None:
    assert worst(climbs) == rank(climbs).sorted()[-1]


def test_nobody_is_ranked() -> None:
    assert rank([]).sorted() == []


def test_individuals_are_compared_at_the_highest_common_rung() -> None:
    cheap_and_lucky = [(1.0, 1.0)]
    dear = [(2.0, 2.0), (0.5, 0.5)]
    dearer_but_worse = [(3.0, 3.0), (9.0, 9.0)]
    order = rank(climbs_of(cheap_and_lucky, dear, dearer_but_worse))
    assert order.rank == [0, 1, 2]  # the better look of the second at rung 1 does not meet rung 0


def test_a_higher_rung_overrules_a_lower_one() -> None:
    order = rank(climbs_of([(1.0, 1.0), (5.0, 5.0)], [(2.0, 2.0), (4.0, 4.0)]))
    assert order.rank == [1, 0]


def test_a_cycle_ends() -> None:
    # a beats b at rung 1, b beats c at rung 0, c beats a at rung 0.
    a, b, c = [(3.0, 3.0), (1.0, 1.0)], [(1.0, 1.0), (2.0, 2.0)], [(2.0, 2.0)]
    assert rank(climbs_of(a, b, c)).rank == [0, 0, 0]
    worse = [(9.0, 9.0)]
    assert rank(climbs_of(worse, a, b, c)).rank == [1, 0, 0, 0]


def test_sorting_puts_the_less_crowded_of_a_front_first_and_keeps_the_order_of_equals() -> None:
    points = [(0.0, 10.0), (1.0, 8.9), (1.2, 8.8), (10.0, 0.0), (11.0, 11.0)]
    assert rank(climbs_of(*([point] for point in points))).sorted() == [0, 3, 2, 1, 4]
    assert rank(climbs_of(*([(1.0, 1.0)] for _ in range(4)))).sorted() == [0, 3, 1, 2]


CELL = st.tuples(st.integers(0, 9), st.integers(0, 9))


@given(st.lists(CELL, max_size=12), CELL)
def test_hypervolume_is_the_area_of_the_dominated_cells(
    points: list[tuple[int, int]], reference: tuple[int, int]
) -> None:
    cells = {(x, y) for x in range(reference[0]) for y in range(reference[1])}
    dominated = {(x, y) for x, y in cells if any(a <= x and b <= y for a, b in points)}
    assert hypervolume(points, reference) == len(dominated)
