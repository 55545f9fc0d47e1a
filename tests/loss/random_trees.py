"""Random formulas: text grown over every operator of the table."""

import random
from collections.abc import Iterator, Sequence

from ganetic.errors import UserError
from ganetic.loss.formula import Formula
from ganetic.loss.ops import OPERATORS

NAMES = tuple(OPERATORS)


def grow(stream: random.Random, depth: int, variables: Sequence[str]) -> str:
    if depth == 0 or stream.random() < 0.1:
        return stream.choice(variables) if stream.random() < 0.8 else f"{stream.uniform(-4, 4):.4g}"
    name = stream.choice(NAMES)
    return f"{name}({', '.join(grow(stream, depth - 1, variables) for _ in range(OPERATORS[name].arity))})"


def label_formulas(seed: int, depths: Sequence[int] = (1, 2, 3, 4, 5, 6)) -> Iterator[Formula]:
    stream = random.Random(seed)
    while True:
        try:
            yield Formula.of("label", {"loss": grow(stream, stream.choice(depths), ("y", "p"))})
        except UserError:  # a constant part that is not finite
            continue


def logit_formulas(seed: int, depths: Sequence[int] = (1, 2, 3, 4, 5), relativistic: bool = True) -> Iterator[Formula]:
    stream = random.Random(seed)
    slots = ("d_real", "d_fake", "g_fake", "g_real") if relativistic else ("d_real", "d_fake", "g_fake")
    variables = ("d", "d", "m") if relativistic else ("d",)
    while True:
        try:
            yield Formula.of("logit", {slot: grow(stream, stream.choice(depths), variables) for slot in slots})
        except UserError:
            continue
