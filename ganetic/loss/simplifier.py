"""The child process behind `ganetic.loss.symbolic`: sympy and the table of operators, without torch.

It reads a request a line from stdin, ``{"tree": …, "seconds": …}``, the tree as `build` takes it, and answers with
lines ``{"text": …, "done": …}``: a prefix expression, or null where the table of operators cannot express the result.
Whatever goes wrong ends the process, and the parent then keeps the plain form.
"""

import contextlib
import json
import math
import resource
import signal
import sys
from collections.abc import Iterator
from functools import reduce
from typing import Any

import sympy

from ganetic.loss.ops import OPERATORS

MEMORY_BYTES = 4 << 30

_POSITIVE, _REAL = ("p", "s"), ("d", "m")
_UNARY = {sympy.tanh: "tanh", sympy.sin: "sin", sympy.cos: "cos", sympy.Abs: "abs"}
_LARGEST_POWER = 64


class UnwritableError(Exception):
    """The table of operators has no words for an expression."""


def build(tree: Any) -> Any:
    """The sympy expression of a tree: ``[operator, argument, …]``, a constant's number, or a variable's name."""
    if isinstance(tree, list):
        name, *arguments = tree
        return OPERATORS[name].sympy(sympy, *map(build, arguments))
    return symbol(tree) if isinstance(tree, str) else sympy.Rational(f"{tree:.4g}")


def symbol(name: str) -> Any:
    """A variable with what is known of its sign."""
    if name in _POSITIVE:
        return sympy.Symbol(name, positive=True)
    return sympy.Symbol(name, real=True) if name in _REAL else sympy.Symbol(name, nonnegative=True)


def write(expression: Any) -> str:
    """Prefix text of a sympy expression, up to the protecting epsilons.

    Raises:
        UnwritableError: it needs a function that is not in the table.
    """
    if expression.is_number:
        return _number(expression)
    if expression.is_Symbol:
        return str(expression.name)
    if expression.is_Add:
        return _sum(expression)
    if expression.is_Mul:
        sign, text = _product(expression)
        return f"neg({text})" if sign < 0 else text
    return _power(expression.base, expression.exp) if expression.is_Pow else _function(expression)


def _number(expression: Any) -> str:
    value = complex(expression)
    if value.imag or not math.isfinite(value.real):
        raise UnwritableError(str(expression))
    return repr(value.real)


def _sum(expression: Any) -> str:
    terms = [_product(term) for term in expression.as_ordered_terms()]
    terms.sort(key=lambda term: -term[0])  # stable: what is added first, then what is subtracted
    sign, text = terms[0]
    text = f"neg({text})" if sign < 0 else text
    for sign, term in terms[1:]:
        text = f"{'sub' if sign < 0 else 'add'}({text}, {term})"
    return text


def _product(expression: Any) -> tuple[int, str]:
    """Sign and text of the magnitude."""
    number: Any = sympy.Integer(1)
    rooted: Any = sympy.Integer(1)
    above, below = [], []
    for factor in sympy.Mul.make_args(expression):
        base, exponent = factor.as_base_exp()
        if factor.is_number:
            number *= factor
        elif abs(exponent) == sympy.Rational(1, 2):
            rooted *= _without_abs(base) ** (2 * exponent)
        elif exponent.is_number and exponent.is_negative and _sigmoid_argument(base, exponent) is None:
            below.append(_power(base, -exponent))
        else:
            above.append(write(factor))
    if rooted != 1 and not number.is_Rational and (number**2).is_Rational:  # the root of a constant goes inside again
        rooted, number = rooted * number**2, sympy.sign(number)
    if rooted != 1:
        above.append(f"sqrt({write(rooted)})")
    value = float(_number(number))
    if abs(value) != 1 or not above:
        above.insert(0, repr(abs(value)))
    text = _joined(above)
    return -1 if value < 0 else 1, f"div({text}, {_joined(below)})" if below else text


def _without_abs(expression: Any) -> Any:
    """The argument of |…|, for operators that take the magnitude themselves."""
    return expression.args[0] if isinstance(expression, sympy.Abs) else expression


def _joined(factors: list[str]) -> str:
    return reduce(lambda left, right: f"mul({left}, {right})", factors)


def _power(base: Any, exponent: Any) -> str:
    if not exponent.is_number:
        return f"exp({write(exponent * sympy.log(base))})"
    argument = _sigmoid_argument(base, exponent)
    if argument is not None:
        return f"sigmoid({write(argument)})"
    if not exponent.is_Rational or abs(exponent.p) > _LARGEST_POWER:
        raise UnwritableError(str(exponent))
    if exponent < 0:
        return f"div(1, {_power(base, -exponent)})"
    roots = exponent.q.bit_length() - 1
    if exponent.q != 1 << roots:
        raise UnwritableError(str(exponent))
    text = write(_without_abs(base) if roots else base)
    for _ in range(roots):
        text = f"sqrt({text})"
    return _whole_power(text, int(exponent.p))


def _whole_power(text: str, exponent: int) -> str:
    if exponent == 1:
        return text
    for divisor, name in ((2, "square"), (3, "cube")):
        if exponent % divisor == 0:
            return f"{name}({_whole_power(text, exponent // divisor)})"
    return f"mul({text}, {_whole_power(text, exponent - 1)})"


def _sigmoid_argument(base: Any, exponent: Any) -> Any:
    """The u of (1 + e^-u)^-1, or None."""
    inner = _exponent_beside_one(base) if exponent == -1 else None
    return None if inner is None else -inner


def _exponent_beside_one(expression: Any) -> Any:
    """The u of 1 + e^u, or None."""
    rest = expression - 1
    return rest.exp if isinstance(rest, sympy.exp) else None


def _function(expression: Any) -> str:
    arguments = expression.args
    if isinstance(expression, sympy.exp):
        return f"exp({write(expression.exp)})"
    if isinstance(expression, sympy.log):
        inner = _exponent_beside_one(arguments[0])
        if inner is not None:
            return f"softplus({write(inner)})"
        return f"log({write(_without_abs(arguments[0]))})"
    if isinstance(expression, sympy.Max | sympy.Min):
        rest = [argument for argument in arguments if argument != 0]
        if isinstance(expression, sympy.Max) and len(rest) < len(arguments):
            return f"relu({_extremum('max', rest)})"
        return _extremum("max" if isinstance(expression, sympy.Max) else "min", list(arguments))
    if type(expression) not in _UNARY:
        raise UnwritableError(str(expression.func))
    return f"{_UNARY[type(expression)]}({write(arguments[0])})"


def _extremum(name: str, arguments: list[Any]) -> str:
    texts = [write(argument) for argument in sorted(arguments, key=sympy.default_sort_key)]
    return reduce(lambda left, right: f"{name}({left}, {right})", texts)


def answers(request: dict[str, Any]) -> Iterator[str | None]:
    """First what building alone makes of it, then what `sympy.simplify` does."""
    expression = build(request["tree"])
    for rewrite in (lambda same: same, sympy.simplify):
        try:
            yield write(rewrite(expression))
        except UnwritableError:
            yield None


def main() -> None:
    """Answer requests until stdin ends."""
    with contextlib.suppress(ValueError, OSError):  # some systems do not know this limit
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    sys.stdout.write('{"text": null, "done": true}\n')
    sys.stdout.flush()
    for line in sys.stdin:
        request = json.loads(line)
        # The parent kills this process when its time is over; the alarm does when the parent is gone.
        signal.alarm(math.ceil(request["seconds"]) + 2)
        for index, text in enumerate(answers(request)):
            sys.stdout.write(json.dumps({"text": text, "done": index == 1}) + "\n")
            sys.stdout.flush()
        signal.alarm(0)
