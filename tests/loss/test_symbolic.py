import os
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import sympy

from ganetic.loss.expression import Call, Const, Node, Var, parse, to_text
from ganetic.loss.fingerprint import fingerprint
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.loss.simplifier import UnwritableError, answers, build, symbol, write
from ganetic.loss.symbolic import plain, rewritings, simplified
from tests.loss.random_trees import label_formulas

VARIABLES = ("y", "p", "d", "m")
GANETIC = "add(cube(p), sqrt(mul(3.985, div(y, p))))"
LIMIT = 1.0
SLACK = 5.0
"""Seconds for killing the child and reading what it said, on a busy machine."""


def cubes(inner: Node, levels: int = 16) -> Node:
    for _ in range(levels):
        inner = Call("cube", (inner,))
    return inner


def there_and_back(text: str) -> str:
    return to_text(parse(write(build(plain(parse(text, VARIABLES)))), VARIABLES))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("add(p, p)", "mul(2, p)"),
        ("sub(p, add(p, d))", "neg(d)"),
        ("mul(p, mul(p, p))", "cube(p)"),
        ("square(square(p))", "square(square(p))"),
        ("div(mul(p, y), mul(p, p))", "div(y, p)"),
        ("div(1, p)", "div(1, p)"),
        ("sqrt(sqrt(p))", "sqrt(sqrt(p))"),
        ("sqrt(square(d))", "abs(d)"),
        ("sqrt(mul(3.985, div(y, p)))", "sqrt(div(mul(3.985, y), p))"),
        ("exp(neg(d))", "exp(neg(d))"),
        ("sigmoid(d)", "sigmoid(d)"),
        ("softplus(neg(d))", "softplus(neg(d))"),
        ("relu(sub(1, d))", "relu(sub(1, d))"),
        ("log(abs(d))", "log(d)"),
        ("tanh(sin(cos(d)))", "tanh(sin(cos(d)))"),
        ("min(d, max(m, 1))", "min(d, max(1, m))"),
        ("mul(0, d)", "0"),
        ("mul(-0.5, d)", "neg(mul(0.5, d))"),
        ("neg(add(d, m))", "sub(neg(d), m)"),
    ],
)
def test_there_and_back(text: str, expected: str) -> None:
    assert there_and_back(text) == expected


def test_what_the_table_cannot_say_is_refused() -> None:
    d = symbol("d")
    for expression in (
        sympy.gamma(d),
        sympy.Piecewise((d, d > 0), (0, True)),
        d ** sympy.Rational(1, 3),
        sympy.oo,
        sympy.I,
    ):
        with pytest.raises(UnwritableError):
            write(expression)


def test_the_child_answers_what_it_can() -> None:
    tree = plain(parse("add(p, p)", VARIABLES))
    assert list(answers({"tree": tree})) == ["mul(2.0, p)", "mul(2.0, p)"]


def test_rewritings_come_from_the_child() -> None:
    trees = rewritings(parse("add(p, sub(y, y))", VARIABLES))
    assert trees == [Var("p"), Var("p")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"div({GANETIC}, 1)", "p³ + sqrt(3.985·y/p)"),
        (f"add({GANETIC}, sub(p, p))", "p³ + sqrt(3.985·y/p)"),
        (GANETIC, "p³ + sqrt(3.985·y/p)"),
    ],
)
def test_simplified(text: str, expected: str) -> None:
    assert simplified(Formula.from_text(text)).readable == expected


@pytest.mark.parametrize("name", LIBRARY)
def test_simplified_keeps_the_loss(name: str) -> None:
    formula = LIBRARY[name].formula
    shorter = simplified(formula)
    assert fingerprint(shorter) == fingerprint(formula)
    assert shorter.node_count <= formula.node_count


def test_simplified_keeps_random_losses() -> None:
    for formula in islice(label_formulas(8, depths=(3, 4)), 10):
        assert fingerprint(simplified(formula, seconds=0.2)) == fingerprint(formula)


@pytest.mark.slow
@pytest.mark.parametrize(
    "bomb",
    [cubes(Const(9.0)), cubes(Call("add", (Var("p"), Const(9.0)))), cubes(Call("mul", (Var("p"), Const(9.0))))],
    ids=["9", "p + 9", "9p"],
)
def test_a_bomb_comes_back_within_the_limit(bomb: Node) -> None:
    rewritings(Var("p"))  # the start of the child is not part of the limit
    start = time.monotonic()
    rewritings(bomb, seconds=LIMIT)
    assert time.monotonic() - start < LIMIT + SLACK
    assert rewritings(parse("add(p, p)", VARIABLES))  # a new child took over


def test_a_bomb_keeps_its_plain_form() -> None:
    formula = Formula.from_text(to_text(cubes(parse("add(p, 9)", VARIABLES))))
    assert simplified(formula) == formula


def test_a_child_that_died_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self)

    rewritings(Var("p"), seconds=0.0)  # which ends the child of the tests before
    monkeypatch.setattr(subprocess, "Popen", Noted)
    rewritings(Var("p"))
    os.kill(started[0].pid, signal.SIGKILL)
    started[0].wait()
    assert rewritings(Var("p")) == [Var("p"), Var("p")]
    assert len(started) == 2


def test_the_child_brings_no_torch() -> None:
    program = "import ganetic.loss.simplifier, sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_script_that_simplifies_runs_once(tmp_path: Path) -> None:
    script = tmp_path / "my.py"
    script.write_text(
        "from ganetic.loss.formula import Formula\n"
        "from ganetic.loss.symbolic import simplified\n"
        "print(simplified(Formula.from_text('add(p, sub(y, y))')).readable)\n"
    )
    root = str(Path(__file__).parents[2])
    env = {**os.environ, "PYTHONPATH": root}
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True, env=env)
    assert done.stdout == "p\n"
