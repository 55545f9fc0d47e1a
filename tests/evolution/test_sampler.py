import math
from collections import Counter
from typing import Any

import pytest

from ganetic.evolution import variation as breeding
from ganetic.evolution.finals import assess, front, leading
from ganetic.evolution.individual import Individual
from ganetic.evolution.sampler import NSGA2Sampler
from ganetic.evolution.space import Rung, SearchSpace, Trees
from ganetic.evolution.trial_request import TrialRequest
from ganetic.evolution.variation import SearchSpaceExhausted
from ganetic.loss.expression import depth, node_count
from ganetic.loss.fingerprint import fingerprint
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.loss.screen import screen
from ganetic.training.result import TrialResult, TrialState
from tests.evolution.fakes import KILL, SCALE, SPACE, mishap, work

SEEDED = SPACE.model_copy(update={"library_seeds": ("ganetic",)})
THREE_RUNGS = SPACE.model_copy(
    update={"rungs": (Rung(steps=40, seeds=1), Rung(steps=40, seeds=3), Rung(steps=80, seeds=4))}
)
LOGIT = SPACE.model_copy(
    update={"form": "logit", "operators": ("add", "mul", "neg", "softplus", "square"), "trees": Trees(max_nodes=12)}
)
RANDOM = SPACE.randomised()
Told = list[tuple[TrialRequest, TrialResult]]


def result_of(proposal: TrialRequest, space: SearchSpace) -> TrialResult:
    payload: dict[str, Any] = {
        "formula": proposal.text,
        "seed": proposal.slot // len(space.proxies),
        "materials": space.proxies[proposal.slot % len(space.proxies)].name,
        "checkpoints": space.checkpoints(proposal.steps),
        "kill": [rule.model_dump() for rule in KILL] if proposal.prunable else [],
    }
    what = mishap(payload)
    return TrialResult(state=TrialState(what)) if what else TrialResult.model_validate(work(None, payload))


def play(space: SearchSpace, seed: int, count: int) -> tuple[NSGA2Sampler, Told]:
    """A search as the driver does it: each trial is asked for after all but the last `window` have been told."""
    evolution = NSGA2Sampler(space, seed, (SCALE,) * len(space.proxies))
    trials: Told = []
    for index in range(count):
        if index >= space.evolution.window:
            evolution.tell(*trials[index - space.evolution.window])
        proposal = evolution.ask(index)
        trials.append((proposal, result_of(proposal, space)))
    return evolution, trials


def replay(space: SearchSpace, seed: int, trials: Told) -> NSGA2Sampler:
    evolution, window = NSGA2Sampler(space, seed, (SCALE,) * len(space.proxies)), space.evolution.window
    for index, (proposal, _) in enumerate(trials):
        if index >= window:
            evolution.tell(*trials[index - window])
        evolution.register(proposal)
    if len(trials) >= window:
        evolution.tell(*trials[len(trials) - window])
    return evolution


@pytest.mark.parametrize(
    "space",
    [SPACE, SEEDED, THREE_RUNGS, LOGIT, RANDOM],
    ids=["plain", "seeded", "three rungs", "logit", "random"],
)
def test_a_search_follows_from_space_seed_and_results(space: SearchSpace) -> None:
    first, second = play(space, 3, 60), play(space, 3, 60)
    assert first[1] == second[1]
    assert first[0].individuals == second[0].individuals
    assert first[0].population == second[0].population
    assert play(space, 4, 20)[1] != first[1][:20]


@pytest.mark.parametrize("space", [SPACE, THREE_RUNGS, LOGIT], ids=["plain", "three rungs", "logit"])
def test_a_replay_goes_on_as_the_original_from_every_prefix(space: SearchSpace) -> None:
    _, trials = play(space, 1, 70)
    assert {proposal.kind for proposal, _ in trials} == {"child", "reseed"}
    for count in range(70):
        assert replay(space, 1, trials[:count]).ask(count) == trials[count][0], count


def test_a_replay_at_the_end_has_the_state_of_the_original() -> None:
    original, trials = play(THREE_RUNGS, 5, 120)
    original.tell(*trials[-SPACE.evolution.window])
    replayed = replay(THREE_RUNGS, 5, trials)
    assert vars(replayed).keys() == vars(original).keys()
    for name in ("individuals", "population", "_texts", "_fingerprints", "_climbing", "_completed", "_promoted"):
        assert getattr(replayed, name) == getattr(original, name), name


def test_nothing_is_submitted_twice_and_everything_fits_the_space() -> None:
    evolution, trials = play(SPACE, 2, 100)
    texts = [individual.text for individual in evolution.individuals]
    fingerprints = [individual.fingerprint for individual in evolution.individuals]
    assert len(set(texts)) == len(set(fingerprints)) == len(texts) > 40
    for individual in evolution.individuals:
        formula = Formula.from_text(individual.text)
        assert formula.text == individual.text
        assert individual.fingerprint == fingerprint(formula)
        assert individual.nodes == formula.node_count
        assert screen(formula, SPACE.vanishing_bound).passed
        (tree,) = formula.trees.values()
        assert node_count(tree) <= SPACE.trees.max_nodes
        assert depth(tree) <= SPACE.trees.max_depth
    trained = Counter((proposal.individual, proposal.slot, proposal.steps) for proposal, _ in trials)
    assert set(trained.values()) == {1}


def test_losses_of_the_library_come_first_unscreened_and_unpruned() -> None:
    _, trials = play(SEEDED, 0, 20)
    first = trials[0][0]
    assert (first.kind, first.text, first.origin) == ("child", LIBRARY["ganetic"].formula.text, "library ganetic")
    assert not first.prunable
    assert all(proposal.prunable == (proposal.individual != 0) for proposal, _ in trials)

    vanishing = LOGIT.model_copy(update={"vanishing_bound": 0.1, "library_seeds": ("bce-minimax", "bce")})
    assert not screen(LIBRARY["bce-minimax"].formula, 0.1).passed
    _, trials = play(vanishing, 0, 2)
    assert [proposal.origin for proposal, _ in trials] == ["library bce-minimax", "library bce"]


def test_the_first_individuals_are_random_and_then_children_have_living_parents() -> None:
    evolution, trials = play(SPACE, 6, 120)
    children = [proposal for proposal, _ in trials if proposal.kind == "child"]
    assert all(child.origin == "random" for child in children[: SPACE.evolution.population])
    operators = {child.origin.split()[0] for child in children}
    assert operators >= {"crossover", "subtree", "node", "ephemeral", "insert"}

    seen = NSGA2Sampler(SPACE, 6, (SCALE,))
    for index, (proposal, _) in enumerate(trials):
        if index >= SPACE.evolution.window:
            seen.tell(*trials[index - SPACE.evolution.window])
        for parent in proposal.origin.split()[1:] if proposal.kind == "child" else ():
            assert int(parent) in {member.number for member in seen.population}
        seen.register(proposal)
    assert len(evolution.population) == SPACE.evolution.population


def test_in_a_random_search_no_child_has_parents_and_all_else_is_the_same() -> None:
    evolution, trials = play(RANDOM, 6, 120)
    assert {one.origin for one in evolution.individuals} == {"random"}
    assert {proposal.kind for proposal, _ in trials} == {"child", "reseed"}
    assert max(one.rung for one in evolution.individuals) == len(RANDOM.rungs) - 1
    assert len(evolution.population) == RANDOM.evolution.population
    assert all(screen(Formula.from_text(one.text), RANDOM.vanishing_bound).passed for one in evolution.individuals)
    first = [proposal.text for proposal, _ in play(SPACE, 6, SPACE.evolution.population)[1]]
    assert [proposal.text for proposal, _ in trials[: len(first)]] == first


def test_nothing_failed_breeds_or_stands_on_a_front() -> None:
    evolution = NSGA2Sampler(THREE_RUNGS, 7, (SCALE,))
    told: Told = []
    for index in range(150):
        proposal = evolution.ask(index)
        told.append((proposal, result_of(proposal, THREE_RUNGS)))
        evolution.tell(*told[-1])
        for member in evolution.population:
            assert not failed_at_its_rung(member, told, THREE_RUNGS)
            assert all(math.isfinite(value) for fitness in member.objectives_by_rung for value in fitness)
    dead = [individual for individual in evolution.individuals if individual.dead]
    assert any(individual.rung >= 0 for individual in dead)  # one that lived at rung 0 and died at rung 1
    everyone = evolution.individuals
    assert not {one.number for one in leading(everyone)} & {one.number for one in dead}
    assert {one.number for one in front(everyone)} <= {one.number for one in leading(everyone)}


def failed_at_its_rung(member: Individual, told: Told, space: SearchSpace) -> bool:
    """Whether more than half of the seeds of its highest rung failed, counted anew."""
    rung = space.rungs[member.rung]
    states = {p.slot: r.state for p, r in told if p.individual == member.number and p.steps >= rung.steps}
    return sum(states[seed] is not TrialState.COMPLETED for seed in range(rung.seeds)) > rung.seeds / 2


def test_promotions_respect_reduction_and_rungs() -> None:
    evolution = NSGA2Sampler(THREE_RUNGS, 8, (SCALE,))
    for index in range(150):
        before = {one.number: (one.rung, one.dead) for one in evolution.individuals}
        finished = [sum(rung + dead >= level for rung, dead in before.values()) for level in range(3)]
        promoted = [sum(one.target >= level for one in evolution.individuals) for level in range(3)]
        proposal = evolution.ask(index)
        if proposal.kind == "reseed":
            one = evolution.individuals[proposal.individual]
            assert one.target == proposal.rung == before[one.number][0] + 1
            rung = THREE_RUNGS.rungs[proposal.rung]
            assert proposal.slot < rung.seeds
            assert proposal.steps == rung.steps
            if sum(one.target >= proposal.rung for one in evolution.individuals) > promoted[proposal.rung]:
                quota = finished[proposal.rung - 1] / THREE_RUNGS.evolution.reduction_factor
                assert promoted[proposal.rung] + 1 <= quota
        evolution.tell(proposal, result_of(proposal, THREE_RUNGS))
    tops = Counter(one.rung for one in evolution.individuals)
    assert tops[2] > 0
    assert sum(one.target >= 1 for one in evolution.individuals) >= 150 / 3 / 4


def test_the_dead_do_not_die_twice() -> None:
    failed = TrialResult(state=TrialState.FAILED, reason="mode_collapse")
    one = Individual(0, "p", "0", 1, target=1)
    assert one.take(0, 40, failed, SPACE.rungs, (SCALE,)) == 1
    assert one.take(1, 40, failed, SPACE.rungs, (SCALE,)) == 0


def test_rejections_are_counted() -> None:
    _, trials = play(SPACE, 10, 60)
    total: Counter[str] = Counter()
    for proposal, _ in trials:
        assert proposal.kind == "child" or not proposal.rejections
        total.update(proposal.rejections)
    assert total.keys() >= {"no_separation", "no_gradient", "too_large", "duplicate_text", "duplicate_fingerprint"}


def test_a_space_without_viable_losses_is_exhausted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breeding, "MAX_DRAWS", 300)
    barren = SPACE.model_copy(update={"operators": ("neg",)})
    with pytest.raises(SearchSpaceExhausted) as found:
        NSGA2Sampler(barren, 0, (SCALE,)).ask(0)
    assert found.value.rejections.total() == 300 and found.value.rejections["no_gradient"] > 0


def test_assessing_a_journal_agrees_with_evolution() -> None:
    from ganetic.evolution.trial_queue import ABOUT
    from ganetic.jobs.journal import Submission

    evolution, trials = play(THREE_RUNGS, 11, 100)
    for trial in trials[-SPACE.evolution.window :]:
        evolution.tell(*trial)
    submissions = [
        Submission(n, p.kind, p.individual, p.text, {ABOUT: p.model_dump(mode="json")}, 0.0)
        for n, (p, _) in enumerate(trials)
    ]
    results = {n: result for n, (_, result) in enumerate(trials)}
    assert assess(THREE_RUNGS, (SCALE,), submissions, results) == evolution.individuals
