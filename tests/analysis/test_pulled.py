import math
from collections.abc import Sequence
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.pulled import USUAL_NOISE, USUAL_WEIGHT, Pulled, shrunk
from ganetic.evolution.neighbours import NEIGHBOURS, ToldTrial
from tests.evolution.test_neighbours import at, reference, reference_cap, tellings


def after(results: Sequence[ToldTrial]) -> Pulled:
    known = Pulled()
    for one in results:
        known.tell(one)
    return known


@given(tellings(least=NEIGHBOURS + 1))
@settings(max_examples=50)
def test_noise_error_and_estimates_are_those_of_plain_python(results: list[ToldTrial]) -> None:
    known, cap = after(results), reference_cap(results)
    capped = {one.number: [min(end, cap) for end in one.ends] for one in results}
    squares = math.fsum((end - fmean(own)) ** 2 for own in capped.values() for end in own)
    freedom = sum(len(own) - 1 for own in capped.values())
    noise = (squares + USUAL_WEIGHT * USUAL_NOISE**2) / (freedom + USUAL_WEIGHT)
    predicted = {one.number: reference(results, one.curve, cap, one.number).mean for one in results}
    excess = [
        (fmean(capped[one.number]) - predicted[one.number]) ** 2 - noise / len(capped[one.number]) for one in results
    ]
    error = max(noise, fmean(excess))
    assert known.noise == pytest.approx(noise)
    assert known.error == pytest.approx(error)
    for one, found in zip(results, known.shrunk(results), strict=True):
        value = fmean(one.ends)
        own, others = len(one.ends) / noise, 1 / error
        pulled = (own * value + others * predicted[one.number]) / (own + others)
        assert found == pytest.approx(value if value > cap else pulled)


def test_an_estimate_does_not_look_at_itself_twice() -> None:
    others = [ToldTrial(number, at(number / 8), (4 + number / 100,)) for number in range(12)]
    own = ToldTrial(3, others[3].curve, (3.9,))
    known = after([*others[:3], own, *others[4:]])
    expected = shrunk(3.9, 1, known.predict([own.curve], [3])[0].mean, known.noise, known.error)
    assert known.shrunk([own]) == [expected]
    assert expected > known.predict([own.curve])[0].mean


@given(st.floats(3, 7), st.integers(1, 20), st.floats(3, 7), st.floats(1e-4, 1), st.floats(1, 100))
def test_estimates_lie_between_and_follow_the_evidence(
    value: float, seeds: int, prediction: float, noise: float, ratio: float
) -> None:
    found = shrunk(value, seeds, prediction, noise, ratio * noise)
    assert min(value, prediction) - 1e-9 <= found <= max(value, prediction) + 1e-9
    assert abs(found - value) <= abs(found - prediction) + 1e-9  # never nearer to the prediction, as error ≥ noise
    more = shrunk(value, seeds + 1, prediction, noise, ratio * noise)
    assert abs(more - value) <= abs(found - value) + 1e-9


def test_what_is_known_of_few_and_what_is_hopeless_stays_as_it_is() -> None:
    assert Pulled().shrunk([ToldTrial(0, at(0.0), (4.0, 5.0))]) == [4.5]
    hopeless = ToldTrial(5, at(9.0), (9.0,), failed=1)
    known = after([*(ToldTrial(number, at(number), (4 + number / 10,)) for number in range(5)), hopeless])
    assert known.shrunk([hopeless]) == [9.0]
