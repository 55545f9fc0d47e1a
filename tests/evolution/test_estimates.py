import math
import random

import numpy as np

from ganetic.evolution.estimates import Estimates, curve_of, result_of
from ganetic.evolution.individual import Individual, Scale
from ganetic.evolution.neighbours import CAPACITY, Neighbours
from ganetic.evolution.variation import Breeder
from ganetic.loss.library import LIBRARY
from ganetic.metrics.fitness import SeedTrace
from tests.evolution.fakes import SPACE

SCALES = (Scale(900.0, 3.0),)
CHOOSY = SPACE.model_copy(update={"evolution": SPACE.evolution.model_copy(update={"candidates": 5})})
BCE, HINGE, LSGAN = (LIBRARY[name].formula for name in ("bce", "hinge", "lsgan"))


def trained(number: int, text: str, *ends: float, failed: int = 0) -> Individual:
    """An individual of so many seeds, the last few of which failed."""
    one = Individual(number, text, f"{number}", 1)
    for slot, end in enumerate(ends):
        one.trained[slot] = 40
        one.traces[slot] = SeedTrace(slot >= len(ends) - failed, ((0, 900.0), (20, 500.0), (40, end)))
    return one


def test_a_result_is_what_trainings_were_after_the_steps_of_the_first_rung() -> None:
    one = trained(3, BCE.text, 100.0, 120.0, 800.0, failed=1)
    found = result_of(one, 40, SCALES)
    assert found.number == 3
    np.testing.assert_allclose(found.ends, np.log([100.0, 120.0, 900.0]))
    assert found.failed == 1
    np.testing.assert_allclose(result_of(one, 20, SCALES).ends[0], math.log(500.0))


def test_over_several_proxies_a_seed_is_their_mean_and_a_missing_one_is_left_out() -> None:
    one = trained(0, BCE.text, 100.0, 400.0, 50.0)
    np.testing.assert_allclose(result_of(one, 40, SCALES * 2).ends, [math.log(200.0)])
    dead = trained(0, BCE.text, 100.0, failed=1)  # it failed on the first proxy, and was not tried on the second
    assert result_of(dead, 40, SCALES * 2).ends == (math.log(900.0),)


def test_what_is_picked_lies_nearest_to_what_was_good() -> None:
    known = Estimates(CHOOSY, SCALES)
    for number, (formula, fd) in enumerate(((BCE, 50.0), (LSGAN, 500.0))):
        known.tell(trained(number, formula.text, fd))
    assert known.pick([curve_of(LSGAN.text, None), curve_of(BCE.text, None)]) == 1
    known.tell(trained(0, BCE.text, 50.0, 900.0, 900.0, failed=2))  # on more seeds it turned out to be bad
    known.tell(trained(2, HINGE.text, 60.0))
    assert known.pick([curve_of(BCE.text, None), curve_of(HINGE.text, None)]) == 1


def test_no_more_is_kept_than_the_last_results() -> None:
    """What was told in one go, and what was picked by in between, give one answer."""
    stream, breeder = random.Random(5), Breeder(CHOOSY)
    texts = [breeder.draw(stream, (), set(), set()).formula.text for _ in range(12)]
    members = [trained(number, texts[number % 12], 50.0 + number) for number in range(CAPACITY + 7)]
    curves = [curve_of(text, None) for text in texts]
    at_once, often, plain = Estimates(CHOOSY, SCALES), Estimates(CHOOSY, SCALES), Neighbours()
    for member in members:
        for known in (at_once, often):
            known.tell(member)
        plain.tell(result_of(member, 40, SCALES))
        if member.number % 50 == 3:
            often.pick(curves)
    assert at_once.pick(curves) == often.pick(curves) == plain.pick(curves)


def test_of_several_candidates_one_is_taken_that_is_viable_and_new() -> None:
    breeder, seen = Breeder(CHOOSY), list[int]()

    def last(curves: object) -> int:
        assert isinstance(curves, list)
        seen.append(len({curve.tobytes() for curve in curves}))
        return len(curves) - 1

    child = breeder.draw(random.Random(1), (), set(), set(), 7, last)
    assert seen == [7]
    again = breeder.draw(random.Random(1), (), {(child.formula.text, None)}, {(child.fingerprint, None)}, 7, last)
    assert again.fingerprint != child.fingerprint
    assert child.rejections.total() > breeder.draw(random.Random(1), (), set(), set()).rejections.total()
