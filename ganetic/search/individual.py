"""One loss in the search: what it is, what was tried, and how good it is as far as that is known."""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

from ganetic.metrics.stability import Fitness, SeedTrace, fitness
from ganetic.proxy.trial import TrialResult, TrialState
from ganetic.search.ranking import Objectives
from ganetic.search.space import Rung

DEAD_SHARE = 0.5
"""An individual of which more than this share of a rung's seeds has failed is not viable."""


class Scale(NamedTuple):
    """The two ends of fd on a run's data: an untrained generator, and other real images."""

    start_fd: float
    floor_fd: float


@dataclass
class Individual:
    """A loss of the search and its trials.

    Attributes:
        number: counts the individuals of a run from 0, in order of submission.
        text: the formula's one line.
        fingerprint: of its gradients.
        nodes: of all its expressions.
        origin: where it came from.
        target: the rung it is climbing to; trials are submitted until it is reached.
        submitted: steps of the longest trial submitted for each seed number (0, 1, … within the run).
        trained: steps of the longest trial that came back, by seed number.
        traces: what it measured, by seed number.
        fitnesses: at each rung reached.
        climb: objectives at each rung reached.
        judged: what each of them was made of, by seed number.
        dead: a rung showed that it does not train.
    """

    number: int
    text: str
    fingerprint: str
    nodes: int
    origin: str = ""
    target: int = 0
    submitted: dict[int, int] = field(default_factory=dict)
    trained: dict[int, int] = field(default_factory=dict)
    traces: dict[int, SeedTrace] = field(default_factory=dict)
    fitnesses: list[Fitness] = field(default_factory=list)
    climb: list[Objectives] = field(default_factory=list)
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

    def next_trial(self, rungs: tuple[Rung, ...], target: int) -> tuple[int, int] | None:
        """Seed number and steps of the next trial on the way to a rung; None when all are submitted."""
        rung = rungs[target]
        for seed in range(rung.seeds):
            if self.submitted.get(seed, 0) < rung.steps:
                return seed, rung.steps
        return None

    def take(self, seed: int, steps: int, result: TrialResult, rungs: tuple[Rung, ...], scale: Scale) -> int:
        """Take in the result of a trial; returns how many rungs it completed, a fatal one included."""
        if steps >= self.trained.get(seed, 0):
            self.trained[seed], self.traces[seed] = steps, seed_trace(result)
        before, was_dead = self.rung, self.dead
        while not self.dead and self.rung < self.target and self._has_trained(rungs[self.rung + 1]):
            self._judge(rungs[self.rung + 1], scale)
        return self.rung - before + (self.dead and not was_dead)

    def _has_trained(self, rung: Rung) -> bool:
        return all(self.trained.get(seed, 0) >= rung.steps for seed in range(rung.seeds))

    def _judge(self, rung: Rung, scale: Scale) -> None:
        traces = [truncated(self.traces[seed], rung.steps) for seed in range(rung.seeds)]
        self.dead = sum(trace.failed for trace in traces) > DEAD_SHARE * rung.seeds
        if not self.dead:
            self.fitnesses.append(fitness(traces, *scale))
            self.climb.append(objectives(self.fitness))
            self.judged.append(traces)


def objectives(fitness: Fitness) -> Objectives:
    """What NSGA-II minimises: ln fd and instability."""
    return math.log(fitness.fd), fitness.instability


def seed_trace(result: TrialResult) -> SeedTrace:
    """A trial's result as one seed of a fitness."""
    return SeedTrace(failed=result.state is not TrialState.COMPLETED, points=result.trace)


def truncated(trace: SeedTrace, steps: int) -> SeedTrace:
    """A trace as it stood after so many steps."""
    if not trace.points or trace.points[-1][0] <= steps:
        return trace
    return SeedTrace(trace.failed, tuple(point for point in trace.points if point[0] <= steps))
