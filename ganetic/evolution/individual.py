"""One loss in the search: what it is, what was tried, and how good it is as far as that is known."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ganetic.evolution.nsga2 import Objectives
from ganetic.evolution.space import Rung
from ganetic.metrics.fitness import Fitness, SeedTrace, combined, fitness
from ganetic.training.rates import Rates
from ganetic.training.result import TrialResult, TrialState

DEAD_SHARE = 0.5
"""An individual of which more than this share of a rung's seeds has failed is not viable."""


class Scale(NamedTuple):
    """The two ends of fd on a proxy: an untrained generator, and other real images."""

    start_fd: float
    floor_fd: float


Scales = tuple[Scale, ...]
"""One for each proxy."""


@dataclass
class Individual:
    """A loss of the search and its trials.

    Attributes:
        number: counts the individuals of a run from 0, in order of submission.
        text: the formula's one line.
        fingerprint: of its gradients.
        nodes: of all its expressions.
        origin: where it came from.
        rates: that it is trained with; None for those of the proxies.
        target: the rung it is climbing to; trials are submitted until it is reached.
        submitted: steps of the longest trial submitted for each slot. With P proxies, slot s trains seed s // P (0, 1,
            … within the run) on proxy s % P.
        trained: steps of the longest trial that came back, by slot.
        traces: what it measured, by slot.
        fitnesses: at each rung reached.
        objectives_by_rung: objectives at each rung reached.
        judged: what each of them was made of, by slot.
        dead: a rung showed that it does not train.
    """

    number: int
    text: str
    fingerprint: str
    nodes: int
    origin: str = ""
    rates: Rates | None = None
    target: int = 0
    submitted: dict[int, int] = field(default_factory=dict)
    trained: dict[int, int] = field(default_factory=dict)
    traces: dict[int, SeedTrace] = field(default_factory=dict)
    fitnesses: list[Fitness] = field(default_factory=list)
    objectives_by_rung: list[Objectives] = field(default_factory=list)
    judged: list[list[SeedTrace]] = field(default_factory=list)
    dead: bool = False

    @property
    def rung(self) -> int:
        """The highest rung reached; -1 before the first."""
        return len(self.fitnesses) - 1

    @property
    def fitness(self) -> Fitness:
        """At the highest rung reached."""
        return self.fitnesses[-1]

    @property
    def viable(self) -> bool:
        """Whether it may breed and stand on a front."""
        return bool(self.fitnesses) and not self.dead

    @property
    def is_pending(self) -> bool:
        """Whether what it is asked next depends on a trial that is still out.

        A newcomer is tried on one proxy after the other: most fail, and the dead shall cost no second trial.
        """
        return self.target == 0 and any(steps > self.trained.get(slot, 0) for slot, steps in self.submitted.items())

    def next_trial(self, rungs: tuple[Rung, ...], target: int, proxies: int) -> tuple[int, int] | None:
        """Slot and steps of the next trial on the way to a rung; None when all are submitted."""
        rung = rungs[target]
        for slot in range(rung.seeds * proxies):
            if self.submitted.get(slot, 0) < rung.steps:
                return slot, rung.steps
        return None

    def take(self, slot: int, steps: int, result: TrialResult, rungs: tuple[Rung, ...], scales: Scales) -> int:
        """Take in the result of a trial; returns how many rungs it completed, a fatal one included."""
        if steps >= self.trained.get(slot, 0):
            self.trained[slot], self.traces[slot] = steps, seed_trace(result)
        before, was_dead = self.rung, self.dead
        while not self.dead and self.rung < self.target and self._decided(rungs[self.rung + 1], len(scales)):
            self._judge(rungs[self.rung + 1], scales)
        return self.rung - before + (self.dead and not was_dead)

    def _decided(self, rung: Rung, proxies: int) -> bool:
        slots = range(rung.seeds * proxies)
        return self._fails(rung, proxies) or all(self.trained.get(slot, 0) >= rung.steps for slot in slots)

    def _fails(self, rung: Rung, proxies: int) -> bool:
        """Whether more than the tolerated share of a rung's seeds has failed on one of the proxies."""
        return any(
            sum(
                self.trained.get(slot, 0) >= rung.steps and self.traces[slot].failed
                for slot in range(proxy, rung.seeds * proxies, proxies)
            )
            > DEAD_SHARE * rung.seeds
            for proxy in range(proxies)
        )

    def _judge(self, rung: Rung, scales: Scales) -> None:
        self.dead = self._fails(rung, len(scales))
        if self.dead:
            return
        traces = [self.traces[slot].until(rung.steps) for slot in range(rung.seeds * len(scales))]
        self.fitnesses.append(joint_fitness(traces, scales))
        self.objectives_by_rung.append(objectives(self.fitness))
        self.judged.append(traces)


def joint_fitness(traces: Sequence[SeedTrace], scales: Scales) -> Fitness:
    """The fitness over the proxies, each with as many seeds; traces come by slot."""
    count = len(scales)
    return combined([fitness(traces[proxy::count], *scale) for proxy, scale in enumerate(scales)])


def objectives(fitness: Fitness) -> Objectives:
    """What NSGA-II minimises: ln fd and instability."""
    return math.log(fitness.fd), fitness.instability


def seed_trace(result: TrialResult) -> SeedTrace:
    """A trial's result as one seed of a fitness."""
    return SeedTrace(result.state is not TrialState.COMPLETED, result.trace, result.raw_trace)
