"""Ask for the next trial, tell what came of it: steady-state NSGA-II with rungs.

The answer to `ask(n)` depends on the space, the seed, everything submitted before, and the results told so far, and on
nothing else: not on the clock, the number of workers, or the state of any random generator.
"""

import hashlib
import random
from collections import Counter
from typing import Literal

from ganetic.evolution.estimates import Estimates
from ganetic.evolution.individual import Individual, Scales
from ganetic.evolution.nsga2 import rank, worst
from ganetic.evolution.space import SearchSpace
from ganetic.evolution.trial_request import TrialRequest, newcomer
from ganetic.evolution.variation import Breeder, Child, Key
from ganetic.loss.fingerprint import fingerprint
from ganetic.loss.library import LIBRARY
from ganetic.training.result import TrialResult

AT_RANDOM = 0.2
"""How often a child is not chosen by its neighbours: what they know nothing of must be tried, too."""


class NSGA2Sampler:
    """The state of a search, moved on by `ask`, `register` and `tell`.

    Attributes:
        individuals: everything submitted, by number.
        population: those that may breed; another list whenever it, or what is known of one of them, has changed.
    """

    def __init__(self, space: SearchSpace, seed: int, scales: Scales) -> None:
        self._space, self._seed, self._scales = space, seed, scales
        self._breeder = Breeder(space)
        self._estimates = Estimates(space, scales)
        self.individuals: list[Individual] = []
        self.population: list[Individual] = []
        self._texts: set[Key] = set()
        self._fingerprints: set[Key] = set()
        self._climbing: dict[int, Individual] = {}
        self._completed: Counter[int] = Counter()
        self._promoted: Counter[int] = Counter()

    def ask(self, index: int) -> TrialRequest:
        """Choose the trial of this index, and register it.

        Raises:
            SearchSpaceExhausted: no new viable loss was found.
        """
        proposal = self._reseed() or self._child(index)
        self.register(proposal)
        return proposal

    def register(self, proposal: TrialRequest) -> None:
        """Take note of a submitted trial; `ask` does it itself, a replay calls it with what was asked then."""
        if proposal.kind == "child":
            number = len(self.individuals)
            self.individuals.append(newcomer(number, proposal))
            self._texts.add((proposal.text, proposal.rates))
            self._fingerprints.add((proposal.fingerprint, proposal.rates))
        individual = self.individuals[proposal.individual]
        if proposal.rung > individual.target:
            individual.target = proposal.rung
            self._promoted[proposal.rung] += 1
        individual.submitted[proposal.slot] = proposal.steps
        if individual.next_trial(self._space.rungs, individual.target, len(self._scales)) is None:
            self._climbing.pop(individual.number, None)
        else:
            self._climbing[individual.number] = individual

    def tell(self, proposal: TrialRequest, result: TrialResult) -> None:
        """Learn what came of a registered trial. Results are told in order of submission."""
        individual = self.individuals[proposal.individual]
        before = individual.rung
        completed = individual.take(proposal.slot, proposal.steps, result, self._space.rungs, self._scales)
        for rung in range(before + 1, before + 1 + completed):
            self._completed[rung] += 1
        if completed:
            self._settle(individual)

    def _settle(self, individual: Individual) -> None:
        """Let an individual in, or out, and keep the population within its size."""
        self._estimates.tell(individual)
        others = [member for member in self.population if member is not individual]
        if individual.viable or len(others) < len(self.population):
            self.population = [*others, individual] if individual.viable else others
        if individual.dead:
            self._climbing.pop(individual.number, None)
        if len(self.population) > self._space.evolution.population:
            del self.population[worst([member.objectives_by_rung for member in self.population])]

    def _reseed(self) -> TrialRequest | None:
        individual, rung = self._climber()
        if individual is None:
            return None
        trial = individual.next_trial(self._space.rungs, rung, len(self._scales))
        assert trial is not None
        return self._proposal("reseed", individual, rung, trial)

    def _climber(self) -> tuple[Individual | None, int]:
        """Who is on the way to a rung, or the best who has earned the next one (as in ASHA), the highest rung first."""
        for individual in self._climbing.values():
            if not individual.is_pending:
                return individual, individual.target
        for rung in range(len(self._space.rungs) - 2, -1, -1):
            quota = int(self._completed[rung] / self._space.evolution.reduction_factor)
            if self._promoted[rung + 1] >= quota:
                continue
            level = [member for member in self.population if member.rung >= rung]
            if all(member.target != rung for member in level):
                continue  # nobody is there to climb, whatever their order
            best = rank([member.objectives_by_rung[: rung + 1] for member in level]).sorted()[:quota]
            for member in (level[i] for i in best):
                if member.target == rung:
                    return member, rung + 1
        return None, 0

    def _child(self, index: int) -> TrialRequest:
        number = len(self.individuals)
        if self._is_library_seed(number):
            place, rates = divmod(number, len(self._space.rates))
            name = self._space.library_seeds[place]
            formula = LIBRARY[name].formula
            child = Child(formula, fingerprint(formula), self._space.rates[rates], f"library {name}", Counter())
        else:
            evolution = self._space.evolution
            parents = () if evolution.random or number < evolution.population else self.population
            stream = child_stream(self._seed, index)
            is_chosen = evolution.candidates > 1 and len(parents) >= 2 and stream.random() >= AT_RANDOM
            count = evolution.candidates if is_chosen else 1
            known = (self._texts, self._fingerprints)
            child = self._breeder.draw(stream, parents, *known, count, self._estimates.pick)
        formula = child.formula
        individual = Individual(
            number, formula.text, child.fingerprint, formula.node_count, child.origin, rates=child.rates
        )
        trial = (0, self._space.rungs[0].steps)
        return self._proposal("child", individual, 0, trial, dict(sorted(child.rejections.items())))

    def _proposal(
        self,
        kind: Literal["child", "reseed"],
        individual: Individual,
        rung: int,
        trial: tuple[int, int],
        rejections: dict[str, int] | None = None,
    ) -> TrialRequest:
        return TrialRequest(
            kind=kind,
            individual=individual.number,
            text=individual.text,
            fingerprint=individual.fingerprint,
            nodes=individual.nodes,
            rung=rung,
            slot=trial[0],
            steps=trial[1],
            prunable=not self._is_library_seed(individual.number),
            origin=individual.origin,
            rejections=rejections or {},
            rates=individual.rates,
        )

    def _is_library_seed(self, number: int) -> bool:
        """Whether this is one of the library's losses at one of the rates, which come first, each at all rates."""
        return number < len(self._space.library_seeds) * len(self._space.rates)


def child_stream(seed: int, index: int) -> random.Random:
    """The stream of the child of this index: its own, so that it does not matter what was drawn before."""
    return random.Random(hashlib.sha256(f"ganetic child {seed} {index}".encode()).digest())
