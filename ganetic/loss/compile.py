"""A formula as a torch module."""

import math
from collections.abc import Callable
from collections.abc import Set as AbstractSet

import torch
from torch import Tensor, nn

from ganetic.loss.expression import Call, Const, Node, Var, variables_of
from ganetic.loss.formula import Formula, Slot
from ganetic.loss.logits import DTYPES, flat, without_autocast
from ganetic.loss.ops import OPERATORS, check_torch

Inputs = dict[str, Tensor]

check_torch()


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
        self._constants: dict[torch.dtype, list[tuple[int, tuple[float, ...]]]] = {dtype: [] for dtype in DTYPES}
        self._variables: list[tuple[int, str]] = []
        self._calls: list[tuple[int, Callable[..., Tensor], tuple[int, ...]]] = []
        self._registers: dict[tuple[Node, ...], int] = {}
        self._result = self._place(trees)
        self._size = len(self._registers)  # older versions of torch.compile cannot look into a dict of trees

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
                for dtype, held in self._constants.items():
                    held.append((register, tuple(_held(value, dtype) for value in constants)))
            elif isinstance(first, Var) and all(node == first for node in nodes):
                self._variables.append((register, first.name))
            else:
                raise ValueError(f"trees differ in more than constants: {nodes}")
        self._registers[nodes] = register
        return register

    def __call__(self, inputs: Inputs, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Compute the trees.

        Args:
            inputs: at least the variables that they read, with a row for each of several trees.
            dtype: of the inputs, one of `ganetic.loss.logits.DTYPES`.
            device: of the inputs.
        """
        # Constants are made anew: a tensor belongs to the mode that it was made in (inference, fake tensors, a
        # transform), and kept it would spoil a later call in another one.
        registers: list[Tensor | None] = [None] * self._size
        for register, values in self._constants[dtype]:
            registers[register] = _constant(values, dtype, device)
        for register, name in self._variables:
            registers[register] = inputs[name]
        for register, function, arguments in self._calls:
            registers[register] = function(*[registers[argument] for argument in arguments])
        result = registers[self._result]
        assert result is not None
        return result


class GanLoss(nn.Module):
    """Both players' losses for a formula: a module without parameters.

    Logits have shape ``(B,)``, ``(B, 1)``, ``(B, 1, 1, 1)`` or, of patches, ``(B, 1, H, W)``; real and fake ones may
    differ in shape and in number. Half-precision logits are lifted to float32, float64 stays, and autocast is off
    inside. Every slot is averaged over all its logits. Other logits are a ValueError, as `ganetic.loss.logits.flat`
    has it.
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
        """D's loss: mean d_real over the real logits plus mean d_fake over the fake ones; a scalar.

        Raises:
            ValueError: logits that cannot be meant.
        """
        real, fake = flat(real_logits, "real_logits"), flat(fake_logits, "fake_logits")
        with without_autocast(real.device.type):
            if self._both is not None and real.shape == fake.shape:
                own, uses = torch.stack((real, fake)), self._uses["d_real"]
                inputs = _inputs(uses, own, own.flip(0) if "m" in uses else own)
                return self._both(inputs, own.dtype, own.device).mean(1).sum()
            return self._mean("d_real", real, fake) + self._mean("d_fake", fake, real)

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """G's loss: mean g_fake over the fake logits, plus mean g_real over the real ones where there is a g_real.

        Raises:
            ValueError: the loss is relativistic and `real_logits` is missing, or logits that cannot be meant.
        """
        if real_logits is None and self.needs_real_logits:
            raise ValueError("this loss is relativistic: its generator needs the real logits too")
        fake = flat(fake_logits, "fake_logits")
        real = fake if real_logits is None else flat(real_logits, "real_logits")
        with without_autocast(fake.device.type):
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


def _held(value: float, dtype: torch.dtype) -> float:
    """A constant as it is, or infinite where the dtype cannot hold it: `torch.full` would refuse it."""
    return value if abs(value) <= torch.finfo(dtype).max else math.copysign(math.inf, value)


def _constant(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """A constant of each tree: a scalar where they are equal, else a column."""
    # Not by torch.tensor, which on a GPU waits for all that is still computed there.
    if len(values) == 1 or len(set(values)) == 1:
        return torch.full((), values[0], dtype=dtype, device=device)
    return torch.stack([torch.full((1,), value, dtype=dtype, device=device) for value in values])
