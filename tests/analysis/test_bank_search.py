from collections import deque
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.bank_search import Outcome, Policy, Stage, Trials, search
from analysis.bank_worlds import Model, World
from ganetic.errors import UserError
from ganetic.evolution.finals import leading
from ganetic.evolution.individual import Individual, Scale, seed_trace
from ganetic.evolution.sampler import NSGA2Sampler
from ganetic.evolution.space import Evolution as EvolutionSettings
from ganetic.evolution.space import Finals, Rung, SearchSpace, Stop
from ganetic.evolution.trial_request import TrialRequest
from ganetic.metrics.fitness import fitness
from ganetic.training.result import TrialResult, TrialState
from ganetic.training.spec import PruningRule
from tests.studies.made_up_bank import STEPS, made_up_bank

BANK = made_up_bank()
MODEL = Model.of(BANK)
AVERAGED = Model.of(made_up_bank(averaged=True))
KILL = (PruningRule(step=100, above=0.85), PruningRule(step=200, above=0.4))
LADDERS = (
    (Rung(steps=400, seeds=1), Rung(steps=400, seeds=3)),
    (Rung(steps=400, seeds=1), Rung(steps=400, seeds=3), Rung(steps=400, seeds=5)),
    (Rung(steps=300, seeds=1), Rung(steps=400, seeds=2), Rung(steps=400, seeds=3), Rung(steps=400, seeds=6)),
)
RACING = tuple(Rung(steps=400, seeds=seeds) for seeds in (1, 2, 3, 5, 8))


class Arrivals(NSGA2Sampler):
    """The real evolution, but its children are the losses of a world, one after the other."""

    def _child(self, index: int) -> TrialRequest:
        number = len(self.individuals)
        individual = Individual(number, f"loss {number}", f"{number}", 1, "random")
        return self._proposal("child", individual, 0, (0, self._space.rungs[0].steps))


def space_of(policy: Policy) -> SearchSpace:
    return SearchSpace(
        name="simulated",
        form="label",
        operators=("add",),
        evolution=EvolutionSettings(population=1000, window=policy.window, reduction_factor=policy.reduction),
        kill=policy.kill,
        rungs=policy.rungs,
        finals=Finals(steps=400),
        stop=Stop(max_trials=1),
    )


def result_of(world: World, loss: int, seed: int, steps: int, kill: tuple[PruningRule, ...]) -> TrialResult:
    last = STEPS.index(steps)
    points, raw = (
        tuple(zip(STEPS[: last + 1], np.exp(ln_fd[loss, seed, : last + 1]).tolist(), strict=True))
        for ln_fd in (world.ln_fd, world.ln_raw)
    )
    for rule in kill:
        at = STEPS.index(rule.step)
        if points[at][1] > rule.above * points[0][1]:
            return TrialResult(state=TrialState.PRUNED, trace=points[: at + 1], steps=rule.step)
    failed = bool(Trials.of(world, steps).failed[loss, seed])
    state = TrialState.FAILED if failed else TrialState.COMPLETED
    return TrialResult(state=state, trace=points, raw_trace=raw, steps=steps)


def really(world: World, policy: Policy, budget: int) -> tuple[list[tuple[int, int, int]], list[int]]:
    """The trials of the real evolution in this world, and its losses from best to worst."""
    evolution = Arrivals(space_of(policy), 0, (Scale(world.start_fd, world.floor_fd),))
    out: deque[tuple[TrialRequest, TrialResult]] = deque()
    trials: list[tuple[int, int, int]] = []
    spent = 0
    while spent < budget:
        while len(out) > policy.window:
            evolution.tell(*out.popleft())
        proposal = evolution.ask(len(trials))
        result = result_of(world, proposal.individual, proposal.slot, proposal.steps, policy.kill)
        spent += result.steps
        trials.append((proposal.individual, proposal.slot, proposal.steps))
        out.append((proposal, result))
    while out:
        evolution.tell(*out.popleft())
    return trials, [one.number for one in leading(evolution.individuals)]


@pytest.mark.parametrize("ladder", range(len(LADDERS)))
@pytest.mark.parametrize("reduction", [2.0, 3.5])
def test_a_simulated_search_submits_what_the_real_one_does(ladder: int, reduction: float) -> None:
    for seed in range(3):
        world = MODEL.world(120, 11, np.random.default_rng(seed))
        kill = KILL if seed else ()
        policy = Policy("ladder", LADDERS[ladder], reduction, kill, finals=(), window=1 + 4 * seed)
        trials, order = really(world, policy, 30_000)
        outcome = search(world, policy, 30_000)
        assert list(outcome.trials) == trials
        assert list(outcome.ranking) == order


@pytest.mark.parametrize("model", [MODEL, AVERAGED], ids=["trained", "averaged"])
@given(seed=st.integers(0, 10_000), seeds=st.integers(1, 6), steps=st.sampled_from([200, 400]))
@settings(max_examples=30, deadline=None)
def test_objectives_are_those_of_a_search(model: Model, seed: int, seeds: int, steps: int) -> None:
    world = model.world(8, 6, np.random.default_rng(seed))
    trials = Trials.of(world, steps)
    for loss, (ln_fd, instability) in enumerate(trials.objectives(seeds, world)):
        results = [result_of(world, loss, number, steps, ()) for number in range(seeds)]
        traces = [seed_trace(result) for result in results]
        expected = fitness(traces, world.start_fd, world.floor_fd)
        assert ln_fd == pytest.approx(np.log(expected.fd))
        assert instability == pytest.approx(expected.instability)


def test_a_budget_is_spent_on_the_search_and_on_its_finals() -> None:
    world = MODEL.world(200, 10, np.random.default_rng(1))
    policy = Policy("ladder", LADDERS[0], 3.0, KILL, finals=(Stage(4, 5),))
    outcome = search(world, policy, 60_000)
    assert 60_000 <= outcome.steps < 60_400
    assert len(outcome.ranking) <= 4
    assert outcome.drawn == len({loss for loss, _, _ in outcome.trials})


def test_rules_let_a_search_see_more_losses() -> None:
    world = MODEL.world(300, 8, np.random.default_rng(2))
    killing, patient = (search(world, Policy("", LADDERS[0], 3.0, kill), 60_000) for kill in (KILL, ()))
    assert killing.drawn > 1.1 * patient.drawn


def test_a_search_ends_where_the_losses_do() -> None:
    world = MODEL.world(10, 8, np.random.default_rng(3))
    outcome = search(world, Policy("", LADDERS[0], 2.0, finals=()), 10**9)
    assert outcome.drawn == 10
    assert set(outcome.ranking) <= set(range(10))


def test_finals_rank_by_fresh_seeds_and_leave_out_who_fails_there() -> None:
    world = MODEL.world(100, 8, np.random.default_rng(4))
    policy = Policy("", LADDERS[0], 3.0, KILL, finals=(Stage(5, 5),))
    ranking = list(search(world, policy, 60_000).ranking)
    ends = np.where(world.failed, np.log(world.start_fd), world.ln_fd[:, :, -1])[:, 3:8].mean(axis=1)
    assert ranking == sorted(ranking, key=lambda loss: ends[loss])
    world.failed[ranking[0], 3:6] = True
    assert list(search(world, policy, 60_000).ranking) == ranking[1:]


def test_stages_cost_what_they_add_and_keep_who_fell_out_behind() -> None:
    world = MODEL.world(150, 11, np.random.default_rng(8))
    stages = Policy("", LADDERS[0], 3.0, KILL, finals=(Stage(8, 2), Stage(4, 4), Stage(2, 8)))
    assert stages.final_trials == 8 * 2 + 4 * 2 + 2 * 4
    ranking = search(world, stages, 60_000).ranking
    ends = np.where(world.failed, np.log(world.start_fd), world.ln_fd[:, :, -1])[:, 3:]
    first, second = ranking[:2]
    assert len(ranking) == 8
    assert ends[first].mean() <= ends[second].mean()
    assert max(ends[loss, :4].mean() for loss in ranking[:2]) <= min(ends[loss, :4].mean() for loss in ranking[2:4])
    assert max(ends[loss, :2].mean() for loss in ranking[:4]) <= min(ends[loss, :2].mean() for loss in ranking[4:])


def test_a_planted_best_is_found_far_more_often_by_racing_than_by_one_seed_and_by_chance() -> None:
    racing = Policy("racing", RACING, 2.0, KILL, (Stage(3, 8),), by="fd")
    one_seed = Policy("one seed", RACING[:1], finals=(), by="fd")
    found: dict[str, list[bool]] = {"racing": [], "one seed": []}
    drawn = []
    for seed in range(100):
        world = MODEL.world(400, 16, np.random.default_rng(seed), planted=(0.1, 60))
        for policy in (racing, one_seed):
            outcome = search(world, policy, 80_000)
            assert outcome.drawn >= 60
            found[policy.name].append(world.planted in outcome.ranking[:1])
            drawn.append(outcome.drawn)
    assert np.mean(found["racing"]) > np.mean(found["one seed"]) + 0.1
    assert np.mean(found["racing"]) > 10 * 1 / np.mean(drawn)


def test_searches_are_repeated_exactly() -> None:
    policy = Policy("", RACING, 3.0, KILL)
    first, second = (search(MODEL.world(200, 13, np.random.default_rng(7)), policy, 50_000) for _ in range(2))
    assert isinstance(first, Outcome)
    assert first == second


def test_policies_that_do_not_fit_are_refused() -> None:
    world = MODEL.world(5, 6, np.random.default_rng(0))
    with pytest.raises(UserError, match="for 3 \\+ 5 in all, of 6 that there are"):
        search(world, Policy("ladder", LADDERS[0]), 1000)
    with pytest.raises(UserError, match="must add steps or seeds"):
        search(world, Policy("falling", LADDERS[0][::-1]), 1000)
    with pytest.raises(UserError, match="nothing was measured at step 120"):
        search(world, Policy("ladder", (Rung(steps=120, seeds=1),), finals=()), 1000)


def test_common_seeds_make_differences_smaller_and_are_drawn_once() -> None:
    paired = MODEL.world(2, 4000, np.random.default_rng(0))
    unpaired = MODEL.world(2, 4000, np.random.default_rng(0), paired=False)
    assert paired.truth.tolist() == unpaired.truth.tolist()
    spreads = [np.std(np.diff(world.ln_fd[:, :, -1], axis=0)) for world in (paired, unpaired)]
    assert spreads[0] < spreads[1]


def test_a_world_keeps_what_it_promises() -> None:
    world = MODEL.world(300, 4000, np.random.default_rng(5), planted=(0.2, 50))
    ends = np.where(world.failed, np.log(world.start_fd), world.ln_fd[:, :, -1])
    np.testing.assert_allclose(ends.mean(axis=1), world.truth, atol=0.03)
    assert world.planted is not None
    assert world.planted < 50
    best, second = np.sort(world.truth)[:2]
    assert world.truth[world.planted] == best == pytest.approx(second - 0.2)


def test_the_parts_of_the_noise_are_found_again() -> None:
    components = np.array([Model.of(made_up_bank(training=200, seed=seed)).components for seed in range(5)])
    between, seeds, left = components.mean(axis=0)
    assert between == pytest.approx(0.25, rel=0.1)
    assert seeds == pytest.approx(0.05, rel=0.5)
    assert left == pytest.approx(0.15, rel=0.1)


def test_a_close_world_has_losses_as_far_apart_as_they_are() -> None:
    """Where noise is as large as the difference between losses, levels that are moved twice lie far too far apart."""
    true_sd, noise = 0.1, 0.15 / np.sqrt(6)
    found: dict[bool, list[float]] = {True: [], False: []}
    for seed in range(3):
        model = Model.of(made_up_bank(training=300, dead=0, seed=seed, spread=true_sd))
        for close, spreads in found.items():
            world = model.world(2000, 1, np.random.default_rng(seed), close=close)
            spreads.append(float(world.truth[world.truth < 5].std()))
    assert np.mean(found[True]) == pytest.approx(true_sd, rel=0.1)
    assert np.mean(found[False]) == pytest.approx(np.sqrt(true_sd**2 + 2 * noise**2), rel=0.1)


def test_a_close_world_keeps_what_it_promises() -> None:
    world = MODEL.world(300, 4000, np.random.default_rng(5), planted=(0.2, 50), close=True)
    ends = np.where(world.failed, np.log(world.start_fd), world.ln_fd[:, :, -1])
    np.testing.assert_allclose(ends.mean(axis=1), world.truth, atol=0.03)
    best, second = np.sort(world.truth)[:2]
    assert world.planted is not None
    assert world.truth[world.planted] == best == pytest.approx(second - 0.2)
    _, counts = np.unique(world.truth[world.truth < 6], return_counts=True)
    assert (counts > 1).sum() == 1  # the loss that trains but on one seed, and has no error that would move it


def test_the_trained_generator_is_as_far_from_the_averaged_one_as_it_was() -> None:
    world = AVERAGED.world(50, 6, np.random.default_rng(0))
    gaps = world.ln_raw - world.ln_fd
    assert (gaps >= 0).all()
    assert gaps[:, :, 1:].mean() == pytest.approx(AVERAGED.gaps[:, :, 1:][AVERAGED.bank.recorded].mean(), rel=0.1)
    np.testing.assert_array_equal(MODEL.world(50, 6, np.random.default_rng(0)).ln_raw, world.ln_fd)


def test_a_bank_of_too_few_losses_is_no_model() -> None:
    with pytest.raises(UserError, match="2 losses train on all of 6 seeds"):
        Model.of(made_up_bank(training=3))


def test_killing_costs_only_the_steps_made() -> None:
    world = MODEL.world(50, 2, np.random.default_rng(6))
    trials = Trials.of(world, 400, KILL)
    share = np.exp(world.ln_fd - world.ln_fd[:, :, :1])
    for rule, later in pairwise((*KILL, PruningRule(step=400, above=9.0))):
        assert (share[trials.cost == rule.step][:, STEPS.index(rule.step)] > rule.above).all()
        assert (share[trials.cost == later.step][:, STEPS.index(rule.step)] <= rule.above).all()
    assert set(np.unique(trials.cost)) <= {100, 200, 400}
    assert trials.failed[trials.cost < 400].all()
