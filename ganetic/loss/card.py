"""The loss card: a loss in a JSON file, with what was measured and where it came from.

On a card `expressions` is authoritative: slots, printed forms, orientation and gradient scale are derived from it again
on load, and a card that says something else is refused. Nothing in a card is run as code.
"""

import json
import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

from pydantic import AfterValidator, ConfigDict, Field, FiniteFloat, NonNegativeInt, StringConstraints, model_validator

from ganetic.config import Config, validate
from ganetic.errors import UserError, unknown
from ganetic.files import write_whole
from ganetic.loss.expression import MAX_LENGTH, round4, to_first_latex, to_text
from ganetic.loss.formula import VARIABLES, Formula
from ganetic.loss.library import LIBRARY
from ganetic.loss.screen import Orientation, gradient_scale, screen

if TYPE_CHECKING:  # not for a cycle: a card is read and written without torch
    from ganetic.loss.compile import GanLoss

SCHEMA = "ganetic.loss/1"
MAX_BYTES = 1 << 20
"""Size of a card file."""
MAX_NESTING = 16
"""Levels of brackets in a card file."""
MAX_KEY = 64
"""Characters of a key in a card file."""

MAX_NAME = 64
"""Characters of a loss's name."""
NAME_PATTERN = rf"^[a-z0-9][a-z0-9._-]{{0,{MAX_NAME - 1}}}$"


def _printable(text: str) -> str:
    # A card is printed on terminals and into generated code: no control, direction or line separator characters.
    if not text.isprintable():
        raise ValueError("only printable characters are allowed, on one line")
    return text


Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
"""Lower case letters, digits, dot, underscore and hyphen; at most 64."""
Line = Annotated[str, StringConstraints(max_length=300), AfterValidator(_printable)]
"""One line of printable text."""
Text = Annotated[str, StringConstraints(max_length=8 * MAX_LENGTH), AfterValidator(_printable)]
"""An expression or a formula."""


Role = Literal["search", "final", "confirmation"]


class _CardPart(Config):
    # Fields may be added to a card within a schema version: what a newer release wrote is ignored, not refused.
    model_config = ConfigDict(extra="ignore", use_attribute_docstrings=True)


class Result(_CardPart):
    """What was measured for one loss under one protocol."""

    metric: Line
    """With its protocol, such as ``fd@mnist5k-cnn64/2k``."""
    floor: FiniteFloat | None = None
    """The metric of real images against real images, same number."""
    data: Line
    """Name and content fingerprint of the images."""
    model: Line
    """The nets, such as ``dcgan28-w16``."""
    steps: NonNegativeInt
    """Updates of each player in a training."""
    role: Role
    """Search seeds chose the finalists, final seeds the winner, confirmation seeds nothing."""
    seeds: tuple[int, ...]
    """Of the trainings."""
    values: tuple[FiniteFloat, ...]
    """One for each seed; a failed seed counts as the untrained generator."""
    mean: FiniteFloat
    """Arithmetic mean of the values."""
    sd: FiniteFloat | None = None
    """Standard deviation of the values; none for a single one."""
    failed: NonNegativeInt = 0
    """How many of the seeds failed."""
    instability: FiniteFloat | None = None
    """Spread over seeds and swings within a training; dimensionless, 0 is best."""
    learning_rate: FiniteFloat | None = None
    """Of both players' Adam, where it was chosen for the loss; else all losses had the same."""
    beta1: FiniteFloat | None = None
    """Chosen together with it."""

    @model_validator(mode="after")
    def _one_value_a_seed(self) -> "Result":
        if len(self.values) != len(self.seeds):
            raise ValueError(f"{len(self.values)} values for {len(self.seeds)} seeds")
        return self


class Reference(_CardPart):
    """A published loss measured beside it, under the same protocol and seeds."""

    name: Name
    """Of the library."""
    results: tuple[Result, ...]
    """As those of the card."""


class Training(_CardPart):
    """The settings that the loss was found with."""

    optimiser: Line = "adam"
    """Of both players."""
    learning_rate: FiniteFloat
    """Of both players."""
    beta1: FiniteFloat
    """Decay rate of the mean of gradients."""
    beta2: FiniteFloat
    """Decay rate of the mean of their squares."""
    batch: int
    """Images a step, real and generated each."""
    batch_norm: bool | None = None
    """Whether both nets had batch norm."""


class Provenance(_CardPart):
    """Where the loss came from."""

    run: Line | None = None
    """The name of the run's directory."""
    space: Line | None = None
    """The name of the search space."""
    seed: int | None = None
    """Of the run."""
    individual: int | None = None
    """Its number in the run."""
    ganetic: Line | None = None
    """The version that found it."""
    torch: Line | None = None
    """The version that it was trained with."""


class LossCard(_CardPart):
    """A loss with its results. Construct it with `LossCard.of`, read it with `read_card`."""

    version: Literal["ganetic.loss/1"] = Field(alias="schema")
    """Names the schema and its version."""
    name: Name
    """Lower case letters, digits, dot, underscore and hyphen; at most 64."""
    form: Literal["label", "logit"]
    """`label`: one expression L(y, p). `logit`: an expression for each slot."""
    expressions: dict[str, Text]
    """Authoritative: ``{"loss": …}`` for the label form, one expression a slot for the logit form."""
    slots: dict[str, Text]
    """What each expression gives for each slot, over d, m, p and s."""
    infix: dict[str, Text]
    """The expressions as people write them."""
    latex: dict[str, Text]
    """The expressions for a paper."""
    orientation: Orientation | None = None
    """Which images D puts higher; none for a loss that does not separate."""
    gradient_scale: FiniteFloat
    """Rms of D's loss gradient by its logits on |d| ≤ 2. Penalty weights are relative to it."""
    results: tuple[Result, ...] = ()
    """What was measured of it, an entry for each protocol and role of seeds."""
    references: tuple[Reference, ...] = ()
    """Published losses, measured on the same seeds."""
    provenance: Provenance = Provenance()
    """Where it came from."""
    training: Training | None = None
    """The settings that it was found with."""
    found_as: Text | None = None
    """The loss as the search wrote it, where `expressions` is shorter."""

    @staticmethod
    def of(
        name: str,
        formula: Formula,
        results: Sequence[Result] = (),
        references: Sequence[Reference] = (),
        provenance: Provenance | None = None,
        training: Training | None = None,
        found_as: str | None = None,
    ) -> "LossCard":
        """Make the card of a loss, deriving all that follows from the formula.

        Raises:
            UserError: the name is not allowed, or the loss has no finite gradient.
        """
        if not math.isfinite(gradient_scale(formula)):
            raise UserError(f'loss "{name[:64]}": the gradient is not finite; a card needs a loss that is')
        fields = {
            "schema": SCHEMA,
            "name": name,
            "form": formula.form,
            "expressions": dict(formula.expressions),
            **_derived(formula),
            "results": tuple(results),
            "references": tuple(references),
            "provenance": provenance or Provenance(),
            "training": training,
            "found_as": found_as,
        }
        return validate(fields, LossCard, where="loss card")

    @cached_property
    def formula(self) -> Formula:
        """The loss itself."""
        return Formula.of(self.form, self.expressions, where="expressions")

    @model_validator(mode="after")
    def _says_what_follows(self) -> "LossCard":
        try:
            derived = _derived(self.formula)
        except UserError as error:
            raise ValueError(str(error)) from None
        said = {field: getattr(self, field) for field in ("slots", "infix", "latex", "orientation")}
        if self.latex == {name: to_first_latex(tree) for name, tree in self.formula.trees.items()}:
            said["latex"] = derived["latex"]
        for field, value in said.items():
            if value != derived[field]:
                raise ValueError(f'"{field}" does not follow from "expressions"; was the card edited by hand?')
        expected = derived["gradient_scale"]
        # Four digits are written; the last one may differ between processors.
        if not math.isclose(self.gradient_scale, expected, rel_tol=2e-3, abs_tol=1e-12):
            raise ValueError(f"gradient_scale is {self.gradient_scale}, but the expressions give {expected}")
        return self


def _derived(formula: Formula) -> dict[str, Any]:
    return {
        "slots": {slot: to_text(tree) for slot, tree in formula.slots.items()},
        "infix": formula.infix,
        "latex": formula.latex,
        "orientation": screen(formula).orientation,
        "gradient_scale": round4(gradient_scale(formula)),
    }


def read_card(path: Path) -> LossCard:
    """Read and check a card file.

    Raises:
        UserError: it cannot be read, is too large or nested too deeply, is no card of this version, or says of its
            expressions what does not follow from them.
    """
    data = _read_json(path)
    if not isinstance(data, dict):
        raise UserError(f"{path}: not a loss card; the file should hold a JSON object")
    _check_shape(data, path)
    if data.get("schema") != SCHEMA:
        raise UserError(f'{path}: schema is {str(data.get("schema"))[:40]!r}; this version reads "{SCHEMA}"')
    return validate(data, LossCard, where=str(path))


def write_card(card: LossCard, path: Path) -> None:
    """Write a card as JSON: aside, then renamed, so that no reader meets half a file.

    Raises:
        UserError: the place cannot be written.
    """
    write_whole(path, card_text(card))


def card_text(card: LossCard) -> str:
    """Return what is written of a card."""
    return card.model_dump_json(by_alias=True, exclude_none=True, indent=2) + "\n"


def json_schema() -> str:
    """The JSON Schema of a card, as shipped in ``card.schema.json``."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **LossCard.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def resolve_loss(source: str | Path) -> tuple[str, Formula]:
    """Find a loss by library name, card file or expression, in this order.

    Returns:
        A name and the formula. An expression is named ``expression``.

    Raises:
        UserError: it is none of these.
    """
    text = str(source)
    if text in LIBRARY:
        return text, LIBRARY[text].formula
    if _is_file(text):
        card = read_card(Path(text))
        return card.name, card.formula
    if text.endswith(".json"):
        raise UserError(f"{text[:200]!r}: no such loss card")
    if "(" not in text and "=" not in text and text not in VARIABLES["label"]:
        raise unknown("loss", text, LIBRARY)
    return "expression", Formula.from_text(text)


def training_of(source: str | Path) -> Training | None:
    """The settings that a loss was found with; None where it comes from no card, or the card says none.

    Args:
        source: as `resolve_loss` takes it.

    Raises:
        UserError: it is a card that cannot be read.
    """
    text = str(source)
    return read_card(Path(text)).training if text not in LIBRARY and _is_file(text) else None


def load_loss(source: str | Path) -> "GanLoss":
    """Load a loss as a torch module.

    Args:
        source: a name of the library, the path of a card, or an expression such as
            ``"add(cube(p), sqrt(div(y, p)))"``.

    Raises:
        UserError: it is none of these, or cannot be read.
    """
    from ganetic.loss.compile import GanLoss  # noqa: PLC0415 - a card is read and written without torch

    return GanLoss(resolve_loss(source)[1])


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except OSError:  # an expression can be longer than a file name may be
        return False


def _read_json(path: Path) -> object:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise UserError(f"{path}: larger than {MAX_BYTES} bytes; a loss card is not")
    try:
        parsed: object = json.loads(content.decode("utf-8"), parse_constant=_refuse_constant)
    except RecursionError:
        raise UserError(f"{path}: nested deeper than {MAX_NESTING} levels") from None
    except ValueError as error:
        raise UserError(f"{path}: not a JSON file: {error}") from None
    return parsed


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number that a card may hold")


def _check_shape(data: object, path: Path) -> None:
    """Bound nesting and keys before anything is done with the content."""
    pending = [(data, 1)]
    while pending:
        value, level = pending.pop()
        if level > MAX_NESTING:
            raise UserError(f"{path}: nested deeper than {MAX_NESTING} levels")
        if isinstance(value, dict):
            for key in value:
                if len(key) > MAX_KEY or not key.isprintable():
                    raise UserError(f"{path}: {key[:MAX_KEY]!a} is not a key that a card may have")
        if isinstance(value, dict | list):
            pending += [(item, level + 1) for item in (value.values() if isinstance(value, dict) else value)]
