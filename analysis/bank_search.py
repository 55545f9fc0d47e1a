"""Searches in a world, without training and without breeding: rungs, promotion and finals, as a search applies them.

Who climbs, in which order trials are submitted, who dies and who enters the finals follows
`ganetic.evolution.sampler` and `ganetic.evolution.finals`; a test holds them against each other. Left out are
parents (losses arrive in an order that nothing influences) and the limit of the population, whose worst would not
have climbed.
"""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis.bank_worlds import Floats, World
from ganetic.errors import UserError
from ganetic.evolution.individual import DEAD_SHARE
from ganetic.evolution.nsga2 import Objectives, fronts
from ganetic.evolution.space import Rung
from ganetic.training.failure_modes import LEARNT_LEAST, WORSE_THAN_BEST
from ganetic.training.spec import PruningRule

By = Literal["both", "fd"]


class Stage(NamedTuple):
    """A stage of finals: how many losses enter it, and how many fresh seeds each has had when it ends."""

    losses: int
    seeds: int


@dataclass(frozen=True)
class Policy:
    """How a search spends its budget.

    Attributes:
        name: for tables.
        rungs: from cheap to dear, as in a space; the first has one seed.
        reduction: one in so many of a rung's losses climbs to the next.
        kill: rules that stop a trial; finals are exempt.
        finals: stages, of trials at full length; a space has one. Of each the best, over all fresh seeds so far, enter
            the next. None are held where there is no stage: then the best of the highest rung wins.
        by: what promotes: both objectives, as NSGA-II ranks them, or fd alone.
        window: a trial is chosen by the results of all but the last so many.
    """

    name: str
    rungs: tuple[Rung, ...]
    reduction: float = 4.0
    kill: tuple[PruningRule, ...] = ()
    finals: tuple[Stage, ...] = (Stage(5, 5),)
    by: By = "both"
    window: int = 8

    @property
    def search_seeds(self) -> int:
        """Trainings of a loss before the finals, at most."""
        return self.rungs[-1].seeds

    @property
    def final_seeds(self) -> int:
        """Trainings of a loss in the finals, at most."""
        return self.finals[-1].seeds if self.finals else 0

    @property
    def final_trials(self) -> int:
        """Trainings that all finals take."""
        return sum(now.losses * (now.seeds - before.seeds) for before, now in pairwise((Stage(0, 0), *self.finals)))


@dataclass(frozen=True)
class Outcome:
    """What came of a search.

    Attributes:
        drawn: how many losses were tried: the first so many of the world.
        steps: what was spent, finals included.
        ranking: the finalists that train, best first; without finals, all that train.
        trials: (loss, seed, steps) of the search's trials, in order of submission.
    """

    drawn: int
    steps: int
    ranking: tuple[int, ...]
    trials: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, eq=False)
class Trials:
    """What trials of one length under some rules would return; each array ``(N, M)``.

    Attributes:
        end: final ln fd.
        wobble: what a single training adds to instability.
        failed: whether it failed or was stopped.
        cost: steps made.
    """

    end: Floats
    wobble: Floats
    failed: NDArray[np.bool_]
    cost: NDArray[np.int64]

    @staticmethod
    def of(world: World, steps: int, kill: tuple[PruningRule, ...] = ()) -> "Trials":
        """Look at a world's trainings as they stand after so many steps.

        Raises:
            UserError: nothing was measured at one of the steps.
        """
        last = _place(world, steps)
        ln_fd = world.ln_fd[:, :, : last + 1]
        end, best = ln_fd[:, :, -1], ln_fd.min(axis=2)
        failed = world.failed if last == len(world.steps) - 1 else _fail_by_trace(world, end, best)
        cost = np.full(end.shape, steps)
        for rule in sorted(kill, key=lambda rule: rule.step, reverse=True):
            if rule.step < steps:
                stopped = ln_fd[:, :, _place(world, rule.step)] - ln_fd[:, :, 0] > math.log(rule.above)
                cost = np.where(stopped, rule.step, cost)
        late = world.steps[1 : last + 1] > steps / 2
        swings = world.ln_raw[:, :, : last + 1]
        upward = np.maximum(0.0, np.diff(swings, axis=2))[:, :, late]
        wobble = swings[:, :, -1] - swings.min(axis=2) + np.sqrt((upward**2).mean(axis=2))
        return Trials(end, wobble, failed | (cost < steps), cost)

    def objectives(self, seeds: int, world: World) -> list[Objectives]:
        """Each loss's ln fd and instability over its first seeds, as `ganetic.metrics.fitness.fitness` has them."""
        end, failed = self.end[:, :seeds], self.failed[:, :seeds]
        alive = ~failed
        survivors = np.maximum(1, alive.sum(axis=1))
        ln_fd = np.where(failed, math.log(world.start_fd), end).mean(axis=1)
        mean = (end * alive).sum(axis=1) / survivors
        squares = (((end - mean[:, None]) * alive) ** 2).sum(axis=1)
        spread = np.sqrt(squares / np.maximum(1, survivors - 1))
        wobble = (self.wobble[:, :seeds] * alive).sum(axis=1) / survivors
        instability = spread + wobble + math.log(world.start_fd / world.floor_fd) * failed.mean(axis=1)
        return list(zip(ln_fd.tolist(), instability.tolist(), strict=True))


def search(world: World, policy: Policy, budget: int) -> Outcome:
    """Search a world.

    Args:
        world: with as many trainings of a loss as the policy's last rung and its finals ask for.
        policy: how.
        budget: steps to spend; the finals are kept back, and the last trials may go over it.

    Raises:
        UserError: the policy does not fit the world.
    """
    for lower, upper in pairwise(policy.rungs):
        if upper.steps < lower.steps or upper.seeds < lower.seeds or upper == lower:
            raise UserError(f"{policy.name}: rung {upper} must add steps or seeds to {lower} and take away neither")
    trainings = world.ln_fd.shape[1]
    if policy.rungs[0].seeds != 1 or trainings < policy.search_seeds + policy.final_seeds:
        raise UserError(
            f"{policy.name}: asks for {policy.rungs[0].seeds} seeds on its first rung, where one is expected, and for "
            f"{policy.search_seeds} + {policy.final_seeds} in all, of {trainings} that there are"
        )
    finals = policy.final_trials * int(world.steps[-1])
    state = _Search(world, policy)
    state.spend(budget - finals)
    ranking = state.leading()
    if policy.finals:
        ranking = _finals(world, policy, ranking)
    return Outcome(state.drawn, state.spent + finals, tuple(ranking), tuple(state.trials))


class _Search:
    """A search under way; see `ganetic.evolution.sampler.NSGA2Sampler` for what it follows."""

    def __init__(self, world: World, policy: Policy) -> None:
        seen = world.part(slice(None), slice(policy.search_seeds))
        by_steps = {rung.steps: Trials.of(seen, rung.steps, policy.kill) for rung in policy.rungs}
        self._policy, self._size = policy, len(world.truth)
        self._cost = [by_steps[rung.steps].cost.tolist() for rung in policy.rungs]
        self._failed = [by_steps[rung.steps].failed.tolist() for rung in policy.rungs]
        self._points = [by_steps[rung.steps].objectives(rung.seeds, world) for rung in policy.rungs]
        self._rung: list[int] = []
        self._target: list[int] = []
        self._dead: list[bool] = []
        self._population: dict[int, None] = {}
        self._climbing: dict[int, int] = {}  # the next seed of each
        self._completed = [0] * len(policy.rungs)
        self._promoted = [0] * len(policy.rungs)
        self._out: deque[tuple[int, int]] = deque()
        self._settled = 0
        self._fruitless = [-1] * len(policy.rungs)
        self.trials: list[tuple[int, int, int]] = []
        self.spent = 0

    @property
    def drawn(self) -> int:
        """Losses tried."""
        return len(self._rung)

    def spend(self, budget: int) -> None:
        """Submit trials until so many steps are spent or the world has no more losses, and wait for all of them."""
        while self.spent < budget:
            while len(self._out) > self._policy.window:
                self._tell(*self._out.popleft())
            chosen = self._ask()
            if chosen is None:
                break
            loss, seed = chosen
            rung = self._target[loss]
            self.spent += self._cost[rung][loss][seed]
            self.trials.append((loss, seed, self._policy.rungs[rung].steps))
            self._out.append(chosen)
        while self._out:
            self._tell(*self._out.popleft())

    def leading(self) -> list[int]:
        """All that train, the highest rung first, there in the order of promotion."""
        found: list[int] = []
        for rung in range(len(self._policy.rungs) - 1, -1, -1):
            found += self._ranked(sorted(loss for loss in self._population if self._rung[loss] == rung), rung)
        return found

    def _ask(self) -> tuple[int, int] | None:
        """The next trial: of who climbs, of who has earned it, or of the next loss; as a loss and its seed."""
        if not self._climbing:
            self._promote()
        if self._climbing:
            loss, seed = next(iter(self._climbing.items()))
            self._climbing[loss] = seed + 1
            if seed + 1 == self._policy.rungs[self._target[loss]].seeds:
                del self._climbing[loss]
            return loss, seed
        if self.drawn == self._size:
            return None
        self._rung.append(-1)
        self._target.append(0)
        self._dead.append(False)
        return self.drawn - 1, 0

    def _promote(self) -> None:
        rungs = self._policy.rungs
        for rung in range(len(rungs) - 2, -1, -1):
            quota = int(self._completed[rung] / self._policy.reduction)
            if self._promoted[rung + 1] >= quota or self._fruitless[rung] == self._settled:
                continue
            level = [loss for loss in self._population if self._rung[loss] >= rung]
            for loss in islice(self._ranked(level, rung), quota):
                if self._target[loss] == rung:
                    self._target[loss] = rung + 1
                    self._promoted[rung + 1] += 1
                    self._climbing[loss] = rungs[rung].seeds if rungs[rung].steps == rungs[rung + 1].steps else 0
                    return
            self._fruitless[rung] = self._settled

    def _ranked(self, losses: list[int], rung: int) -> Iterator[int]:
        """The losses from best to worst."""
        points = [self._points[rung][loss] for loss in losses]
        if self._policy.by == "fd":
            yield from (losses[i] for i in sorted(range(len(points)), key=lambda i: points[i][0]))
            return
        for members in fronts(points):
            yield from (losses[i] for i in members)

    def _tell(self, loss: int, seed: int) -> None:
        rung, seeds = self._target[loss], self._policy.rungs[self._target[loss]].seeds
        if self._dead[loss]:
            return
        self._dead[loss] = sum(self._failed[rung][loss][: seed + 1]) > DEAD_SHARE * seeds
        if not self._dead[loss] and seed + 1 < seeds:
            return
        self._completed[rung] += 1
        self._settled += 1
        self._population.pop(loss, None)
        if self._dead[loss]:
            self._climbing.pop(loss, None)
        else:
            self._rung[loss] = rung
            self._population[loss] = None


def _finals(world: World, policy: Policy, ranking: list[int]) -> list[int]:
    """The finalists that train on seeds that chose none of them, best first; who went further goes before."""
    behind: list[int] = []
    for stage in policy.finals:
        entered, left = ranking[: stage.losses], ranking[stage.losses :]
        if stage is not policy.finals[0]:
            behind = left + behind
        fresh = slice(policy.search_seeds, policy.search_seeds + stage.seeds)
        trials = Trials.of(world.part(entered, fresh), int(world.steps[-1]))
        points = trials.objectives(stage.seeds, world)
        trains = trials.failed.sum(axis=1) <= DEAD_SHARE * stage.seeds
        ranking = [entered[i] for i in sorted(range(len(entered)), key=lambda i: points[i][0]) if trains[i]]
    return ranking + behind


def _place(world: World, step: int) -> int:
    known = world.steps.tolist()
    if step not in known[1:]:
        raise UserError(f"bank: nothing was measured at step {step}; expected one of {known[1:]}")
    return int(known.index(step))


def _fail_by_trace(world: World, end: Floats, best: Floats) -> NDArray[np.bool_]:
    """Which trainings fail as far as their traces tell."""
    learnt = (world.ln_fd[:, :, 0] - end) / math.log(world.start_fd / world.floor_fd)
    return np.asarray((learnt < LEARNT_LEAST) | (end - best > math.log(WORSE_THAN_BEST)))
