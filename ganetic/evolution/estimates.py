"""What is known of the individuals of a search at the steps of its first rung, and what neighbours add to that."""

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import fmean

from ganetic.evolution.individual import Individual, Scales
from ganetic.evolution.neighbours import CAPACITY, Neighbours, ToldTrial, curve
from ganetic.evolution.space import SearchSpace
from ganetic.loss.formula import Formula
from ganetic.loss.numeric import responses
from ganetic.loss.ops import Array
from ganetic.loss.screen import judge
from ganetic.training.rates import Rates


class Estimates:
    """The results that a search was told, for choosing among children.

    What it answers depends on what was told, in this order, and on nothing else. Curves are worked out when they are
    asked for, so that a replay of a long search costs no more than the last `CAPACITY` results.
    """

    def __init__(self, space: SearchSpace, scales: Scales) -> None:
        self._steps, self._scales = space.rungs[0].steps, scales
        self._is_used = space.evolution.candidates > 1
        self._neighbours = Neighbours()
        self._pending: dict[int, Individual] = {}

    def tell(self, individual: Individual) -> None:
        """Learn of an individual that has come to a rung, or died on the way."""
        if not self._is_used:
            return
        self._pending.pop(individual.number, None)
        self._pending[individual.number] = individual
        if len(self._pending) > CAPACITY:
            del self._pending[next(iter(self._pending))]

    def pick(self, curves: Sequence[Array]) -> int:
        """The place of the loss that its neighbours predict to be the best."""
        for individual in self._pending.values():
            self._neighbours.tell(result_of(individual, self._steps, self._scales))
        self._pending.clear()
        return self._neighbours.pick(curves)


def result_of(individual: Individual, steps: int, scales: Scales) -> ToldTrial:
    """What came of an individual, as its trainings stood after so many steps.

    Over several proxies a seed's ln fd is the mean; a proxy on which it failed, or was not tried after it had failed on
    another, counts as untrained.
    """
    ends, failed = [], 0
    for seed in range(1 + max(individual.traces) // len(scales)):
        traces = [individual.traces.get(seed * len(scales) + proxy) for proxy in range(len(scales))]
        has_failed = any(trace is not None and trace.failed for trace in traces)
        if not has_failed and any(trace is None for trace in traces):
            continue
        failed += has_failed
        ends.append(
            fmean(
                math.log(scale.start_fd if trace is None or trace.failed else trace.until(steps).points[-1][1])
                for trace, scale in zip(traces, scales, strict=True)
            )
        )
    return ToldTrial(individual.number, curve_of(individual.text, individual.rates), tuple(ends), failed)


@lru_cache(maxsize=2 * CAPACITY)
def curve_of(text: str, rates: Rates | None) -> Array:
    """The curve of a loss by its one line, see `ganetic.evolution.neighbours.curve`."""
    formula = Formula.from_text(text)
    points, slots = responses(formula)
    return curve(points, slots, judge(points, slots).orientation, rates)
