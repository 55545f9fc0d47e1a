"""A loss in both its forms: the module, and the file that is exported."""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

from torch import Tensor

from ganetic.errors import UserError
from ganetic.loss.card import LossCard
from ganetic.loss.compile import GanLoss
from ganetic.loss.export import python_module
from ganetic.loss.formula import Formula
from tests.loss.random_trees import label_formulas, logit_formulas


class Game(NamedTuple):
    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor, Tensor | None], Tensor]

    def values(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        return self.discriminator(real, fake), self.generator(fake, real)


def loaded(formula: Formula) -> Game:
    loss = GanLoss(Formula.from_text(formula.text))
    return Game(loss.discriminator, loss.generator)


def exported(formula: Formula) -> Game:
    names: dict[str, Any] = {}
    exec(compile(file_of(formula), "best.py", "exec"), names)
    return Game(names["discriminator_loss"], names["generator_loss"])


@cache
def file_of(formula: Formula) -> str:
    return python_module(LossCard.of("x", formula))


FORMS: dict[str, Callable[[Formula], Game]] = {"module": loaded, "export": exported}


def random_formulas(seed: int) -> Iterator[Formula]:
    """Formulas of both forms, in turn, of which there can be a card."""
    pairs = zip(label_formulas(seed), logit_formulas(seed), strict=True)
    for formula in chain.from_iterable(pairs):
        try:
            file_of(formula)
        except UserError:  # its gradient is not finite
            continue
        yield formula
