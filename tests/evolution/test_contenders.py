import random
from collections.abc import Collection

import pytest

from ganetic.evolution.contenders import contenders
from ganetic.evolution.finals import assess, front
from ganetic.evolution.individual import Individual, Scale
from ganetic.evolution.space import Rung
from ganetic.evolution.trial_queue import ABOUT
from ganetic.evolution.trial_request import TrialRequest
from ganetic.jobs.journal import Ending, Submission
from ganetic.training.result import TrialResult, TrialState
from tests.evolution.fakes import SPACE

RUNGS = (Rung(steps=40, seeds=1), Rung(steps=40, seeds=3), Rung(steps=80, seeds=4))
SPACE_OF_RUNGS = SPACE.model_copy(update={"rungs": RUNGS})
ONE, TWO = (Scale(900.0, 3.0),), (Scale(900.0, 3.0), Scale(500.0, 2.0))


class MadeUp:
    """The trials of a search as a journal would hold them: individuals that got some way, in any state."""

    def __init__(self, seed: int, proxies: int, individuals: int, unfinished: float = 0.03) -> None:
        self.stream, self.unfinished = random.Random(seed), unfinished
        self.submissions: list[Submission] = []
        self.results: dict[int, TrialResult] = {}
        self.scales = (ONE, TWO)[proxies - 1]
        for number in range(individuals):
            self.live(Individual(number, "p", f"{number}", 1), proxies)

    def live(self, one: Individual, proxies: int) -> None:
        ambition = self.stream.randrange(len(RUNGS))
        quality = self.stream.choice([20.0, 30.0, 30.0, 50.0])
        for target in range(ambition + 1):
            one.target = target
            while (trial := one.next_trial(RUNGS, target, proxies)) is not None:
                slot, steps = trial
                one.submitted[slot] = steps
                number = self.submit(one, target, slot, steps)
                if self.stream.random() < self.unfinished:
                    return  # the rest is still to come
                self.results[number] = result = self.result(quality, steps)
                one.take(slot, steps, result, RUNGS, self.scales)
            if one.dead or self.stream.random() < 0.2:
                return

    def submit(self, one: Individual, rung: int, slot: int, steps: int) -> int:
        number, kind = len(self.submissions), "reseed" if one.submitted.keys() - {0} or rung else "child"
        about = {"kind": kind, "individual": one.number, "text": "p", "fingerprint": "0", "nodes": 1, "rung": rung}
        about |= {"slot": slot, "steps": steps, "prunable": True}
        payload = {"steps": steps, "seed": slot, ABOUT: TrialRequest.model_validate(about).model_dump(mode="json")}
        self.submissions.append(Submission(number, kind, one.number, "p", payload, 0.0))
        return number

    def result(self, quality: float, steps: int) -> TrialResult:
        failed = self.stream.random() < 0.15
        state = TrialState.FAILED if failed else TrialState.COMPLETED
        values = [quality * self.stream.choice([0.8, 1.0, 1.0, 1.3]) for _ in range(3)]
        points = tuple((round(steps * share), fd) for share, fd in zip((0.5, 0.75, 1), values, strict=True))
        return TrialResult(state=state, trace=() if failed else ((0, 900.0), *points), steps=steps)

    def assessed(self, numbers: Collection[int]) -> list[Individual]:
        mine = [one for one in self.submissions if one.subject in numbers]
        return assess(SPACE_OF_RUNGS, self.scales, mine, self.results)

    def endings(self) -> list[Ending]:
        return [self.ending(submission) for submission in self.submissions]

    def ending(self, submission: Submission) -> Ending:
        result = self.results.get(submission.number)
        state = None if result is None else str(result.state)
        fd = result.trace[-1][1] if result and result.trace else None
        return Ending(submission.number, submission.subject, submission.payload["steps"], state, fd)


@pytest.mark.parametrize("proxies", [1, 2])
@pytest.mark.parametrize("seed", range(40))
def test_the_whole_front_is_among_the_contenders(seed: int, proxies: int) -> None:
    made_up = MadeUp(seed, proxies, individuals=random.Random(seed).choice([1, 5, 60]))
    everyone = {submission.subject for submission in made_up.submissions}
    found = contenders(RUNGS, made_up.scales, made_up.endings(), made_up.assessed)
    assert front(made_up.assessed(found)) == front(made_up.assessed(everyone))


def test_contenders_are_few() -> None:
    made_up = MadeUp(seed=0, proxies=1, individuals=1500, unfinished=0.002)
    found = contenders(RUNGS, made_up.scales, made_up.endings(), made_up.assessed)
    assert len(front(made_up.assessed(found))) < len(found) < 300


def test_no_trials_no_contenders() -> None:
    assert contenders(RUNGS, ONE, [], lambda numbers: []) == set()
