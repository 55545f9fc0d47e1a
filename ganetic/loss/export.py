"""A loss card as a Python module that needs only torch, and as a LaTeX document."""

import inspect
import textwrap
from collections.abc import Callable, Iterator

from ganetic.loss.card import LossCard, Result
from ganetic.loss.expression import Call, Const, Node, Var, to_infix, variables_of, walk
from ganetic.loss.formula import Formula, Slot
from ganetic.loss.logits import flat, without_autocast
from ganetic.loss.ops import OPERATORS
from ganetic.loss.symbolic import simplified

WIDTH = 120

_SUMMARIES: dict[Slot, str] = {
    "d_real": "D's loss on real logits.",
    "d_fake": "D's loss on fake logits.",
    "g_fake": "G's loss on fake logits.",
    "g_real": "G's loss on real logits.",
}

_DISCRIMINATOR = '''
def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Mean of d_real over the real logits plus mean of d_fake over the fake ones; a scalar."""
    real, fake = flat(real_logits, "real_logits"), flat(fake_logits, "fake_logits")
    with without_autocast(real.device.type):
        return d_real({real}).mean() + d_fake({fake}).mean()
'''

_GENERATOR = '''
def generator_loss(fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
    """Mean of g_fake over the fake logits; a scalar. The real logits are not needed."""
    fake = flat(fake_logits, "fake_logits")
    if real_logits is not None:
        flat(real_logits, "real_logits")
    with without_autocast(fake.device.type):
        return g_fake(fake).mean()
'''

_RELATIVISTIC_GENERATOR = '''
def generator_loss(fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
    """{summary}; a scalar.

    The real logits are needed.
    """
    if real_logits is None:
        raise ValueError("this loss is relativistic: its generator needs the real logits too")
    real, fake = flat(real_logits, "real_logits"), flat(fake_logits, "fake_logits")
    with without_autocast(fake.device.type):
        return {value}
'''


def python_module(card: LossCard) -> str:
    """Write a stand-alone module with ``discriminator_loss`` and ``generator_loss``.

    It needs only torch, computes what `GanLoss` computes, and states what it takes, where it came from and what was
    measured.
    """
    slots = card.formula.slots
    calls = {part.op for tree in slots.values() for part in walk(tree) if isinstance(part, Call)}
    operators = [OPERATORS[name].torch for name in sorted(calls)]
    functions: list[Callable[..., object]] = [flat, without_autocast, *operators]
    constants = {
        name: function.__globals__[name]
        for function in functions
        for name in function.__code__.co_names
        if name.isupper()
    }
    contexts = "from contextlib import AbstractContextManager, nullcontext"
    header = [_docstring(card), "", contexts, "", "import torch", "from torch import Tensor"]
    header += ["", *(f"{name} = {value!r}" for name, value in sorted(constants.items()))]
    parts = ["\n".join(header), *(inspect.getsource(function) for function in functions)]
    parts += [_slot_function(slot, slots) for slot in slots]
    parts += _players(slots)
    return "\n\n\n".join(part.strip() for part in parts) + "\n"


def latex(card: LossCard) -> str:
    """Write a LaTeX document that compiles as it stands, with the loss as a formula.

    Expressions are printed as sympy simplifies them where that trains alike, and as they are elsewhere.
    """
    formula = simplified(card.formula)
    rows = [rf"  {_latex_name(name, formula)} &= {text}" for name, text in formula.latex.items()]
    comments = [f"% {line}" for line in _summary(card)]
    document = [
        *comments,
        r"\documentclass{article}",
        r"\usepackage{amsmath}",
        r"\begin{document}",
        r"\begin{align*}",
        " \\\\\n".join(rows),
        r"\end{align*}",
        _latex_legend(formula),
        r"\end{document}",
    ]
    return "\n".join(document) + "\n"


def _docstring(card: LossCard) -> str:
    lines = [f"GAN loss {card.name}, exported by ganetic.", ""]
    for paragraph in _summary(card):
        lines += textwrap.wrap(paragraph, WIDTH, break_on_hyphens=False, subsequent_indent="    ")
    # No text of the card may end the docstring or start an escape sequence.
    body = "\n".join(lines).replace("\\", "\\\\").replace('"', '\\"')
    return f'"""{body}\n"""'


def _summary(card: LossCard) -> list[str]:
    """What a reader must know, a line each."""
    higher = {
        "real_above_fake": "The discriminator puts real images above fake ones.",
        "fake_above_real": "The discriminator puts fake images above real ones: negate its output to score realness.",
        None: "The discriminator does not separate real from fake images in one direction.",
    }
    return [
        "Input: logits, the discriminator's raw output; apply no sigmoid to it. Their shape is (B,), (B, 1), "
        "(B, 1, 1, 1) or, of patches, (B, 1, H, W); the loss is the mean over all of them.",
        f"Orientation: {card.orientation or 'none'}. {higher[card.orientation]}",
        *(f"Formula: {name} = {to_infix(tree)}" for name, tree in card.formula.trees.items()),
        "with p = sigmoid(d) of the logit d, y = 1 for real and 0 for fake images; G uses y = 1."
        if card.form == "label"
        else "over the logit d; m is the mean of all logits of the opposite batch.",
        "Protected: division, square root and logarithm have an epsilon of 1e-8 that the formula does not show.",
        *([f"Found as: {card.found_as}"] if card.found_as else []),
        *_training(card),
        *(f"Result: {_result(result)}" for result in card.results),
        *(f"Reference {other.name}: {_result(result)}" for other in card.references for result in other.results),
        *_provenance(card),
    ]


def _training(card: LossCard) -> Iterator[str]:
    settings = card.training
    if settings is not None:
        norm = {True: ", with batch norm", False: ", without batch norm", None: ""}[settings.batch_norm]
        yield (
            f"Found with: {settings.optimiser}, learning rate {settings.learning_rate:g}, "
            f"betas ({settings.beta1:g}, {settings.beta2:g}), batch {settings.batch}{norm}."
        )


def _result(result: Result) -> str:
    spread = "" if result.sd is None else f" ± {result.sd:.4g}"
    floor = "" if result.floor is None else f", real against real {result.floor:.4g}"
    failed = f", {result.failed} failed" if result.failed else ""
    rates = (
        "" if result.learning_rate is None else f" at learning rate {result.learning_rate:g}, beta1 {result.beta1:g}"
    )
    return (
        f"{result.metric} {result.mean:.4g}{spread} ({result.role}, {len(result.seeds)} seeds{failed}, "
        f"{result.steps} steps of {result.model} on {result.data}{rates}{floor})"
    )


def _provenance(card: LossCard) -> Iterator[str]:
    facts = card.provenance.model_dump(exclude_none=True)
    if facts:
        yield "Provenance: " + ", ".join(f"{key} {value}" for key, value in facts.items())


def _slot_function(slot: Slot, slots: dict[Slot, Node]) -> str:
    tree = slots[slot]
    uses = variables_of(tree)
    parameters = ("d", "m") if "m" in uses else ("d",)
    lines = [f"def {slot}({', '.join(f'{name}: Tensor' for name in parameters)}) -> Tensor:"]
    lines.append(f'    """{_SUMMARIES[slot]}"""')
    same = next(other for other in slots if slots[other] == tree)
    if same != slot:
        return "\n".join([*lines, f"    return {same}({', '.join(parameters)})"])
    if {"p", "s"} & uses:
        lines.append("    p = torch.sigmoid(d)")
    if "s" in uses:
        lines.append("    s = p.sum()")
    if any(isinstance(part, Const) for part in walk(tree)):
        lines.append("    c = d.new_tensor")
    # A constant must still have a graph to call backward on.
    lines.append(_wrapped("    return ", tree, "" if uses else " + 0.0 * d"))
    return "\n".join(lines)


def _players(slots: dict[Slot, Node]) -> Iterator[str]:
    uses = {slot: "m" in variables_of(tree) for slot, tree in slots.items()}
    arguments = {slot: ("real", "fake.mean()") if "real" in slot else ("fake", "real.mean()") for slot in slots}
    given = {slot: ", ".join(arguments[slot] if uses[slot] else arguments[slot][:1]) for slot in slots}
    yield _DISCRIMINATOR.format(real=given["d_real"], fake=given["d_fake"])
    if not uses["g_fake"] and "g_real" not in slots:
        yield _GENERATOR
        return
    value, summary = f"g_fake({given['g_fake']}).mean()", "Mean of g_fake over the fake logits"
    if "g_real" in slots:
        value += f" + g_real({given['g_real']}).mean()"
        summary += " plus mean of g_real over the real ones"
    yield _RELATIVISTIC_GENERATOR.format(summary=summary, value=value)


def _code(node: Node) -> str:
    if isinstance(node, Var):
        return node.name
    if isinstance(node, Const):
        return f"c({node.value!r})"
    return f"{OPERATORS[node.op].torch.__name__}({', '.join(_code(arg) for arg in node.args)})"


def _wrapped(start: str, node: Node, end: str, indent: int = 4) -> str:
    """Code of a node, a line an argument where it would be too long."""
    line = f"{start}{_code(node)}{end}"
    if len(line) <= WIDTH or not isinstance(node, Call):
        return line
    pad = " " * (indent + 4)
    arguments = "\n".join(_wrapped(pad, arg, ",", indent + 4) for arg in node.args)
    return f"{start}{OPERATORS[node.op].torch.__name__}(\n{arguments}\n{' ' * indent}){end}"


def _latex_name(name: str, formula: Formula) -> str:
    if formula.form == "label":
        return "L(y, p)"
    player, images = name.split("_")
    arguments = "d, m" if formula.is_relativistic else "d"
    return rf"\ell_{{{player.upper()}, \mathrm{{{images}}}}}({arguments})"


def _latex_legend(formula: Formula) -> str:
    if formula.form == "label":
        return r"where $p = \sigma(d)$ for the discriminator's logit $d$, $y = 1$ for real and $0$ for fake images."
    return r"where $d$ is the logit of the discriminator and $m$ the mean logit of the opposite batch."
