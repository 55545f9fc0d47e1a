import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganetic.config import validate
from ganetic.errors import UserError
from ganetic.training.rates import MOST_EXTENSIONS, RateList, Rates, chosen_rates

LIST = RateList(learning_rates=(1e-3, 2e-3, 4e-3), beta1s=(0.0, 0.5))


def fds(rates: RateList, best: float, beta1: float = 0.5) -> dict[Rates, list[float]]:
    """Distances with their least at a learning rate, as two trainings measured them."""
    return {
        pair: [
            100 * max(pair.learning_rate / best, best / pair.learning_rate) * factor * (1 + abs(pair.beta1 - beta1))
            for factor in (0.9, 1.1)
        ]
        for pair in rates.pairs
    }


def test_each_loss_gets_its_own_best_rates() -> None:
    found = chosen_rates(LIST, {"a": fds(LIST, 2e-3), "b": fds(LIST, 2e-3, beta1=0.0)})
    assert found == (
        LIST,
        {"a": Rates(learning_rate=2e-3, beta1=0.5), "b": Rates(learning_rate=2e-3, beta1=0.0)},
    )


def test_a_best_rate_at_the_edge_extends_the_list_for_all() -> None:
    longer, none = chosen_rates(LIST, {"a": fds(LIST, 2e-3), "b": fds(LIST, 1e-3)})
    assert longer.learning_rates == (5e-4, 1e-3, 2e-3, 4e-3)
    assert none is None
    # The other loss needs trainings at the new rate as well, though its best lay within.
    assert chosen_rates(LIST, {"a": fds(LIST, 2e-3), "b": fds(longer, 1e-3)}) == (longer, None)
    end, best = chosen_rates(LIST, {"a": fds(longer, 2e-3), "b": fds(longer, 1e-3)})
    assert end == longer
    assert best is not None
    assert best["b"].learning_rate == 1e-3


def test_a_list_is_extended_a_few_times_and_not_beyond() -> None:
    """A loss that is always best at the edge would have it go on for ever."""
    rates = LIST
    for _ in range(MOST_EXTENSIONS):
        rates, best = chosen_rates(LIST, {"a": fds(rates, 1e-9)})
        assert best is None
    assert rates.learning_rates[0] == 1e-3 / 2**MOST_EXTENSIONS
    assert chosen_rates(LIST, {"a": fds(rates, 1e-9)})[1] == {"a": Rates(learning_rate=1.25e-4, beta1=0.5)}


def test_rates_above_one_and_lists_of_one_are_not_extended() -> None:
    high = RateList(learning_rates=(0.2, 0.6))
    assert chosen_rates(high, {"a": fds(high, 0.6)})[1] == {"a": Rates(learning_rate=0.6, beta1=0.5)}
    one = RateList(learning_rates=(1e-3,))
    assert chosen_rates(one, {"a": fds(one, 1e-9)}) == (one, {"a": Rates(learning_rate=1e-3, beta1=0.5)})


def test_a_loss_that_fails_at_every_rate_extends_no_list() -> None:
    """It is as bad at the first rate as at the last: there is nothing to look for beyond."""
    dead = {pair: [900.0, 900.0] for pair in LIST.pairs}
    found, best = chosen_rates(LIST, {"dead": dead, "alive": fds(LIST, 2e-3)})
    assert found == LIST
    assert best == {"dead": LIST.pairs[0], "alive": Rates(learning_rate=2e-3, beta1=0.5)}


@given(st.lists(st.sampled_from([1e-4, 5e-4, 1e-3, 2e-3, 4e-3, 1e-2]), min_size=1, max_size=4))
def test_the_chosen_rates_are_the_best_of_those_that_were_trained(bests: list[float]) -> None:
    rates, best = LIST, None
    while best is None:
        known = {str(number): fds(rates, own) for number, own in enumerate(bests)}
        rates, best = chosen_rates(LIST, known)
    for number, own in enumerate(bests):
        measured = fds(rates, own)
        assert sum(measured[best[str(number)]]) == min(sum(values) for values in measured.values())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"learning_rates": [2e-3, 1e-3]}, "must rise"),
        ({"learning_rates": [1e-3, 1e-3]}, "must rise"),
        ({"learning_rates": []}, "at least 1"),
        ({"learning_rates": [0.0]}, "greater than 0"),
        ({"learning_rates": [1e-3], "beta1s": [1.0]}, "less than 1"),
        ({"learning_rates": [1e-3], "beta1": [0.5]}, "beta1s"),
    ],
)
def test_a_list_that_is_none_is_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        validate(given, RateList, "rates")
