"""A formula as a torch module."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet

import torch
from torch import Tensor, nn

from ganetic.loss.expression import Call, Const, Node, Var, variables_of
from ganetic.loss.formula import Formula, Slot
from ganetic.loss.ops import OPERATORS

Inputs = dict[str, Tensor]


class Program:
    """Trees of one shape as a list of torch calls, equal subtrees computed once.

    Trees have one shape when they differ in constants alone, as those of a label do. Their values are computed
    together, a row for each tree, and are those that each has alone.

    Args:
        trees: one or more.

    Raises:
        ValueError: they differ in more than constants.
    """

    def __init__(self, *trees: Node) -> None:
        self._constants: list[tuple[int, tuple[float, ...]]] = []
        self._variables: list[tuple[int, str]] = []
        self._calls: list[tuple[int, Callable[..., Tensor], tuple[int, ...]]] = []
        self._registers: dict[tuple[Node, ...], int] = {}
        self._filled: dict[tuple[torch.dtype, torch.device], list[Tensor | None]] = {}
        self._result = self._place(trees)

    def _place(self, nodes: tuple[Node, ...]) -> int:
        if nodes in self._registers:
            return self._registers[nodes]
        first = nodes[0]
        if isinstance(first, Call):
            calls = [node for node in nodes if isinstance(node, Call) and node.op == first.op]
            if len(calls) < len(nodes):
                raise ValueError(f"trees differ in more than constants: {nodes}")
            arguments = tuple(self._place(args) for args in zip(*(one.args for one in calls), strict=True))
            register = len(self._registers)
            self._calls.append((register, OPERATORS[first.op].torch, arguments))
        else:
            register = len(self._registers)
            constants = tuple(node.value for node in nodes if isinstance(node, Const))
            if len(constants) == len(nodes):
                self._constants.append((register, constants))
            elif isinstance(first, Var) and all(node == first for node in nodes):
                self._variables.append((register, first.name))
            else:
                raise ValueError(f"trees differ in more than constants: {nodes}")
        self._registers[nodes] = register
        return register

    def __call__(self, inputs: Inputs, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Compute the trees; `inputs` holds at least the variables that they read, with a row for each of several."""
        registers = list(self._with_constants(dtype, device))
        for register, name in self._variables:
            registers[register] = inputs[name]
        for register, function, arguments in self._calls:
            registers[register] = function(*[registers[argument] for argument in arguments])
        result = registers[self._result]
        assert result is not None
        return result

    def _with_constants(self, dtype: torch.dtype, device: torch.device) -> list[Tensor | None]:
        key = (dtype, device)
        if key not in self._filled:
            registers: list[Tensor | None] = [None] * len(self._registers)
            for register, values in self._constants:
                same = len(set(values)) == 1
                column = values[0] if same else [[value] for value in values]
                registers[register] = torch.tensor(column, dtype=dtype, device=device)
            self._filled[key] = registers
        return self._filled[key]


class GanLoss(nn.Module):
    """Both players' losses for a formula: a module without parameters.

    Logits have shape ``(B,)``. Half-precision logits are lifted to float32, float64 stays, and autocast is off
    inside. Every slot is averaged over its batch.
    """

    def __init__(self, formula: Formula) -> None:
        super().__init__()
        self.formula = formula
        self._programs = {slot: Program(tree) for slot, tree in formula.slots.items()}
        self._uses = {slot: variables_of(tree) for slot, tree in formula.slots.items()}
        self._both = _together(formula)

    @property
    def needs_real_logits(self) -> bool:
        """Whether `generator` must be given the real logits, as relativistic losses need."""
        return "g_real" in self._programs or "m" in self._uses["g_fake"]

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """D's loss: mean d_real over the real batch plus mean d_fake over the fake batch; a scalar."""
        with torch.autocast(real_logits.device.type, enabled=False):
            real, fake = _lift(real_logits), _lift(fake_logits)
            if self._both is not None and real.shape == fake.shape:
                own, uses = torch.stack((real, fake)), self._uses["d_real"]
                inputs = _inputs(uses, own, own.flip(0) if "m" in uses else own)
                return self._both(inputs, own.dtype, own.device).mean(1).sum()
            return self._mean("d_real", real, fake) + self._mean("d_fake", fake, real)

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """G's loss: mean g_fake over the fake batch, plus mean g_real over the real batch where there is one.

        Raises:
            ValueError: the loss is relativistic and `real_logits` is missing.
        """
        if real_logits is None and self.needs_real_logits:
            raise ValueError("this loss is relativistic: its generator needs the real logits too")
        with torch.autocast(fake_logits.device.type, enabled=False):
            fake = _lift(fake_logits)
            real = fake if real_logits is None else _lift(real_logits)
            loss = self._mean("g_fake", fake, real)
            return loss + self._mean("g_real", real, fake) if "g_real" in self._programs else loss

    def extra_repr(self) -> str:
        """The formula, for print."""
        return self.formula.readable

    def _mean(self, slot: Slot, own: Tensor, opposite: Tensor) -> Tensor:
        uses = self._uses[slot]
        inputs = _inputs(uses, own, opposite)
        if not uses:
            # A constant slot still needs a graph: the step calls backward also on a loss that teaches nothing.
            return self._programs[slot](inputs, own.dtype, own.device) + 0.0 * own.mean()
        return self._programs[slot](inputs, own.dtype, own.device).mean()


def _together(formula: Formula) -> Program | None:
    """Both of D's slots as one program, which takes little longer than one of them; None where they differ too much."""
    real, fake = formula.slots["d_real"], formula.slots["d_fake"]
    if not variables_of(real):
        return None
    try:
        return Program(real, fake)
    except ValueError:
        return None


def _inputs(uses: AbstractSet[str], own: Tensor, opposite: Tensor) -> Inputs:
    """The variables of slots, whose logits lie in rows where there are several."""
    inputs: Inputs = {"d": own}
    if "p" in uses or "s" in uses:
        inputs["p"] = torch.sigmoid(own)
    if "s" in uses:
        inputs["s"] = inputs["p"].sum(-1, keepdim=own.dim() > 1)
    if "m" in uses:
        inputs["m"] = opposite.mean(-1, keepdim=own.dim() > 1)
    return inputs


def _lift(logits: Tensor) -> Tensor:
    return logits if logits.dtype in (torch.float32, torch.float64) else logits.float()
