"""Where a loss of a search came from: the line of those that it was made of, back to one that had no parents."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

MOST = 40
"""Ancestors that are named."""

LIBRARY = "library "
"""What the origin of a published loss begins with that a search was seeded with."""


@dataclass(frozen=True)
class Ancestor:
    """A loss in a line of ancestors.

    Attributes:
        individual: its number.
        made_by: how it was made, in words.
        place: its fd and instability at the highest rung that it reached; None where it reached none.
    """

    individual: int
    made_by: str
    place: tuple[float, float] | None


def line_of(number: int, known: pd.DataFrame) -> list[Ancestor]:
    """Follow a loss back, to the first parent of each: the one whose trees it has, but for what was changed.

    Args:
        number: of the individual, which is the first of the line.
        known: the individuals, by number; columns ``origin``, ``fd``, ``instability``.
    """
    line: list[Ancestor] = []
    following: int | None = number
    while following is not None and following in known.index and len(line) < MOST:
        (row,) = known.loc[[following]].to_dict("records")
        operator, parents = read_origin(str(row["origin"]))
        place = (float(row["fd"]), float(row["instability"])) if math.isfinite(row["fd"]) else None
        line.append(Ancestor(following, said_of(operator, parents), place))
        # Parents are older: what a damaged journal says goes round in no circle.
        following = parents[0] if parents and parents[0] < following else None
    return line


def read_origin(origin: str) -> tuple[str, list[int]]:
    """Take an origin apart: ``crossover 3 8`` is an operator and its parents; other ones have no parents."""
    operator, *rest = origin.split() or [""]
    if rest and all(word.isdecimal() for word in rest):
        return operator, [int(word) for word in rest]
    return origin, []


def said_of(operator: str, parents: Sequence[int]) -> str:
    """Say how a loss was made."""
    if len(parents) > 1:
        return f"{operator} of #{parents[0]} with #{parents[1]}"
    if parents:
        return f"mutation “{operator}” of #{parents[0]}"
    if operator.startswith(LIBRARY):
        return f"the published loss {operator.removeprefix(LIBRARY)}"
    return {"random": "drawn at random", "": "of unknown origin"}.get(operator, operator)
