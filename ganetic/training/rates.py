"""Adam's rates as something that is chosen: a loss is as good as it is at its own best rate."""

import math
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise, product
from statistics import fmean
from typing import Annotated, Self

from pydantic import AfterValidator, Field

from ganetic.config import Config
from ganetic.loss.expression import round4

LearningRate = Annotated[float, Field(gt=0, le=1)]
Beta1 = Annotated[float, Field(ge=0, lt=1)]

MOST_EXTENSIONS = 3
"""Times that a list is extended: by then its ends are eight times further out where it goes up by twos."""


def _rising(values: tuple[float, ...]) -> tuple[float, ...]:
    if any(after <= before for before, after in pairwise(values)):
        raise ValueError(f"{', '.join(f'{value:g}' for value in values)} must rise from one to the next")
    return values


class Rates(Config):
    """The rates of both players' Adam that a loss is trained with."""

    learning_rate: LearningRate
    """Adam's learning rate."""
    beta1: Beta1
    """Adam's decay rate of the mean of gradients."""

    @property
    def short(self) -> str:
        """The rates as tables show them: ``0.001, β₁ 0.5``."""
        return f"{self.learning_rate:g}, β₁ {self.beta1:g}"


class RateList(Config):
    """The rates that a loss may be trained with: each learning rate with each β₁."""

    learning_rates: Annotated[tuple[LearningRate, ...], Field(min_length=1), AfterValidator(_rising)]
    """Adam's learning rates, rising. Three or more, so that the best of them can lie within."""
    beta1s: Annotated[tuple[Beta1, ...], Field(min_length=1), AfterValidator(_rising)] = (0.5,)
    """Adam's decay rates of the mean of gradients, rising."""

    @property
    def pairs(self) -> tuple[Rates, ...]:
        """All pairs, by learning rate, then by β₁."""
        return tuple(
            Rates(learning_rate=rate, beta1=beta1) for rate, beta1 in product(self.learning_rates, self.beta1s)
        )

    def extended(self, best: Collection[Rates]) -> Self | None:
        """The list with one learning rate more beyond each end at which a best one lies; None where none does.

        A new rate continues the ratio of the last two. Neither a list of one rate nor 1 is passed.

        Args:
            best: the best rates of each of some losses.
        """
        rates = self.learning_rates
        if len(rates) < 2:
            return None
        chosen = {one.learning_rate for one in best}
        below = (round4(rates[0] ** 2 / rates[1]),) if rates[0] in chosen else ()
        above = (round4(rates[-1] ** 2 / rates[-2]),) if rates[-1] in chosen and rates[-1] ** 2 <= rates[-2] else ()
        if not below and not above:
            return None
        return self.model_copy(update={"learning_rates": (*below, *rates, *above)})


def chosen_rates(
    given: RateList, fds: Mapping[str, Mapping[Rates, Sequence[float]]]
) -> tuple[RateList, dict[str, Rates] | None]:
    """Each loss's best rates, as far as its trainings tell.

    Where a best rate lies at an end of the list, the list is extended there, for all losses alike, at most
    `MOST_EXTENSIONS` times. A loss that fails at every rate has no best one, gets the first, and extends nothing.

    Args:
        given: the list to begin with.
        fds: for each loss the Fréchet distances at each of the rates at which all of its trainings have ended, as many
            of each; a failed training counts as the untrained generator.

    Returns:
        The list, and the rates with the smallest geometric mean by name of the loss; None in their place where
        trainings at rates of the list are missing.
    """
    for extensions in range(MOST_EXTENSIONS + 1):
        if any(rates not in own for own in fds.values() for rates in given.pairs):
            return given, None
        best = {name: _best_of({rates: own[rates] for rates in given.pairs}) for name, own in fds.items()}
        differing = [name for name, own in fds.items() if len({tuple(own[rates]) for rates in given.pairs}) > 1]
        longer = given.extended([best[name] for name in differing]) if extensions < MOST_EXTENSIONS else None
        if longer is None:
            return given, best
        given = longer
    raise AssertionError("the last list is not extended")


def _best_of(fds: Mapping[Rates, Sequence[float]]) -> Rates:
    """The rates with the smallest geometric mean; of equal ones the first."""
    return min(fds, key=lambda rates: fmean(map(math.log, fds[rates])))
