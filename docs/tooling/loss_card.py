"""The page of the loss card, from its models."""

from pydantic import BaseModel

from docs.tooling.configuration import models_in, words_of
from docs.tooling.markdown import code, fence, page, table
from ganetic.loss.card import SCHEMA, LossCard, card_text
from ganetic.loss.library import LIBRARY

INTRODUCTION = f"""
A loss card is a JSON file that holds a loss, what was measured of it, and where it came from. Its schema is named
`{SCHEMA}`; [card.schema.json](../../ganetic/loss/card.schema.json) is the JSON Schema. A card of this schema stays
readable in later releases. Fields may be added to it; none is renamed.

The field `expressions` is what counts. Slots, printed forms, orientation and gradient scale are derived from it again
when a card is loaded. A card that says something else is refused. Nothing in a card is run as code.

[Losses as expressions](../search.md#losses-as-expressions) lists the operators and variables.
"""


def loss_card() -> str:
    """The fields of a card, and a card."""
    example = card_text(LossCard.of("hinge", LIBRARY["hinge"].formula))
    return page("Loss cards", INTRODUCTION, *_tables(LossCard, "Fields"), f"## An example\n\n{fence(example, 'json')}")


def _tables(model: type[BaseModel], title: str) -> list[str]:
    """A section for the fields of a model, then one for every model inside it; results of references are results."""
    rows = [
        [code(field.alias or name), words_of(field), "yes" if field.is_required() else "no", field.description or ""]
        for name, field in model.model_fields.items()
    ]
    sections = [f"## {title}\n\n{table(['field', 'holds', 'required', 'meaning'], rows)}"]
    for name, field in model.model_fields.items():
        for inner in models_in(field.annotation) if title == "Fields" else ():
            sections += _tables(inner, f"Fields of {name}")
    return sections
