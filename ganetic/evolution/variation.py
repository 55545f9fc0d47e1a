"""How a child is drawn: random or of parents, again and again, until it is viable and new."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from ganetic.errors import UserError
from ganetic.evolution.genome import Genome, Trees, drawing_from
from ganetic.evolution.individual import Individual
from ganetic.evolution.neighbours import curve
from ganetic.evolution.nsga2 import Ranking, rank
from ganetic.evolution.space import SearchSpace
from ganetic.loss.expression import depth, node_count
from ganetic.loss.fingerprint import of_responses
from ganetic.loss.formula import Formula
from ganetic.loss.numeric import responses
from ganetic.loss.ops import Array
from ganetic.loss.screen import judge
from ganetic.training.rates import Rates

Key = tuple[str, Rates | None]
"""The text or the fingerprint of a loss, and the rates that it is trained with."""

MAX_DRAWS = 50_000
"""Draws for one child before the space counts as exhausted; 3 are usual for offspring, 50 for random trees."""

RANDOM_IMMIGRANTS_AFTER = 200
"""Draws of offspring after which every second draw is a random individual."""


Pick = Callable[[Sequence[Array]], int]
"""Chooses one of several losses, by their curves."""
Draw = tuple[Trees, Rates | None, str]
"""An individual before it is judged, its rates and its origin."""


class SearchSpaceExhausted(Exception):  # noqa: N818 - an end, not an error
    """The space seems to hold no viable loss that was not submitted.

    Attributes:
        rejections: draws that were rejected, by reason.
    """

    def __init__(self, rejections: Counter[str]) -> None:
        super().__init__(f"{rejections.total()} draws were rejected")
        self.rejections = rejections


@dataclass(frozen=True)
class Child:
    """A viable new loss.

    Attributes:
        formula: what it is.
        fingerprint: of its gradients.
        rates: that it is to be trained with; None for those of the proxies.
        origin: ``random``, or the operator and the parents' numbers, such as ``crossover 3 8``.
        rejections: draws that were rejected before it, by reason.
    """

    formula: Formula
    fingerprint: str
    rates: Rates | None
    origin: str
    rejections: Counter[str]


class _Candidate(NamedTuple):
    """A viable new loss that may become a child."""

    formula: Formula
    fingerprint: str
    curve: Callable[[], Array]
    rates: Rates | None
    origin: str


class Breeder:
    """Draws children in a search space."""

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self._genome = Genome(space)
        self._trees: dict[int, Trees] = {}
        self._ranked: tuple[Sequence[Individual], Ranking] | None = None

    def draw(
        self,
        stream: random.Random,
        population: Sequence[Individual],
        texts: AbstractSet[Key],
        fingerprints: AbstractSet[Key],
        candidates: int = 1,
        pick: Pick | None = None,
    ) -> Child:
        """Draw until a child is viable and new, or several are, of whom one is picked.

        Args:
            stream: where all chance comes from.
            population: the possible parents; with fewer than two, children are random. It is another list whenever it
                has changed: who is better than whom is worked out once for each.
            texts: of everything submitted.
            fingerprints: of everything submitted.
            candidates: how many viable new children to draw; fewer where many draws do not give so many.
            pick: chooses one of several by their curves, see `ganetic.evolution.neighbours.curve`; None: the first.

        Raises:
            SearchSpaceExhausted: nothing was found in many draws.
        """
        rejections: Counter[str] = Counter()
        found: list[_Candidate] = []
        pool: set[Key] = set()
        with drawing_from(stream):
            for trees, rates, origin in self._draws(population):
                judged = self._judge(trees, rates, texts, fingerprints)
                if isinstance(judged, str):
                    rejections[judged] += 1
                elif (judged[1], rates) in pool:
                    rejections["duplicate_fingerprint"] += 1
                else:
                    found.append(_Candidate(*judged, rates, origin))
                    pool.add((judged[1], rates))
                if len(found) == candidates:
                    break
        if not found:
            raise SearchSpaceExhausted(rejections)
        chosen = found[pick([one.curve() for one in found]) if pick and candidates > 1 else 0]
        return Child(chosen.formula, chosen.fingerprint, chosen.rates, chosen.origin, rejections)

    def _draws(self, population: Sequence[Individual]) -> Iterator[Draw]:
        """Offspring and, where they come to nothing or there are no parents, random individuals."""
        offspring = self._parenthood(population) if len(population) >= 2 else self._random
        for number in range(MAX_DRAWS):
            tired = number >= RANDOM_IMMIGRANTS_AFTER and number % 2 == 1
            yield self._random() if tired else offspring()

    def _random(self) -> Draw:
        return self._genome.random(), self._genome.random_rates(), "random"

    def _parenthood(self, population: Sequence[Individual]) -> Callable[[], Draw]:
        """A source of offspring of a population."""
        order = self._order(population)

        def offspring() -> Draw:
            operator = self._genome.draw_operator()
            first = self._select(population, order)
            trees, origin = self._trees[first.number], f"{operator} {first.number}"
            if operator == "rates":
                return trees, self._genome.other_rates(first.rates), origin
            if operator != "crossover":
                return self._genome.mutate(trees, operator), first.rates, origin
            second = self._select(population, order)
            return self._genome.cross(trees, self._trees[second.number]), first.rates, f"{origin} {second.number}"

        return offspring

    def _order(self, population: Sequence[Individual]) -> Ranking:
        """The order of a population, with its trees at hand; most trials change neither."""
        if self._ranked is not None and self._ranked[0] is population:
            return self._ranked[1]
        order = rank([member.objectives_by_rung for member in population])
        self._trees = {
            member.number: self._trees.get(member.number) or self._genome.trees(Formula.from_text(member.text))
            for member in population
        }
        self._ranked = population, order
        return order

    def _select(self, population: Sequence[Individual], order: Ranking) -> Individual:
        """A tournament by rank; a tie goes to the smaller, or to the less crowded, individual."""
        drawn = [random.randrange(len(population)) for _ in range(self._space.evolution.tournament)]
        if random.random() < self._space.evolution.parsimony:
            return population[min(drawn, key=lambda i: (order.rank[i], population[i].nodes))]
        return population[min(drawn, key=lambda i: (order.rank[i], -order.crowding[i]))]

    def _judge(
        self, trees: Trees, rates: Rates | None, texts: AbstractSet[Key], fingerprints: AbstractSet[Key]
    ) -> tuple[Formula, str, Callable[[], Array]] | str:
        """The formula, the fingerprint and the curve of a viable new individual, or the reason why it is not one."""
        formula = self._sized(trees)
        if isinstance(formula, str):
            return formula
        if (formula.text, rates) in texts:
            return "duplicate_text"
        points, slots = responses(formula)
        verdict = judge(points, slots, self._space.vanishing_bound)
        if verdict.reason is not None:
            return verdict.reason
        fingerprint = of_responses(points, slots, verdict.orientation)
        if (fingerprint, rates) in fingerprints:
            return "duplicate_fingerprint"
        return formula, fingerprint, partial(curve, points, slots, verdict.orientation, rates)

    def _sized(self, trees: Trees) -> Formula | str:
        """The formula of an individual of a size that the space allows, or the reason why there is none."""
        limits = self._space.trees
        if any(len(tree) > 2 * limits.max_nodes for tree in trees.values()):  # even before constants are folded
            return "too_large"
        try:
            formula = self._genome.formula(trees)
        except UserError:
            return "non_finite"
        if any(
            node_count(tree) > limits.max_nodes or depth(tree) > limits.max_depth for tree in formula.trees.values()
        ):
            return "too_large"
        return formula
