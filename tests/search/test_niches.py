import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.loss.ops import Array
from ganetic.metrics.stability import Fitness
from ganetic.proxy.trial import TrialResult, TrialState
from ganetic.search.evolution import Evolution, Proposal
from ganetic.search.individual import Individual, objectives
from ganetic.search.niches import Niches, distance, location
from ganetic.search.ranking import rank
from ganetic.search.space import SearchSpace
from tests.search.fakes import SCALE, SPACE

BCE = LIBRARY["bce"].formula
DISGUISES = (
    "div(log(sub(p, y)), -0.0001)",
    "neg(log(abs(sub(p, sub(1, y)))))",
    "mul(-3.7, log(abs(sub(sub(1, y), p))))",
    "sub(2, log(square(sub(p, sub(1, y)))))",
)


def individual(number: int, fd: float, instability: float = 0.5) -> Individual:
    fitness = Fitness(fd=fd, instability=instability, failed=0)
    return Individual(number, "p", f"{number}", 1, fitnesses=[fitness], climb=[objectives(fitness)])


def at(places: Mapping[int, tuple[float, ...]]) -> Callable[[Individual], Array]:
    return lambda one: np.array(places[one.number])


def crowded(members: list[Individual], places: dict[int, tuple[float, ...]], radius: float) -> int:
    """The most members that any ball about a member holds."""
    return max(sum(math.dist(places[a.number], places[b.number]) <= radius for b in members) for a in members)


MEMBERS = st.lists(
    st.tuples(st.tuples(st.integers(0, 6), st.integers(0, 6)), st.floats(1, 900, width=32), st.floats(0, 2, width=32)),
    min_size=1,
    max_size=25,
)


@given(MEMBERS, st.integers(1, 4), st.sampled_from([0.5, 1.0, 1.5, 3.0]))
@settings(max_examples=80, deadline=None)
def test_a_niche_never_exceeds_its_size_nor_loses_its_best(
    drawn: list[tuple[tuple[int, int], float, float]], size: int, radius: float
) -> None:
    places: dict[int, tuple[float, ...]] = {number: place for number, (place, _, _) in enumerate(drawn)}
    niches, population = Niches(radius, size, at(places)), list[Individual]()
    for number, (_, fd, instability) in enumerate(drawn):
        before = [*population, individual(number, fd, instability)]
        population = niches.cleared(before)
        assert crowded(population, places, radius) <= size
        assert [one for one in before if one in population] == population
        order = rank([one.climb for one in before]).sorted()
        place = {before[i].number: index for index, i in enumerate(order)}
        for gone in (one for one in before if one not in population):
            near = [one for one in before if math.dist(places[one.number], places[gone.number]) <= radius]
            assert min(place[one.number] for one in near) < place[gone.number]


@given(MEMBERS, st.integers(1, 4))
@settings(max_examples=50, deadline=None)
def test_who_is_near_whom_is_remembered_rightly(drawn: list[tuple[tuple[int, int], float, float]], size: int) -> None:
    places: dict[int, tuple[float, ...]] = {number: place for number, (place, _, _) in enumerate(drawn)}
    members = [individual(number, fd, instability) for number, (_, fd, instability) in enumerate(drawn)]
    followed, population = Niches(1.5, size, at(places)), list[Individual]()
    for number, member in enumerate(members):
        if number % 3 == 2 and population:
            population = population[1:]  # somebody dies, or is evicted for another reason
        afresh = Niches(1.5, size, at(places)).cleared([*population, member])
        population = followed.cleared([*population, member])
        assert population == afresh


def test_without_a_radius_nobody_is_located_and_nobody_leaves() -> None:
    members = [individual(number, 50.0 + number) for number in range(9)]
    assert Niches(0.0, 1, at({})).cleared(members) == members


def test_of_two_worse_neighbours_of_a_niche_both_stay_when_only_its_centre_is_in_their_way() -> None:
    places = {0: (0.0,), 1: (1.0,), 2: (2.0,)}
    best, centre, other = individual(0, 50.0), individual(1, 70.0), individual(2, 60.0)
    assert Niches(1.0, 1, at(places)).cleared([best, centre, other]) == [best, other]


def test_equal_gradients_lie_together_and_published_losses_apart() -> None:
    for text in DISGUISES:
        assert distance(BCE, Formula.from_text(text)) < 0.01, text
    plain = {name: loss.formula for name, loss in LIBRARY.items()}
    for (first, a), (second, b) in itertools.combinations(plain.items(), 2):
        assert distance(a, b) > 0.4, (first, second)
        assert distance(a, b) == pytest.approx(distance(b, a))


def test_distance_looks_at_m_only_where_a_loss_reads_it() -> None:
    relativistic = LIBRARY["relativistic-hinge"].formula
    assert location(BCE, True).size > location(BCE, False).size
    assert distance(relativistic, relativistic) == 0
    assert distance(BCE, relativistic) > 0.5


def test_negated_logits_are_the_same_place() -> None:
    mirrored = Formula.from_text("d_real=softplus(d); d_fake=softplus(neg(d)); g_fake=softplus(d)")
    assert distance(BCE, mirrored) == pytest.approx(0, abs=1e-12)


# A planted takeover: every loss of one family trains well, and is easy to vary into another of the family.
def takeover(space: SearchSpace, count: int) -> Evolution:
    evolution = Evolution(space, 0, (SCALE,))
    for number in range(count):
        family = number % 5 > 0
        text = f"sub(mul({(1 + number) / 1e4:.4g}, p), log(abs(sub(p, sub(1, y)))))" if family else _other(number)
        fd = 50 - number / 100 if family else 90 + number / 100
        proposal = Proposal(
            kind="child",
            individual=number,
            text=text,
            fingerprint=f"{number}",
            nodes=8,
            rung=0,
            slot=0,
            steps=40,
            prunable=True,
            origin="random",
        )
        evolution.register(proposal)
        trace = ((0, 900.0), (20, 2 * fd), (40, fd))
        evolution.tell(proposal, TrialResult(state=TrialState.COMPLETED, trace=trace, steps=40))
    return evolution


def _other(number: int) -> str:
    return f"mul(add({1 + number / 7:.4g}, square(sub(p, y))), square(sub(y, mul({1 + number / 50:.4g}, p))))"


def with_niches(**keys: Any) -> SearchSpace:
    return SPACE.model_copy(update={"evolution": SPACE.evolution.model_copy(update={"population": 12, **keys})})


def family_share(evolution: Evolution) -> float:
    members = evolution.population
    return sum("log" in member.text for member in members) / len(members)


def test_a_planted_takeover_is_prevented() -> None:
    without, kept = takeover(with_niches(), 60), takeover(with_niches(niche_radius=0.2, niche_size=2), 60)
    assert family_share(without) == 1
    assert family_share(kept) <= 0.5
    assert sum("log" in member.text for member in kept.population) == 2
    best = min(kept.individuals, key=lambda one: one.climb[0])
    assert best in kept.population
