import math
import random
from collections.abc import Iterator, Sequence
from itertools import islice
from statistics import fmean, median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganetic.evolution.neighbours import (
    CLOSE,
    COORDINATES,
    FACTOR_OF_TWO,
    FORCES,
    LEAST_TRAINED,
    NEIGHBOURS,
    RESOLUTION,
    UNIT_OF_BETA1,
    Neighbours,
    Prediction,
    ToldTrial,
    curve,
)
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.loss.numeric import grid, responses
from ganetic.loss.ops import Array
from ganetic.loss.screen import judge
from ganetic.training.rates import Rates
from tests.loss.random_trees import label_formulas, logit_formulas

BCE = ("softplus(neg(d))", "softplus(d)", "softplus(neg(d))")
HINGE = ("relu(sub(1, d))", "relu(add(1, d))", "relu(sub(1, d))")


def slots(real: str, fake: str, generator: str) -> str:
    return f"d_real={real}; d_fake={fake}; g_fake={generator}"


def curve_of(text: str, rates: Rates | None = None) -> Array:
    points, found = responses(Formula.from_text(text))
    return curve(points, found, judge(points, found).orientation, rates)


def apart(first: Array, second: Array) -> float:
    return float(np.sqrt(np.square(first - second).sum() / FORCES))


def at(*places: float) -> Array:
    """A curve of these first coordinates; a unit is that of distances."""
    made = np.zeros(COORDINATES)
    made[: len(places)] = places
    return np.asarray(np.rint(made * math.sqrt(FORCES) * RESOLUTION) / RESOLUTION)


def knowing(*values: float, capacity: int = 500) -> Neighbours:
    """Losses with a training each, in a row, a unit apart."""
    known = Neighbours(capacity)
    for number, value in enumerate(values):
        known.tell(ToldTrial(number, at(number), (value,)))
    return known


def test_the_curve_of_bce_is_what_a_pencil_finds() -> None:
    line = sorted({0.0, *(float(d) for d in grid(False).d if d != 0 and abs(d) <= 8)})
    rows = [
        [-1 / (1 + math.exp(d)) for d in line],
        [1 / (1 + math.exp(-d)) for d in line],
        [-1 / (1 + math.exp(d)) for d in line],
    ]
    near = [place for place, d in enumerate(line) if abs(d) <= 2]
    scales = [
        math.sqrt(fmean([row[place] ** 2 for row in player for place in near])) for player in (rows[:2], rows[2:])
    ]
    expected = [math.asinh(value / scales[row // 2]) for row in range(3) for value in rows[row]]
    assert curve_of(slots(*BCE)).tolist() == pytest.approx([*expected, 0, 0], abs=0.51 / RESOLUTION)


@pytest.mark.parametrize(
    "text",
    [
        slots(f"mul(7, {BCE[0]})", f"mul(7, {BCE[1]})", f"mul(0.01, {BCE[2]})"),
        slots("softplus(d)", "softplus(neg(d))", "softplus(d)"),
        slots(f"add({BCE[0]}, mul(0, m))", BCE[1], BCE[2]),
    ],
)
def test_losses_that_train_alike_lie_together(text: str) -> None:
    assert apart(curve_of(text), curve_of(slots(*BCE))) < 1e-3


def test_both_forms_meet() -> None:
    disguised = curve_of("neg(log(sub(sub(1, y), p)))")
    assert disguised.shape == curve_of(slots(*BCE)).shape == (COORDINATES,)
    assert apart(disguised, curve_of(slots(*BCE))) < 0.01


def test_a_relativistic_loss_is_what_it_is_while_the_other_batch_lies_at_0() -> None:
    assert np.array_equal(curve_of(LIBRARY["relativistic-hinge"].formula.text), curve_of(slots(*HINGE)))


@pytest.mark.parametrize("formulas", [label_formulas(1), logit_formulas(2)], ids=["label", "logit"])
def test_curves_of_what_passes_the_screen_are_finite_and_on_the_grid(formulas: Iterator[Formula]) -> None:
    passed = 0
    for formula in islice(formulas, 3000):
        points, found = responses(formula)
        verdict = judge(points, found)
        if verdict.passed:
            passed += 1
            own = curve(points, found, verdict.orientation)
            assert own.shape == (COORDINATES,)
            assert np.isfinite(own).all()
            assert np.array_equal(own * RESOLUTION, np.rint(own * RESOLUTION))
            assert np.abs(own).max() < 128  # so that squared distances stay below 2^53 steps
    assert passed > 10


def test_curves_of_the_whole_library_are_finite() -> None:
    assert all(np.isfinite(curve_of(loss.formula.text)).all() for loss in LIBRARY.values())


def test_rates_add_to_the_distance() -> None:
    rates = [Rates(learning_rate=rate, beta1=beta1) for rate, beta1 in ((1e-3, 0.5), (2e-3, 0.5), (1e-3, 0.0))]
    first, faster, other = (curve_of(slots(*BCE), one) for one in rates)
    assert apart(first, faster) == pytest.approx(FACTOR_OF_TWO, abs=1e-3)
    assert apart(first, other) == pytest.approx(UNIT_OF_BETA1 / 2, abs=1e-3)
    hinge = curve_of(slots(*HINGE), rates[1])
    plain = apart(curve_of(slots(*BCE)), curve_of(slots(*HINGE)))
    assert apart(first, hinge) == pytest.approx(math.hypot(plain, FACTOR_OF_TWO), abs=1e-3)


def reference(known: Sequence[ToldTrial], own: Array, cap: float, without: int = -1) -> Prediction:
    """The regression in plain Python."""
    rows = []
    for one in known:
        if one.number != without:
            squares = [(a - b) ** 2 for a, b in zip(one.curve.tolist(), own.tolist(), strict=True)]
            value = fmean([min(end, cap) for end in one.ends])
            rows.append((math.sqrt(math.fsum(squares) / FORCES), one.number, value))
    nearest = sorted(rows)[:NEIGHBOURS]
    weights = [1 / max(distance, CLOSE) for distance, _, _ in nearest]
    mean = math.fsum(w * v for w, (_, _, v) in zip(weights, nearest, strict=True)) / math.fsum(weights)
    squares = [w * (v - mean) ** 2 for w, (_, _, v) in zip(weights, nearest, strict=True)]
    return Prediction(mean, math.sqrt(math.fsum(squares) / math.fsum(weights)))


def reference_cap(known: Sequence[ToldTrial]) -> float:
    trained = [fmean(one.ends) for one in known if not one.failed]
    return 2 * median(trained) - min(trained) if len(trained) >= LEAST_TRAINED else math.inf


places = st.tuples(*[st.integers(-3, 3).map(lambda step: step / 4)] * 2)
ends = st.lists(st.sampled_from([4.0, 4.1, 4.25, 4.5, 5.0, 6.3]), min_size=1, max_size=3).map(tuple)


@st.composite
def tellings(draw: st.DrawFn, least: int = 1) -> list[ToldTrial]:
    """Results in places of which many are equal, in any order of their numbers."""
    rows = draw(st.lists(st.tuples(places, ends), min_size=least, max_size=25))
    numbers = draw(st.permutations(range(len(rows))))
    return [
        ToldTrial(number, at(*place), own, failed=own.count(6.3))
        for number, (place, own) in zip(numbers, rows, strict=True)
    ]


def after(results: Sequence[ToldTrial], capacity: int = 500) -> Neighbours:
    known = Neighbours(capacity)
    for one in results:
        known.tell(one)
    return known


@given(tellings(), st.lists(places, min_size=1, max_size=5))
def test_predictions_are_those_of_plain_python(results: list[ToldTrial], asked: list[tuple[float, ...]]) -> None:
    known, cap = after(results), reference_cap(results)
    assert known.cap == pytest.approx(cap)
    curves = [at(*place) for place in asked]
    for own, found in zip(curves, known.predict(curves), strict=True):
        expected = reference(results, own, cap)
        assert found.mean == pytest.approx(expected.mean, abs=1e-12)
        assert found.spread == pytest.approx(expected.spread, abs=1e-7)


@given(tellings(), st.lists(places, min_size=1, max_size=6), st.randoms())
def test_the_order_of_telling_and_asking_changes_no_bit(
    results: list[ToldTrial], asked: list[tuple[float, ...]], stream: random.Random
) -> None:
    curves = [at(*place) for place in asked]
    found = after(results).predict(curves)
    shuffled = stream.sample(results, len(results))
    assert after(shuffled).predict(curves) == found
    assert [after(results).predict([own])[0] for own in curves] == found
    order = stream.sample(range(len(curves)), len(curves))
    assert after(results).predict([curves[place] for place in order]) == [found[place] for place in order]


def test_equal_distances_go_by_number() -> None:
    known = Neighbours()
    for number in (7, 3, 9, 1, 8, 5, 2):
        known.tell(ToldTrial(number, at(1.0), (float(number),), failed=1))
    assert known.predict([at(0.0)])[0].mean == pytest.approx(fmean([1, 2, 3, 5, 7]))


def test_the_first_of_the_best_is_picked() -> None:
    known = knowing(4.5, 4.0, 4.6, 4.7, 4.8, 4.9)
    assert known.pick([at(3.0), at(1.0), at(1.0), at(0.0)]) == 1
    assert known.pick([at(1.0), at(3.0), at(1.0)]) == 0


def test_who_knows_nothing_takes_the_first_and_predicts_nothing() -> None:
    known = Neighbours()
    assert len(known) == 0
    assert known.pick([at(3.0), at(1.0)]) == 0
    with pytest.raises(ValueError, match="nothing was told"):
        known.predict([at(0.0)])


def test_one_alone_predicts_others_but_not_itself() -> None:
    known = knowing(4.5)
    assert known.predict([at(9.0)]) == [Prediction(4.5, 0.0)]
    with pytest.raises(ValueError, match="nothing was told"):
        known.predict([at(0.0)], [0])


def test_the_latest_are_kept_and_a_new_result_of_a_number_counts_as_told_now() -> None:
    known = knowing(1.0, 2.0, 3.0, capacity=3)
    known.tell(ToldTrial(0, at(0.0), (1.5, 1.7)))
    known.tell(ToldTrial(9, at(9.0), (9.0,)))
    assert len(known) == 3
    kept = [one.mean for one in known.predict([at(0.0), at(1.0)])]
    expected = [
        ToldTrial(0, at(0.0), (1.5, 1.7)),
        ToldTrial(2, at(2.0), (3.0,)),
        ToldTrial(9, at(9.0), (9.0,)),
    ]
    assert kept == pytest.approx([reference(expected, at(place), math.inf).mean for place in (0.0, 1.0)])


def test_bad_and_hopeless_are_one() -> None:
    good = [ToldTrial(number, at(number), (4 + number / 10,)) for number in range(5)]
    bad = after([*good, ToldTrial(5, at(9.0), (4.5,))])
    hopeless = after([*good, ToldTrial(5, at(9.0), (9.0,), failed=1)])
    assert hopeless.cap == pytest.approx(4.4)
    assert hopeless.predict([at(9.0)])[0].mean < bad.predict([at(9.0)])[0].mean < 4.5


@pytest.mark.parametrize(
    ("result", "fault"),
    [
        (ToldTrial(0, np.zeros(3), (4.0,)), "curve of individual 0"),
        (ToldTrial(0, np.full(COORDINATES, np.nan), (4.0,)), "curve of individual 0"),
        (ToldTrial(0, np.zeros(COORDINATES), ()), "individual 0 has the ln fd"),
        (ToldTrial(0, np.zeros(COORDINATES), (4.0, math.nan)), "individual 0 has the ln fd"),
    ],
)
def test_what_is_not_finite_is_refused_at_the_door(result: ToldTrial, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Neighbours().tell(result)


def test_a_capacity_is_at_least_one() -> None:
    with pytest.raises(ValueError, match="capacity is 0"):
        Neighbours(0)
