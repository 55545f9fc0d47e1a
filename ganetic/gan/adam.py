"""Adam, all parameters in one kernel."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.optim.adam import adam as adam_

EPSILON = 1e-8
"""Added to the root of the second moment, as in Kingma & Ba, https://arxiv.org/abs/1412.6980."""


class AdamRates(NamedTuple):
    """Adam's rates of one net, in the order in which `FusedAdam` takes them."""

    learning_rate: float
    """The learning rate of every parameter."""
    beta1: float
    """Decay rate of the gradients' mean."""
    beta2: float
    """Decay rate of the mean of their squares."""

    def with_lazy_term(self, every: int) -> "AdamRates":
        """The rates where a term of the loss has an update of its own after every so many updates of the others.

        Karras et al., https://arxiv.org/abs/1912.04958, appendix B: k + 1 updates do the work of k, so the learning
        rate is multiplied by c = k / (k + 1), and both decay rates are raised to it.

        Args:
            every: k; 1 for a term that is added to the others, which changes nothing.
        """
        if every == 1:
            return self
        c = every / (every + 1)
        return AdamRates(c * self.learning_rate, self.beta1**c, self.beta2**c)


class FusedAdam:
    """What ``torch.optim.Adam(fused=True)`` computes, bit for bit, through torch's own function.

    torch's class loads torch.compile into every process that makes one: two seconds and 150 MB a worker.

    Args:
        parameters: what it updates. A parameter without a gradient stands still, and its moments too.
        learning_rate: of every parameter.
        beta1: decay rate of the gradients' mean.
        beta2: decay rate of the mean of their squares.
    """

    def __init__(self, parameters: Iterable[Tensor], learning_rate: float, beta1: float, beta2: float) -> None:
        self._parameters = list(parameters)
        self._means = [torch.zeros_like(parameter, requires_grad=False) for parameter in self._parameters]
        self._squares = [torch.zeros_like(mean) for mean in self._means]
        self._steps = [torch.zeros((), device=mean.device) for mean in self._means]
        self._learning_rate, self._beta1, self._beta2 = learning_rate, beta1, beta2

    @property
    def second_moments(self) -> list[Tensor]:
        """The running mean of each parameter's squared gradient, which never forgets an infinite one."""
        return self._squares

    def state(self) -> dict[str, Tensor]:
        """Moments and step counts by name, not copied."""
        columns = {"mean": self._means, "square": self._squares, "step": self._steps}
        return {f"{name}.{i}": tensor for name, column in columns.items() for i, tensor in enumerate(column)}

    @torch.no_grad()
    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` returned.

        Raises:
            KeyError, RuntimeError: it is of an optimizer of other parameters.
        """
        for name, tensor in self.state().items():
            tensor.copy_(state[name])

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Update every parameter that has a gradient."""
        found = [
            (parameter, parameter.grad, mean, square, step)
            for parameter, mean, square, step in zip(
                self._parameters, self._means, self._squares, self._steps, strict=True
            )
            if parameter.grad is not None
        ]
        if not found:
            return
        parameters, gradients, means, squares, steps = (list(column) for column in zip(*found, strict=True))
        adam_(
            *(parameters, gradients, means, squares, [], steps),
            lr=self._learning_rate,
            beta1=self._beta1,
            beta2=self._beta2,
            fused=True,
            amsgrad=False,
            weight_decay=0.0,
            eps=EPSILON,
            maximize=False,
        )
