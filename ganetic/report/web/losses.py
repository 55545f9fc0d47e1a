"""The losses of a search that a page shows one by one: those that can be selected in its drawing of the front."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ganetic.evolution.results import Run
from ganetic.loss.formula import Formula
from ganetic.plots.pareto import label_of
from ganetic.report.web.ancestry import LIBRARY, Ancestor, line_of

MOST = 60
"""Losses that are shown one by one; more would make the page slow."""

Place = tuple[float, float]
"""fd and instability."""


@dataclass(frozen=True)
class ShownLoss:
    """A loss that can be selected.

    Attributes:
        anchor: its place in the page.
        contestant: what it is called in the finals, as in ``individual 12``.
        label: what tells it apart: its number, behind its name if it is published.
        name: what people call it, a published name or a number; a search may find a published loss several times.
        formula: the loss.
        place: in the search, at the highest rung that it reached; None for one that was in the finals alone.
        on_front: whether it is on the front of the search.
        published: whether it is a published loss, seeded, found again or a reference of the finals.
        search: its row among the individuals, if it was one.
        final: its row in the finals, if it was there.
        line: where it came from, itself first; empty for one that was in the finals alone.
    """

    anchor: str
    contestant: str
    label: str
    name: str
    formula: Formula
    place: Place | None
    on_front: bool
    published: bool
    search: Mapping[str, Any] | None
    final: Mapping[str, Any] | None
    line: tuple[Ancestor, ...]


def shown_losses(run: Run, scores: pd.DataFrame, finals: pd.DataFrame, anchor: str) -> list[ShownLoss]:
    """Choose the losses that are shown one by one: finalists first, then the front and seeded published ones.

    Args:
        run: the run.
        scores: its individuals, as `Run.scores` gives them.
        finals: its finals.
        anchor: of the chapter.
    """
    known = scores.set_index("individual", drop=False)
    in_finals = {int(row["individual"]): row for row in _rows(finals) if not row["reference"]}
    numbers = list(dict.fromkeys((*in_finals, *_front(scores), *_seeded(scores))))[:MOST]
    described = {int(row["individual"]): row for row in _rows(run.individuals(numbers))}
    found = [_of_search(anchor, described[number], in_finals.get(number), line_of(number, known)) for number in numbers]
    references = [row for row in _rows(finals) if row["reference"]]
    return [*found, *(_reference(anchor, place, row) for place, row in enumerate(references))]


def _front(scores: pd.DataFrame) -> list[int]:
    return [int(number) for number in scores[scores["on_front"].astype(bool)].sort_values("fd")["individual"]]


def _seeded(scores: pd.DataFrame) -> list[int]:
    """Published losses that the search began with and that trained."""
    viable = scores[scores["viable"].astype(bool) & scores["origin"].str.startswith(LIBRARY)]
    return [int(number) for number in viable.sort_values("fd")["individual"]]


def _of_search(
    anchor: str, row: Mapping[str, Any], final: Mapping[str, Any] | None, line: Sequence[Ancestor]
) -> ShownLoss:
    number = int(row["individual"])
    trained = math.isfinite(row["fd"])
    return ShownLoss(
        anchor=f"{anchor}-loss-{number}",
        contestant=f"individual {number}",
        label=f"{row['name']} #{number}" if row["name"] else f"#{number}",
        name=label_of(number, str(row["name"])),
        formula=Formula.from_text(row["formula"]),
        place=(float(row["fd"]), float(row["instability"])) if trained else None,
        on_front=bool(row["on_front"]),
        published=bool(row["name"]),
        search=row,
        final=final,
        line=tuple(line),
    )


def _reference(anchor: str, place: int, row: Mapping[str, Any]) -> ShownLoss:
    return ShownLoss(
        anchor=f"{anchor}-reference-{place}",
        contestant=str(row["contestant"]),
        label=str(row["name"]),
        name=str(row["name"]),
        formula=Formula.from_text(row["formula"]),
        place=None,
        on_front=False,
        published=True,
        search=None,
        final=row,
        line=(),
    )


def _rows(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    return ({str(key): value for key, value in row.items()} for row in frame.to_dict("records"))
