"""The closed table of operators: one row each, for torch, numpy, sympy and print.

Adding an operator is adding a row. Every row is checked when it is registered: its arity, its shape, a finite value
and a finite gradient on its domain in float32 and float64, and numpy against torch. Of the rows below the half that
needs torch is checked when `ganetic.loss.compile` is imported: to read losses, and to screen them, numpy is enough.

Operators are total. Division, square root and logarithm are protected as in the GANetic paper (Akhmedova & Körber,
arXiv 2406.05023), with the same epsilon; `exp` is bounded above.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:

    class _TorchLater:
        """Stands for torch in this module until an operator computes with it, for torch takes seconds to import."""

        def __getattr__(self, name: str) -> Any:
            globals()["torch"] = module = import_module("torch")
            return getattr(module, name)

    torch = _TorchLater()

Array = npt.NDArray[np.float64]
Linearised = tuple[Array, tuple[Array, ...]]

EPSILON = 1e-8
"""Added inside the protected operators, as in the GANetic paper."""

EXP_BOUND = 30.0
"""`exp` is constant above this argument: e^30 = 1e13 still has a finite square in float32."""

ADDITIVE, PRODUCT, SIGN, POWER, ATOM = 1, 2, 3, 4, 5
"""Binding strength in print, from loose to tight."""


class Notation(NamedTuple):
    """How a call is printed: a template, how tightly it binds, and how tightly each argument must bind."""

    template: str
    strength: int
    needs: tuple[int, ...]


@dataclass(frozen=True)
class Operator:
    """One row of the table.

    Attributes:
        name: as written in an expression.
        arity: how many arguments it takes.
        torch: tensors in, tensor of the broadcast shape out.
        linearise: float64 arrays in, the value and its partial derivatives out.
        sympy: the sympy module and sympy arguments in, sympy expression out; without the epsilons, for reading.
        infix: for people.
        latex: for papers.
        domain: the closed interval of every argument on which value and gradient are finite.
    """

    name: str
    arity: int
    torch: Callable[..., Tensor]
    linearise: Callable[..., Linearised]
    sympy: Callable[..., Any]
    infix: Notation
    latex: Notation
    domain: tuple[float, float] = (-1e4, 1e4)


def add(a: Tensor, b: Tensor) -> Tensor:
    """The sum a + b."""
    return a + b


def sub(a: Tensor, b: Tensor) -> Tensor:
    """The difference a - b."""
    return a - b


def mul(a: Tensor, b: Tensor) -> Tensor:
    """The product a · b."""
    return a * b


def div(a: Tensor, b: Tensor) -> Tensor:
    """The quotient a / (b + ε), exact for every b outside (-3ε/2, -ε/2); inside, the denominator is ±ε/2."""
    shifted = b + EPSILON
    value = shifted.detach()  # the gradient passes through what torch.where takes from shifted, and nothing else
    bound = value.new_full((), EPSILON / 2).copysign(value)
    return a / torch.where(value.abs() < EPSILON / 2, bound, shifted)


def neg(a: Tensor) -> Tensor:
    """-a."""
    return -a


def square(a: Tensor) -> Tensor:
    """a²."""
    return a * a


def cube(a: Tensor) -> Tensor:
    """a³."""
    return a * a * a


def sqrt(a: Tensor) -> Tensor:
    """The square root of |a| + ε."""
    return torch.sqrt(torch.abs(a) + EPSILON)


def log(a: Tensor) -> Tensor:
    """The logarithm of |a| + ε."""
    return torch.log(torch.abs(a) + EPSILON)


def exp(a: Tensor) -> Tensor:
    """e^a, constant above the bound."""
    return torch.exp(torch.clamp(a, max=EXP_BOUND))


def tanh(a: Tensor) -> Tensor:
    """Hyperbolic tangent."""
    return torch.tanh(a)


def sigmoid(a: Tensor) -> Tensor:
    """1 / (1 + e^-a)."""
    return torch.sigmoid(a)


def softplus(a: Tensor) -> Tensor:
    """log(1 + e^a)."""
    return torch.nn.functional.softplus(a, threshold=40)  # above, log(1 + e^a) is a also in float64


def relu(a: Tensor) -> Tensor:
    """max(a, 0)."""
    return torch.relu(a)


def absolute(a: Tensor) -> Tensor:
    """|a|."""
    return torch.abs(a)


def minimum(a: Tensor, b: Tensor) -> Tensor:
    """The smaller of two."""
    return torch.minimum(a, b)


def maximum(a: Tensor, b: Tensor) -> Tensor:
    """The larger of two."""
    return torch.maximum(a, b)


def sin(a: Tensor) -> Tensor:
    """Sine."""
    return torch.sin(a)


def cos(a: Tensor) -> Tensor:
    """Cosine."""
    return torch.cos(a)


def _linear_div(a: Array, b: Array) -> Linearised:
    shifted = b + EPSILON
    safe = np.where(shifted >= 0, np.maximum(shifted, EPSILON / 2), np.minimum(shifted, -EPSILON / 2))
    value = a / safe
    return value, (1 / safe, np.where(safe == shifted, -value / safe, 0.0))


def _linear_sqrt(a: Array) -> Linearised:
    value = np.sqrt(np.abs(a) + EPSILON)
    return value, (np.sign(a) / (2 * value),)


def _linear_log(a: Array) -> Linearised:
    inner = np.abs(a) + EPSILON
    return np.log(inner), (np.sign(a) / inner,)


def _linear_exp(a: Array) -> Linearised:
    value = np.exp(np.minimum(a, EXP_BOUND))
    return value, (np.where(a <= EXP_BOUND, value, 0.0),)


def _linear_tanh(a: Array) -> Linearised:
    value = np.tanh(a)
    return value, (1 - value * value,)


def logistic(a: Array) -> Array:
    """The sigmoid of a float64 array, without overflow and to full precision where it is small."""
    return np.asarray(expit(a))


def _linear_sigmoid(a: Array) -> Linearised:
    value = logistic(a)
    return value, (value * logistic(-a),)


def _linear_min(a: Array, b: Array) -> Linearised:
    share = np.where(a < b, 1.0, np.where(a == b, 0.5, 0.0))
    return np.minimum(a, b), (share, 1 - share)


def _linear_max(a: Array, b: Array) -> Linearised:
    share = np.where(a > b, 1.0, np.where(a == b, 0.5, 0.0))
    return np.maximum(a, b), (share, 1 - share)


def _call(name: str, arity: int = 1) -> Notation:
    return Notation(f"{name}({', '.join(f'{{{i}}}' for i in range(arity))})", ATOM, (0,) * arity)


def _latex_call(name: str, arity: int = 1) -> Notation:
    arguments = ", ".join(f"{{{i}}}" for i in range(arity))
    return Notation(rf"{name}\left({arguments}\right)", ATOM, (0,) * arity)


def _latex_function(name: str, left: str = "(", right: str = ")") -> Notation:
    """A function with a name of its own, in brackets where it has a power: log|p|² would be the logarithm of |p|²."""
    return Notation(rf"{name}\left{left}{{0}}\right{right}", POWER, (0,))


_ONE, _MINUS_ONE = np.asarray(1.0), np.asarray(-1.0)
_SUM = Notation("{0} + {1}", ADDITIVE, (ADDITIVE, ADDITIVE))
_DIFFERENCE = Notation("{0} - {1}", ADDITIVE, (ADDITIVE, PRODUCT))
_NEGATION = Notation("-{0}", SIGN, (POWER,))

_ROWS = (
    Operator("add", 2, add, lambda a, b: (a + b, (_ONE, _ONE)), lambda _, a, b: a + b, _SUM, _SUM),
    Operator("sub", 2, sub, lambda a, b: (a - b, (_ONE, _MINUS_ONE)), lambda _, a, b: a - b, _DIFFERENCE, _DIFFERENCE),
    Operator(
        "mul",
        2,
        mul,
        lambda a, b: (a * b, (b, a)),
        lambda _, a, b: a * b,
        Notation("{0}·{1}", PRODUCT, (PRODUCT, PRODUCT)),
        Notation(r"{0} \, {1}", PRODUCT, (PRODUCT, PRODUCT)),
    ),
    Operator(
        "div",
        2,
        div,
        _linear_div,
        lambda _, a, b: a / b,
        Notation("{0}/{1}", PRODUCT, (PRODUCT, SIGN)),
        Notation(r"\frac{{{0}}}{{{1}}}", POWER, (0, 0)),
    ),
    Operator("neg", 1, neg, lambda a: (-a, (_MINUS_ONE,)), lambda _, a: -a, _NEGATION, _NEGATION),
    Operator(
        "square",
        1,
        square,
        lambda a: (a * a, (2 * a,)),
        lambda _, a: a**2,
        Notation("{0}²", POWER, (ATOM,)),
        Notation("{0}^{{2}}", POWER, (ATOM,)),
    ),
    Operator(
        "cube",
        1,
        cube,
        lambda a: (a * a * a, (3 * a * a,)),
        lambda _, a: a**3,
        Notation("{0}³", POWER, (ATOM,)),
        Notation("{0}^{{3}}", POWER, (ATOM,)),
    ),
    Operator(
        "sqrt",
        1,
        sqrt,
        _linear_sqrt,
        lambda sp, a: sp.sqrt(sp.Abs(a)),
        _call("sqrt"),
        Notation(r"\sqrt{{\left|{0}\right|}}", ATOM, (0,)),
    ),
    Operator(
        "log",
        1,
        log,
        _linear_log,
        lambda sp, a: sp.log(sp.Abs(a)),
        _call("log"),
        _latex_function(r"\log", "|", "|"),
    ),
    Operator(
        "exp",
        1,
        exp,
        _linear_exp,
        lambda sp, a: sp.exp(a),
        _call("exp"),
        Notation("e^{{{0}}}", POWER, (0,)),
    ),
    Operator("tanh", 1, tanh, _linear_tanh, lambda sp, a: sp.tanh(a), _call("tanh"), _latex_function(r"\tanh")),
    Operator(
        "sigmoid",
        1,
        sigmoid,
        _linear_sigmoid,
        lambda sp, a: 1 / (1 + sp.exp(-a)),
        _call("sigmoid"),
        _latex_call(r"\sigma"),
    ),
    Operator(
        "softplus",
        1,
        softplus,
        lambda a: (np.logaddexp(0, a), (logistic(a),)),
        lambda sp, a: sp.log(1 + sp.exp(a)),
        _call("softplus"),
        Notation(r"\log\left(1 + e^{{{0}}}\right)", POWER, (0,)),
    ),
    Operator(
        "relu",
        1,
        relu,
        lambda a: (np.maximum(a, 0), (np.where(a > 0, 1.0, 0.0),)),
        lambda sp, a: sp.Max(a, 0),
        _call("relu"),
        Notation(r"\max\left(0, {0}\right)", ATOM, (0,)),
    ),
    Operator(
        "abs",
        1,
        absolute,
        lambda a: (np.abs(a), (np.sign(a),)),
        lambda sp, a: sp.Abs(a),
        Notation("|{0}|", ATOM, (0,)),
        Notation(r"\left|{0}\right|", ATOM, (0,)),
    ),
    Operator("min", 2, minimum, _linear_min, lambda sp, a, b: sp.Min(a, b), _call("min", 2), _latex_call(r"\min", 2)),
    Operator("max", 2, maximum, _linear_max, lambda sp, a, b: sp.Max(a, b), _call("max", 2), _latex_call(r"\max", 2)),
    Operator(
        "sin",
        1,
        sin,
        lambda a: (np.sin(a), (np.cos(a),)),
        lambda sp, a: sp.sin(a),
        _call("sin"),
        _latex_function(r"\sin"),
    ),
    Operator(
        "cos",
        1,
        cos,
        lambda a: (np.cos(a), (-np.sin(a),)),
        lambda sp, a: sp.cos(a),
        _call("cos"),
        _latex_function(r"\cos"),
    ),
)

OPERATORS: dict[str, Operator] = {}


def register(operator: Operator) -> None:
    """Check a row and add it to the table.

    Raises:
        ValueError: the name is taken, or the row fails its check.
    """
    _refuse_taken(operator)
    _check_numpy(operator)
    _check_torch(operator)
    OPERATORS[operator.name] = operator


def check_torch() -> None:
    """Check the rows of the table against torch, as `register` does with others; importing this module left that out.

    Raises:
        ValueError: a row fails its check.
    """
    for row in OPERATORS.values():
        _check_torch(row)


def _refuse_taken(operator: Operator) -> None:
    if operator.name in OPERATORS:
        raise ValueError(f'operator "{operator.name}" is registered already')


def _check_numpy(operator: Operator) -> None:
    columns = _probe(operator)
    try:
        value, partials = operator.linearise(*columns)
    except TypeError as error:
        raise _other_arity(operator, error) from None
    if len(partials) != operator.arity:
        raise ValueError(
            f'operator "{operator.name}" has {len(partials)} partial derivatives for {operator.arity} arguments'
        )
    if not all(bool(np.isfinite(array).all()) for array in (value, *partials)):
        raise ValueError(f'operator "{operator.name}" is not finite on {operator.domain} in numpy')
    if value.shape != columns[0].shape:
        raise ValueError(f'operator "{operator.name}" does not keep the shape of its arguments in numpy')


def _check_torch(operator: Operator) -> None:
    # A new thread has none of the modes that this one may import us in: no_grad, inference, fake tensors, a default
    # device, a transform.
    with ThreadPoolExecutor(1) as outside:
        for dtype in (torch.float32, torch.float64):
            outside.submit(_check_dtype, operator, dtype).result()


def _check_dtype(operator: Operator, dtype: torch.dtype) -> None:
    columns = _probe(operator)
    arguments = [torch.tensor(column, dtype=dtype, device="cpu", requires_grad=True) for column in columns]
    try:
        value = operator.torch(*arguments)
    except TypeError as error:
        raise _other_arity(operator, error) from None
    if value.shape != arguments[0].shape:
        raise ValueError(f'operator "{operator.name}" does not keep the shape of its arguments')
    gradients = torch.autograd.grad(value.sum(), arguments)
    if not all(bool(torch.isfinite(tensor).all()) for tensor in (value, *gradients)):
        raise ValueError(f'operator "{operator.name}" is not finite on {operator.domain} in {dtype}')
    if dtype is not torch.float64:
        return
    linear, partials = operator.linearise(*columns)
    pairs = [(value, linear), *zip(gradients, partials, strict=True)]
    for tensor, array in pairs:
        expected = np.broadcast_to(array, columns[0].shape)
        if not np.allclose(tensor.detach().numpy(), expected, rtol=1e-7, atol=1e-8):
            raise ValueError(f'operator "{operator.name}": the numpy form differs from the torch form')


def _other_arity(operator: Operator, error: TypeError) -> ValueError:
    return ValueError(f'operator "{operator.name}" does not take {operator.arity} arguments: {error}')


def _probe(operator: Operator) -> list[Array]:
    low, high = operator.domain
    points = [
        point
        for point in (-1e4, -33.0, -3.0, -1.0, -0.5, -1e-8, 0.0, 1e-9, 0.5, 2.0, 29.0, 1e4)
        if low <= point <= high
    ]
    grid = np.array(list(product(points, repeat=operator.arity)), dtype=np.float64)
    return [np.ascontiguousarray(grid[:, i]) for i in range(operator.arity)]


for _row in _ROWS:
    _refuse_taken(_row)
    _check_numpy(_row)
    OPERATORS[_row.name] = _row
