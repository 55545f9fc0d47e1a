"""The rates that a loss of a card was found at, beside those that it is trained at now."""

from collections.abc import Iterable
from pathlib import Path

from ganetic.loss.card import training_of
from ganetic.training.rates import Rates
from ganetic.training.spec import ProxySpec


def rates_of(proxy: ProxySpec) -> Rates:
    """The rates of a proxy."""
    return Rates(learning_rate=proxy.learning_rate, beta1=proxy.beta1)


def found_at_other_rates(source: str | Path, trained: Iterable[Rates], where: str) -> str | None:
    """Say that a loss was found at other rates than it is trained at; None where it was not, or none are known.

    Args:
        source: as `ganetic.loss.card.resolve_loss` takes it.
        trained: the rates that it is trained at, one or several.
        where: how the sentence goes on, such as ``trained with the configuration's``.

    Raises:
        UserError: it is a card that cannot be read.
    """
    found, now = training_of(source), list(dict.fromkeys(trained))
    if found is None or all((rates.learning_rate, rates.beta1) == (found.learning_rate, found.beta1) for rates in now):
        return None
    rates = " and ".join(rates.short for rates in now)
    return f"{source} was found at learning rate {found.learning_rate:g}, β₁ {found.beta1:g}; {where} {rates}"
