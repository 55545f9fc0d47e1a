"""A formula as a torch module."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ganetic.loss.expression import Call, Const, Node, variables_of
from ganetic.loss.formula import Formula, Slot
from ganetic.loss.ops import OPERATORS

Inputs = dict[str, Tensor]


class Program:
    """A tree as a list of torch calls, equal subtrees computed once."""

    def __init__(self, tree: Node) -> None:
        self._constants: list[tuple[int, float]] = []
        self._variables: list[tuple[int, str]] = []
        self._calls: list[tuple[int, Callable[..., Tensor], tuple[int, ...]]] = []
        self._registers: dict[Node, int] = {}
        self._filled: dict[tuple[torch.dtype, torch.device], list[Tensor | None]] = {}
        self._result = self._place(tree)

    def _place(self, node: Node) -> int:
        if node in self._registers:
            return self._registers[node]
        if isinstance(node, Call):
            arguments = tuple(self._place(arg) for arg in node.args)
            register = len(self._registers)
            self._calls.append((register, OPERATORS[node.op].torch, arguments))
        else:
            register = len(self._registers)
            if isinstance(node, Const):
                self._constants.append((register, node.value))
            else:
                self._variables.append((register, node.name))
        self._registers[node] = register
        return register

    def __call__(self, inputs: Inputs, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Compute the tree; `inputs` holds at least the variables that it reads."""
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
            for register, value in self._constants:
                registers[register] = torch.tensor(value, dtype=dtype, device=device)
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

    @property
    def needs_real_logits(self) -> bool:
        """Whether `generator` must be given the real logits, as relativistic losses need."""
        return "g_real" in self._programs or "m" in self._uses["g_fake"]

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """D's loss: mean d_real over the real batch plus mean d_fake over the fake batch; a scalar."""
        with torch.autocast(real_logits.device.type, enabled=False):
            real, fake = _lift(real_logits), _lift(fake_logits)
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
        inputs: Inputs = {"d": own}
        if "p" in uses or "s" in uses:
            inputs["p"] = torch.sigmoid(own)
        if "s" in uses:
            inputs["s"] = inputs["p"].sum()
        if "m" in uses:
            inputs["m"] = opposite.mean()
        if not uses:
            # A constant slot still needs a graph: the step calls backward also on a loss that teaches nothing.
            return self._programs[slot](inputs, own.dtype, own.device) + 0.0 * own.mean()
        return self._programs[slot](inputs, own.dtype, own.device).mean()


def _lift(logits: Tensor) -> Tensor:
    return logits if logits.dtype in (torch.float32, torch.float64) else logits.float()
