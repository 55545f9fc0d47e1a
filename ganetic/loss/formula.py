"""A loss as data: its form and its expressions, and the slots that they fill."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, cast

from ganetic.errors import UserError, unknown
from ganetic.loss.expression import (
    Const,
    Node,
    node_count,
    parse,
    substitute,
    to_infix,
    to_latex,
    to_text,
    variables_of,
)

Form = Literal["label", "logit"]
Slot = Literal["d_real", "d_fake", "g_fake", "g_real"]

SLOTS: tuple[Slot, ...] = ("d_real", "d_fake", "g_fake", "g_real")
VARIABLES: dict[Form, tuple[str, ...]] = {"label": ("y", "p", "s"), "logit": ("d", "m")}
"""Label: the label y, the probability p = sigmoid(d), and s, the sum of p over the batch, which only a published
reference uses. Logit: the critic output d and m, the mean critic output of the opposite batch."""


@dataclass(frozen=True)
class Formula:
    """A loss of either form, canonical: equal losses of equal text compare equal.

    Attributes:
        form: ``label`` has one tree L(y, p), with d_real = L(1, p), d_fake = L(0, p) and g_fake = L(1, p), as in
            the GANetic paper (arXiv 2406.05023). ``logit`` has a tree for each slot over d and m, after TaylorGAN.
        text: one line that says all; a label loss is its expression, a logit loss ``slot=expression; …``.
    """

    form: Form
    text: str

    @staticmethod
    def of(form: Form, expressions: Mapping[str, str], where: str = "loss") -> "Formula":
        """Parse, check and canonicalise.

        Args:
            form: ``label`` or ``logit``; anything else is refused.
            expressions: ``{"loss": …}`` for ``label``; ``d_real``, ``d_fake``, ``g_fake`` and optionally ``g_real``
                for ``logit``.
            where: what to call it in an error.

        Raises:
            UserError: an unknown form, a missing or unknown slot, or an expression that cannot be read.
        """
        if form not in VARIABLES:
            raise unknown("form", str(form), VARIABLES, where)
        allowed = ("loss",) if form == "label" else SLOTS
        for name in expressions:
            if name not in allowed:
                raise unknown("slot", name, allowed, where)
        for name in allowed:
            if name not in expressions and name != "g_real":
                raise UserError(f'{where}: the {form} form needs the expression "{name}"')
        trees = {
            name: parse(expressions[name], VARIABLES[form], where if form == "label" else f"{where}: {name}")
            for name in allowed
            if name in expressions
        }
        return Formula.from_trees(form, trees)

    @staticmethod
    def from_trees(form: Form, trees: Mapping[str, Node]) -> "Formula":
        """From trees that stand already, in the order of the slots.

        Raises:
            UserError: a label makes a constant part non-finite.
        """
        texts = {name: to_text(tree) for name, tree in trees.items()}
        text = texts["loss"] if form == "label" else "; ".join(f"{name}={text}" for name, text in texts.items())
        formula = Formula(form, text)
        formula.__dict__["trees"] = dict(trees)  # fills the cached property: nothing is parsed twice
        _ = formula.slots  # a label that makes a part non-finite is refused here, not while training
        return formula

    @staticmethod
    def from_text(text: str, where: str = "loss") -> "Formula":
        """Read the one-line text of either form.

        Raises:
            UserError: it cannot be read.
        """
        if "=" not in text:
            return Formula.of("label", {"loss": text}, where)
        expressions: dict[str, str] = {}
        for part in text.split(";"):
            name, equals, expression = part.partition("=")
            if not equals:
                raise UserError(f'{where}: "{part.strip()[:40]}" is not of the form slot=expression')
            if name.strip() in expressions:
                raise UserError(f'{where}: slot "{name.strip()}" is given twice')
            expressions[name.strip()] = expression
        return Formula.of("logit", expressions, where)

    @cached_property
    def expressions(self) -> dict[str, str]:
        """The canonical text of each expression."""
        if self.form == "label":
            return {"loss": self.text}
        return dict(cast("tuple[str, str]", tuple(part.split("=", 1))) for part in self.text.split("; "))

    @cached_property
    def trees(self) -> dict[str, Node]:
        """The tree of each expression, over the form's own variables."""
        return {name: parse(text, VARIABLES[self.form], name) for name, text in self.expressions.items()}

    @cached_property
    def slots(self) -> dict[Slot, Node]:
        """The function of each slot, over d, m, p = sigmoid(d) and s."""
        if self.form == "logit":
            return {slot: self.trees[slot] for slot in SLOTS if slot in self.trees}
        tree = self.trees["loss"]
        real, fake = (substitute(tree, {"y": Const(label)}, f"loss at y = {label:g}") for label in (1.0, 0.0))
        return {"d_real": real, "d_fake": fake, "g_fake": real}

    @property
    def node_count(self) -> int:
        """Nodes over all expressions."""
        return sum(node_count(tree) for tree in self.trees.values())

    @property
    def infix(self) -> dict[str, str]:
        """Each expression for people."""
        return {name: to_infix(tree) for name, tree in self.trees.items()}

    @property
    def latex(self) -> dict[str, str]:
        """Each expression for papers."""
        return {name: to_latex(tree) for name, tree in self.trees.items()}

    @property
    def readable(self) -> str:
        """One line for a table: ``p³ + sqrt(3.985·y/p)`` or ``d_real = …; d_fake = …``."""
        infix = self.infix
        return infix["loss"] if self.form == "label" else "; ".join(f"{name} = {text}" for name, text in infix.items())

    def uses(self, variable: str) -> bool:
        """Whether any slot reads this variable, which may be one of another form."""
        return any(variable in variables_of(tree) for tree in self.slots.values())

    @cached_property
    def is_relativistic(self) -> bool:
        """Whether any slot reads m, the mean critic output of the opposite batch."""
        return self.form == "logit" and self.uses("m")
