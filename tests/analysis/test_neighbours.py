import math
from dataclasses import replace

import numpy as np
import pytest

from analysis.neighbours import (
    BOTH,
    FAR,
    PLAIN,
    SEEDS,
    SHORT,
    Arrival,
    Field,
    Search,
    estimated,
    played,
    regression,
)
from ganetic.studies.bank import bank

DRAWN = Arrival("drawn", trainings=30)


@pytest.fixture(scope="module")
def field() -> Field:
    return Field.of(bank())


@pytest.mark.parametrize("arrival", [DRAWN, replace(DRAWN, parents=True), replace(DRAWN, apart=FAR)])
@pytest.mark.parametrize("rule", [PLAIN, BOTH])
def test_a_search_trains_each_loss_once_and_climbs_a_third(field: Field, arrival: Arrival, rule: object) -> None:
    found = Search(field, arrival, BOTH if rule is BOTH else PLAIN, 3)
    won, finalists, tried, viable, best, losses = found.run()
    assert len(set(found.tried)) == len(found.tried) == losses
    assert losses + (SEEDS - 1) * (losses // 3) >= 30 - WAITING
    assert best <= won < math.log(field.model.bank.start_fd)
    assert best <= finalists
    assert 0 <= viable <= 1
    assert tried >= best
    if arrival.apart:
        own = field.distances[np.ix_(found.tried, found.tried)]
        assert own[np.triu_indices(len(own), 1)].min() > FAR


WAITING = 8
"""Results that a search has not heard when it decides who climbs."""


def test_a_search_is_the_same_each_time_and_a_rule_without_choice_needs_no_curves(field: Field) -> None:
    first, again = (played(field, DRAWN, SHORT[:3], 5) for _ in range(2))
    assert first == again
    curveless = replace(field, curves=[np.zeros_like(own) for own in field.curves])
    assert played(curveless, DRAWN, (PLAIN,), 5) == first[:1]


def test_choice_finds_losses_that_train(field: Field) -> None:
    plain, chosen = np.array([played(field, DRAWN, (PLAIN, BOTH), world) for world in range(20)]).mean(axis=0)
    assert chosen[3] > plain[3] + 0.05


def test_regression_weighs_the_five_nearest() -> None:
    distances = np.array([[0.5, 1, 2, 2, 4, 9]])
    values = np.array([1.0, 2, 3, 4, 5, 600])
    weights = np.array([2, 1, 0.5, 0.5, 0.25])
    assert regression(distances, values).tolist() == pytest.approx([(weights @ values[:5]) / weights.sum()])


def test_pulled_estimates_err_less(field: Field) -> None:
    rows = [estimated(field, 60, False, repeat) for repeat in range(20)]
    plain, pulled = (np.mean([row[name][1] for row in rows]) for name in ("plain", "pulled"))
    assert pulled < plain
