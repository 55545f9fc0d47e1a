from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from ganetic.gan.ada import SIGN_TARGET, SMOOTHED_OVER, Rule, Standing, auc

RULE = Rule("auc", target=0.6, cap=0.8, images=64, adaptation_images=2_000)
SHARES = st.floats(0, 1)
LOOKS = st.lists(st.tuples(SHARES, SHARES), max_size=60)


def after(looks: Sequence[float], rule: Rule = RULE) -> list[Standing]:
    """How p stands after each look, of which the AUC is given."""
    standings = [Standing()]
    for seen in looks:
        standings.append(standings[-1].after(rule, seen, 2 * seen - 1))
    return standings


@given(
    first=st.lists(st.integers(-4, 4), min_size=1, max_size=20),
    second=st.lists(st.integers(-4, 4), min_size=1, max_size=20),
)
def test_the_area_is_scikit_learns_with_ties(first: list[int], second: list[int]) -> None:
    found = auc(torch.tensor(first, dtype=torch.float32), torch.tensor(second, dtype=torch.float32))
    labels = [1] * len(first) + [0] * len(second)
    assert found == pytest.approx(roc_auc_score(labels, first + second), abs=1e-12)


def test_the_area_does_not_depend_on_the_scale_of_the_outputs() -> None:
    stream = torch.Generator().manual_seed(0)
    first, second = torch.randn(40, generator=stream) + 0.5, torch.randn(30, generator=stream)
    assert auc(first, second) == auc(100 * first + 7, 100 * second + 7) == auc(first.exp(), second.exp())
    assert auc(first, second) == pytest.approx(1 - auc(second, first))


@given(looks=LOOKS, cap=st.floats(0.01, 1), images=st.integers(8, 512))
def test_p_stays_between_0_and_its_cap(looks: list[tuple[float, float]], cap: float, images: int) -> None:
    rule = Rule("auc", 0.55, cap, images, 2_000)
    for standing in after([seen for seen, _ in looks], rule):
        assert 0 <= standing.p <= cap
        assert 0 <= standing.auc <= 1 and -1 <= standing.r_t <= 1


@given(looks=LOOKS)
def test_who_remembers_more_is_augmented_no_less(looks: list[tuple[float, float]]) -> None:
    more, less = after([max(both) for both in looks]), after([min(both) for both in looks])
    assert all(one.p >= other.p for one, other in zip(more, less, strict=True))


def test_p_rises_and_falls_at_the_speed_that_is_asked_for() -> None:
    up = after([1.0] * 200)
    rising = [standing.p for standing in up if 0 < standing.p < RULE.cap]
    assert rising == pytest.approx([RULE.images / RULE.adaptation_images * (n + 1) for n in range(len(rising))])
    assert up[-1].p == RULE.cap
    down = up[-1]
    for _ in range(200):
        down = down.after(RULE, 0.5, 0.0)
    assert down.p == 0


def test_an_average_reaches_over_four_thousand_images() -> None:
    """After so many images of another value it has come 1 − 1/e of the way."""
    seen = after([1.0] * (SMOOTHED_OVER // RULE.images))[-1]
    assert seen.auc == pytest.approx(1 - 0.5 / 2.718, abs=0.005)
    assert seen.r_t == pytest.approx(1 - 1 / 2.718, abs=0.01)


def test_one_look_alone_moves_no_average_above_the_target() -> None:
    assert after([1.0])[-1].p == 0


def test_without_held_out_images_the_sign_steers() -> None:
    standing = Standing()
    rule = Rule("r_t", SIGN_TARGET, 0.8, 64, 2_000)
    for _ in range(200):
        standing = standing.after(rule, None, 1.0)
    assert (standing.p, standing.auc) == (0.8, 0.5)


def test_p_is_stuck_when_it_has_not_left_its_cap_for_a_tenth_of_the_adaptation() -> None:
    standings = after([1.0] * 100)
    came = next(place for place, standing in enumerate(standings) if standing.p == RULE.cap)
    stuck = next(place for place, standing in enumerate(standings) if standing.is_stuck(RULE))
    assert (stuck - came + 1) * RULE.images == pytest.approx(RULE.adaptation_images / 10, abs=RULE.images)
    left = standings[-1]
    while left.p == RULE.cap:
        left = left.after(RULE, 0.0, 0.0)
    assert not left.is_stuck(RULE)


def test_what_is_stored_comes_back_to_the_bit() -> None:
    standing = Standing(p=1 / 3, auc=0.1 + 0.2, r_t=-1 / 7, images_at_cap=64, is_told=1.0)
    assert Standing.restored(standing.stored()) == standing
    with pytest.raises(RuntimeError, match="expected 5"):
        Standing.restored(torch.zeros(4, dtype=torch.float64))
