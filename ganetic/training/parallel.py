"""One training on several processes: each works on its share of every batch, and all take the same step."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed, nn

from ganetic.errors import UserError
from ganetic.gan.step import Loss, Optimizer


@dataclass(frozen=True)
class DistributedContext:
    """Which part of a batch a process works on.

    Attributes:
        rank: of the process, from 0.
        world: number of processes.
    """

    rank: int = 0
    world: int = 1

    def of(self, batch: Tensor) -> Tensor:
        """The process's part of a batch ``(B, …)``, ``(B / world, …)``."""
        return batch if self.world == 1 else batch.chunk(self.world)[self.rank]

    def mean(self, value: Tensor) -> Tensor:
        """The mean of a scalar over all processes, on each of them."""
        return value if self.world == 1 else mean_over(value)[0]


SINGLE_PROCESS = DistributedContext()


class GatheredLoss:
    """A loss of the whole batch, from each process's logits.

    Losses may depend on the batch as a whole, as relativistic ones do, so logits are gathered and not losses averaged.
    Every process computes the same loss, and ``world`` times its own part of the gradient, of which
    `AllReduceOptimizer` takes the mean.

    Args:
        loss: what each process would use alone.
    """

    def __init__(self, loss: Loss) -> None:
        self._loss = loss

    @property
    def needs_real_logits(self) -> bool:
        """Whether the loss of the generator needs real logits."""
        return self._loss.needs_real_logits

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """D's loss over the whole batch, a scalar."""
        return self._loss.discriminator(_gathered(real_logits), _gathered(fake_logits))

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """G's loss over the whole batch, a scalar."""
        return self._loss.generator(_gathered(fake_logits), None if real_logits is None else _gathered(real_logits))


class AllReduceOptimizer:
    """An optimizer that steps by the mean of all processes' gradients.

    Args:
        optimizer: of this process.
        net: whose parameters it updates.
    """

    def __init__(self, optimizer: Optimizer, net: nn.Module) -> None:
        self._optimizer, self._parameters = optimizer, list(net.parameters())

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self._optimizer.zero_grad()

    def step(self) -> None:
        """Take the mean of the gradients, and update the parameters."""
        gradients = [parameter.grad for parameter in self._parameters if parameter.grad is not None]
        if gradients:
            flat = torch.cat([gradient.flatten() for gradient in gradients])
            distributed.all_reduce(flat)
            flat /= distributed.get_world_size()
            for gradient, mean in zip(
                gradients, torch.split(flat, [gradient.numel() for gradient in gradients]), strict=True
            ):
                gradient.copy_(mean.view_as(gradient))
        self._optimizer.step()


def check_workers(batch: int, workers: int) -> None:
    """Refuse a number of workers among which a batch cannot be shared.

    Raises:
        UserError: so many do not divide it.
    """
    if workers < 1 or batch % workers or batch // workers < 2:
        raise UserError(
            f"{workers} workers for a batch of {batch} images; expected a number that divides it into shares of two or "
            "more"
        )


def any_of(flag: bool, context: DistributedContext) -> bool:
    """Return on all processes whether one of them says so."""
    if context.world == 1:
        return flag
    said = torch.tensor([float(flag)])
    distributed.all_reduce(said, distributed.ReduceOp.MAX)
    return bool(said.item())


def mean_over(*values: Tensor) -> tuple[Tensor, ...]:
    """Return the means of scalars over all processes, on each of them."""
    stacked = torch.stack(values)
    distributed.all_reduce(stacked)
    return tuple(stacked / distributed.get_world_size())


class _Gather(torch.autograd.Function):
    """The logits of all processes, in order; the gradient of a process's own part counts for as many as there are.

    `torch.distributed.nn.functional.all_gather` did this. torch 2.14 warns that it will go, and names a private module
    instead.
    """

    @staticmethod
    def forward(_context: Any, logits: Tensor) -> Tensor:
        parts = [torch.empty_like(logits) for _ in range(distributed.get_world_size())]
        distributed.all_gather(parts, logits.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(_context: Any, *gradients: Tensor) -> Tensor:
        world = distributed.get_world_size()
        return world * gradients[0].chunk(world)[distributed.get_rank()]


def gathered(logits: Tensor, context: DistributedContext) -> Tensor:
    """Return the logits of all processes, in order, on each of them."""
    return logits if context.world == 1 else _gathered(logits)


def _gathered(logits: Tensor) -> Tensor:
    all_of_them: Tensor = _Gather.apply(logits)
    return all_of_them
