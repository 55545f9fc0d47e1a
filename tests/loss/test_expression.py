import random
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganetic.errors import UserError
from ganetic.loss.expression import (
    MAX_DEPTH,
    MAX_LENGTH,
    MAX_NODES,
    Call,
    Const,
    Node,
    Var,
    depth,
    node_count,
    parse,
    round4,
    substitute,
    to_infix,
    to_latex,
    to_text,
    variables_of,
)
from ganetic.loss.ops import OPERATORS
from tests.loss.random_trees import grow, label_formulas

VARIABLES = ("y", "p", "d", "m")
GANETIC = "add(cube(p), sqrt(mul(3.985, div(y, p))))"

numbers = (
    st.floats(allow_nan=False, allow_infinity=False)
    .filter(lambda value: abs(value) < 1e308)
    .map(lambda value: Const(round4(value)))
)
leaves: st.SearchStrategy[Node] = st.one_of(numbers, st.sampled_from([Var(name) for name in VARIABLES]))


def calls(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    def of(name: str) -> st.SearchStrategy[Node]:
        arguments = st.tuples(*[inner] * OPERATORS[name].arity)
        return arguments.filter(lambda args: any(variables_of(arg) for arg in args)).map(lambda args: Call(name, args))

    return st.sampled_from(sorted(OPERATORS)).flatmap(of)


@settings(deadline=None, derandomize=True)
@given(st.recursive(leaves, calls, max_leaves=12).filter(lambda tree: depth(tree) <= MAX_DEPTH))
def test_parse_reads_what_was_printed(tree: Node) -> None:
    assert parse(to_text(tree), VARIABLES) == tree


def test_parse_reads_what_was_printed_for_thousands_of_trees() -> None:
    for formula in islice(label_formulas(3), 2000):
        tree = formula.trees["loss"]
        assert parse(to_text(tree), VARIABLES) == tree


def test_a_tree() -> None:
    tree = parse(" add( cube(p),sqrt(mul(3.9851, div(y,p)) ) ) ", VARIABLES)
    assert to_text(tree) == GANETIC
    assert (node_count(tree), depth(tree), variables_of(tree)) == (9, 4, {"p", "y"})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("mul(2, 3)", 6.0),
        ("div(1, 3)", 0.3333),
        ("add(1, mul(2, exp(0)))", 3.0),
        ("log(0)", -18.42),
        ("123456", 123500.0),
        ("-0", 0.0),
        ("1e-320", 1e-320),
        ("+1.", 1.0),
    ],
)
def test_constants_fold_to_four_digits(text: str, value: float) -> None:
    assert parse(text, VARIABLES) == Const(value)
    assert str(parse(text, VARIABLES)) == str(Const(value))


def test_substitution_folds() -> None:
    tree = parse("mul(div(y, 3), p)", VARIABLES)
    assert to_text(substitute(tree, {"y": Const(1.0)})) == "mul(0.3333, p)"


def nested(levels: int) -> str:
    return "neg(" * levels + "p" + ")" * levels


def balanced(levels: int) -> str:
    return "p" if levels == 0 else f"add({balanced(levels - 1)}, {balanced(levels - 1)})"


def test_bounds_are_inclusive() -> None:
    assert depth(parse(nested(MAX_DEPTH), VARIABLES)) == MAX_DEPTH
    assert node_count(parse(balanced(7), VARIABLES)) == MAX_NODES - 1
    assert parse("p" + " " * (MAX_LENGTH - 1), VARIABLES) == Var("p")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (nested(MAX_DEPTH + 1), "deeper than 32"),
        ("neg(" * 1300, "characters|deeper"),
        (balanced(8), "more than 256 nodes"),
        ("p" + " " * MAX_LENGTH, "at most 4096"),
        ("1e999", "not finite"),
        ("1" * 400, "not finite"),
        ("1.7976931348623157e308", "not finite"),
        ("cube(" * 16 + "9" + ")" * 16, "not finite"),
        ("nan", 'unknown variable "nan"'),
        ("inf", 'unknown variable "inf"'),
        ("__import__('os')", "cannot read"),
        ("__import__(os)", 'unknown operator "__import__"'),
        ("lambda: 0", "cannot read|unknown"),
        ("p.__class__", "cannot read"),
        ("add(p, y", "closing bracket"),
        ("add(p y)", "unexpected"),
        ("add(p,, y)", "unexpected"),
        ("add(p, y))", "unexpected"),
        ("add(p)", "takes 2 arguments, got 1"),
        ("neg(p, y)", "takes 1 argument, got 2"),
        ("neg()", "unexpected"),
        ("p p", "unexpected"),
        ("(p)", "unexpected"),
        ("3p", "unexpected"),
        ("", "ends too early"),
        ("   ", "ends too early"),
        ("plus(p, y)", 'unknown operator "plus"'),
        ("pwo(p)", "expected one of"),
        ("sqrtt(p)", 'did you mean "sqrt"'),
        ("neg(q)", 'unknown variable "q"'),
        ("p\x00", "cannot read"),
        ("p; import os", "cannot read"),
        ("0x10", "unexpected"),
        ("1_000", "unexpected"),
        ("p**2", "cannot read"),
        ("add(p, \ud800)", "cannot read"),
    ],
)
def test_what_is_no_expression_is_refused_in_one_line(text: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint) as caught:
        parse(text, VARIABLES, where="here")
    message = str(caught.value)
    assert message.startswith("here: ")
    assert "\n" not in message
    assert len(message) < 500


def test_constants_are_folded() -> None:
    assert parse("exp(exp(100)) ", VARIABLES) == Const(1.069e13)
    assert parse("add(p, mul(2, 3))", VARIABLES) == Call("add", (Var("p"), Const(6.0)))


def assert_read_or_refused(text: str) -> None:
    """It is an expression that survives printing, or is refused in one line."""
    try:
        tree = parse(text, VARIABLES)
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert parse(to_text(tree), VARIABLES) == tree


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert_read_or_refused(text)


def test_damaged_expressions_are_read_or_refused() -> None:
    stream = random.Random(5)
    for _ in range(2000):
        text = list(grow(stream, 4, VARIABLES))
        for _ in range(stream.randint(1, 3)):
            text[stream.randrange(len(text))] = stream.choice("(),.e-+9pyxé _")
        assert_read_or_refused("".join(text))


@pytest.mark.parametrize(
    ("text", "infix", "latex"),
    [
        (GANETIC, "p³ + sqrt(3.985·y/p)", r"p^{3} + \sqrt{\left|3.985 \, \frac{y}{p}\right|}"),
        ("sub(p, sub(y, 1))", "p - (y - 1)", r"p - \left(y - 1\right)"),
        ("sub(sub(p, y), 1)", "p - y - 1", "p - y - 1"),
        ("mul(add(p, y), neg(p))", "(p + y)·(-p)", r"\left(p + y\right) \, \left(-p\right)"),
        ("div(p, mul(y, p))", "p/(y·p)", r"\frac{p}{y \, p}"),
        ("square(neg(p))", "(-p)²", r"\left(-p\right)^{2}"),
        ("square(square(p))", "(p²)²", r"\left(p^{2}\right)^{2}"),
        ("neg(square(p))", "-p²", "-p^{2}"),
        ("mul(p, mul(-2, y))", "p·(-2·y)", r"p \, \left(-2 \, y\right)"),
        ("div(p, -2)", "p/(-2)", r"\frac{p}{-2}"),
        ("mul(-0.5, p)", "-0.5·p", r"-0.5 \, p"),
        ("neg(add(p, y))", "-(p + y)", r"-\left(p + y\right)"),
        ("add(p, -2)", "p + (-2)", r"p + \left(-2\right)"),
        ("mul(1e-12, p)", "1e-12·p", r"1 \cdot 10^{-12} \, p"),
        ("max(p, y)", "max(p, y)", r"\max\left(p, y\right)"),
        ("abs(sub(p, y))", "|p - y|", r"\left|p - y\right|"),
        ("log(p)", "log(p)", r"\log\left|p\right|"),
        ("square(log(p))", "log(p)²", r"\left(\log\left|p\right|\right)^{2}"),
        ("cube(div(p, y))", "(p/y)³", r"\left(\frac{p}{y}\right)^{3}"),
        ("square(tanh(p))", "tanh(p)²", r"\left(\tanh\left(p\right)\right)^{2}"),
        ("square(sigmoid(p))", "sigmoid(p)²", r"\sigma\left(p\right)^{2}"),
        ("neg(div(p, log(y)))", "-(p/log(y))", r"-\frac{p}{\log\left|y\right|}"),
        ("mul(log(p), y)", "log(p)·y", r"\log\left|p\right| \, y"),
        ("square(exp(p))", "exp(p)²", r"\left(e^{p}\right)^{2}"),
    ],
)
def test_print(text: str, infix: str, latex: str) -> None:
    tree = parse(text, VARIABLES)
    assert to_infix(tree) == infix
    assert to_latex(tree) == latex
