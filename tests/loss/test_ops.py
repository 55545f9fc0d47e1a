import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy
import torch
from torch import Tensor

from ganetic.loss import ops
from ganetic.loss.ops import EPSILON, OPERATORS, Array, Linearised, Operator, register

POINTS = np.array([-7.0, -1.3, -0.4, 0.35, 1.0, 2.2, 9.0])


def double(a: Tensor) -> Tensor:
    return 2 * a


def linear(factor: float, slope: float) -> Callable[[Array], Linearised]:
    return lambda a: (factor * a, (np.asarray(slope),))


def row(**changes: Any) -> Operator:
    sound = replace(OPERATORS["neg"], name="double", torch=double, linearise=linear(2.0, 2.0))
    return replace(sound, **changes)


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> dict[str, Operator]:
    copy = dict(OPERATORS)
    monkeypatch.setattr(ops, "OPERATORS", copy)
    return copy


def test_a_sound_row_is_added(table: dict[str, Operator]) -> None:
    register(row())
    assert "double" in table


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"name": "neg"}, "registered already"),
        ({"torch": lambda a, b: a + b}, "does not take 1 arguments"),
        ({"linearise": lambda a, b: (a, (b, a))}, "does not take 1 arguments"),
        ({"torch": lambda a: 2 * a.sum()}, "does not keep the shape"),
        ({"torch": lambda a: 2 * a[:1]}, "does not keep the shape"),
        ({"torch": lambda a: 2 * torch.log(a)}, "is not finite"),
        ({"torch": lambda a: 2 * torch.sqrt(torch.abs(a))}, "is not finite"),
        ({"torch": lambda a: 1e36 * a}, "is not finite"),
        ({"linearise": linear(2.001, 2.0)}, "differs from the torch form"),
        ({"linearise": linear(2.0, 2.001)}, "differs from the torch form"),
        ({"linearise": lambda a: (2 * a, ())}, "0 partial derivatives for 1 argument"),
        ({"linearise": lambda a: (2 * a[:1], (np.asarray(2.0),))}, "does not keep the shape of its arguments in numpy"),
        ({"linearise": lambda a: (2 * a, (np.full_like(a, np.inf),))}, "is not finite on .* in numpy"),
    ],
)
def test_a_bad_row_is_refused(table: dict[str, Operator], changes: dict[str, Any], complaint: str) -> None:
    before = dict(table)
    with pytest.raises(ValueError, match=complaint):
        register(row(**changes))
    assert table == before


@pytest.mark.parametrize("wrong", [{"torch": lambda a: 2.001 * a}, {"torch": lambda a: 2 * torch.log(a)}])
def test_rows_of_the_table_are_checked_against_torch(table: dict[str, Operator], wrong: dict[str, Any]) -> None:
    ops.check_torch()
    table["double"] = row(**wrong)
    with pytest.raises(ValueError, match='"double"'):
        ops.check_torch()


def test_an_operator_brings_torch_when_it_first_computes_with_it(tmp_path: Path) -> None:
    program = (
        "import sys; from ganetic.loss.ops import OPERATORS; assert 'torch' not in sys.modules;"
        "import torch; half = torch.tensor(0.5);"
        "print([round(float(OPERATORS[name].torch(half)), 3) for name in ('exp', 'log')], 'ganetic.loss.compile' in "
        "sys.modules)"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[1.649, -0.693] False\n"


def test_a_domain_bounds_the_check(table: dict[str, Operator]) -> None:
    # Finite only where it says so: the same row without the domain is refused.
    def root(a: Tensor) -> Tensor:
        return torch.sqrt(a)

    def linear_root(a: Any) -> Linearised:
        with np.errstate(all="ignore"):
            return np.sqrt(a), (0.5 / np.sqrt(a),)

    with pytest.raises(ValueError, match="not finite"):
        register(row(torch=root, linearise=linear_root))
    register(row(torch=root, linearise=linear_root, domain=(0.5, 1e4)))


@pytest.mark.parametrize("name", OPERATORS)
def test_sympy_form_agrees_away_from_the_protections(name: str) -> None:
    operator = OPERATORS[name]
    columns = np.array(np.meshgrid(*[POINTS] * operator.arity)).reshape(operator.arity, -1)
    expected = np.broadcast_to(operator.linearise(*columns)[0], columns[0].shape)
    got = [float(operator.sympy(sympy, *[sympy.Float(float(x)) for x in point])) for point in columns.T]
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=2e-8)


@pytest.mark.parametrize("name", OPERATORS)
def test_partial_derivatives_are_slopes(name: str) -> None:
    operator, step = OPERATORS[name], 1e-6
    for index in range(operator.arity):
        columns = [POINTS[::-1].copy() if other != index else POINTS for other in range(operator.arity)]
        above, below = ([c + s * (i == index) for i, c in enumerate(columns)] for s in (step, -step))
        slope = (operator.linearise(*above)[0] - operator.linearise(*below)[0]) / (2 * step)
        partial = np.broadcast_to(operator.linearise(*columns)[1][index], POINTS.shape)
        smooth = columns[0] != columns[-1] if operator.arity == 2 else np.ones(POINTS.shape, bool)
        np.testing.assert_allclose(partial[smooth], slope[smooth], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", OPERATORS)
def test_operators_are_total(name: str, dtype: torch.dtype) -> None:
    operator = OPERATORS[name]
    points = torch.tensor([-1e4, -EPSILON, 0.0, EPSILON, 1e4], dtype=dtype)
    grid = [axis.reshape(-1).requires_grad_() for axis in torch.meshgrid(*[points] * operator.arity, indexing="ij")]
    value = operator.torch(*grid)
    assert torch.isfinite(value).all()
    assert all(torch.isfinite(gradient).all() for gradient in torch.autograd.grad(value.sum(), grid))


def test_protected_operators_are_exact_where_the_papers_are() -> None:
    p = torch.tensor([0.5, 1e-3, -2.0], dtype=torch.float64)
    assert torch.equal(OPERATORS["div"].torch(torch.ones_like(p), p), 1 / (p + EPSILON))
    assert torch.equal(OPERATORS["sqrt"].torch(p), torch.sqrt(p.abs() + EPSILON))
    assert torch.equal(OPERATORS["log"].torch(p), torch.log(p.abs() + EPSILON))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_quotient_does_not_depend_on_its_neighbours_in_the_batch(dtype: torch.dtype) -> None:
    numerator, plain = torch.tensor([0.3, -2.0, 5.0]), torch.tensor([0.7, -1e-3, 1e-7])
    outcomes = []
    for extra in (1.0, 0.0, -EPSILON):  # the last two need protection
        a = torch.cat([numerator, torch.ones(1)]).to(dtype).requires_grad_()
        b = torch.cat([plain, torch.tensor([extra])]).to(dtype).requires_grad_()
        value = OPERATORS["div"].torch(a, b)
        gradients = torch.autograd.grad(value.sum(), (a, b))
        outcomes.append(torch.stack([value.detach(), *gradients])[:, :-1])
    assert torch.equal(outcomes[0], outcomes[1])
    assert torch.equal(outcomes[0], outcomes[2])


def test_softplus_keeps_its_tail_in_float64() -> None:
    # Above 20 torch's default is the identity, with an error of 2e-9.
    value = OPERATORS["softplus"].torch(torch.tensor(25.0, dtype=torch.float64))
    assert value.item() - 25 == pytest.approx(np.exp(-25.0), rel=1e-3)
