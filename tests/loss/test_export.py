import ast
import json
import re
import runpy
import subprocess
import sys
import textwrap
from functools import reduce as fold
from itertools import islice
from pathlib import Path

import matplotlib.mathtext
import numpy as np
import pytest
import torch

from ganetic.errors import UserError
from ganetic.loss.card import LossCard
from ganetic.loss.compile import GanLoss
from ganetic.loss.export import latex, python_module
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.loss.ops import OPERATORS
from tests.loss.random_trees import label_formulas, logit_formulas
from tests.loss.test_card import make_card, result

RUN = textwrap.dedent(
    """
    import sys
    for absent in ("ganetic", "sympy", "pydantic", "deap", "ray", "scipy", "pandas"):
        sys.modules[absent] = None  # cannot be imported
    import importlib, json, torch
    sys.path.insert(0, sys.argv[1])
    real = torch.tensor([-9.0, -0.7, 0.0, 0.3, 4.0], dtype=torch.float64, requires_grad=True)
    fake = torch.tensor([-6.0, -1.1, 0.0, 2.5], dtype=torch.float64, requires_grad=True)
    answers = {}
    for name in sys.argv[2:]:
        module, rows = importlib.import_module(name), []
        for cast in (torch.Tensor.double, torch.Tensor.float, torch.Tensor.half):
            for value in (
                module.discriminator_loss(cast(real), cast(fake)), module.generator_loss(cast(fake), cast(real))
            ):
                gradients = torch.autograd.grad(value, (real, fake), allow_unused=True, materialize_grads=True)
                rows.append([value.item(), *torch.cat(gradients).tolist()])
        answers[name] = rows
    print(json.dumps(answers))
    """
)


def run_alone(folder: Path, names: list[str]) -> dict[str, list[list[float]]]:
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(folder), *names], capture_output=True, text=True, check=False, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    answers: dict[str, list[list[float]]] = json.loads(done.stdout)
    return answers


def expected_rows(formula: Formula) -> list[list[float]]:
    loss, rows = GanLoss(formula), []
    real = torch.tensor([-9.0, -0.7, 0.0, 0.3, 4.0], dtype=torch.float64, requires_grad=True)
    fake = torch.tensor([-6.0, -1.1, 0.0, 2.5], dtype=torch.float64, requires_grad=True)
    for cast in (torch.Tensor.double, torch.Tensor.float, torch.Tensor.half):
        for value in (loss.discriminator(cast(real), cast(fake)), loss.generator(cast(fake), cast(real))):
            gradients = torch.autograd.grad(value, (real, fake), allow_unused=True, materialize_grads=True)
            rows.append([value.item(), *torch.cat(gradients).tolist()])
    return rows


def every_operator() -> Formula:
    """A loss that uses the whole table."""
    calls = [f"{name}({', '.join(['d', '0.7'][: operator.arity])})" for name, operator in OPERATORS.items()]
    tree = fold(lambda left, right: f"add({left}, {right})", calls)
    return Formula.of("logit", {"d_real": tree, "d_fake": "d", "g_fake": "neg(d)"})


@pytest.fixture(scope="module")
def losses() -> dict[str, Formula]:
    named = {f"loss_{name.replace('-', '_')}": loss.formula for name, loss in LIBRARY.items()}
    named["constant"] = Formula.from_text("d_real=2.5; d_fake=m; g_fake=1")
    for index, name in enumerate(OPERATORS):
        arguments = ", ".join(["d", "0.3"][: OPERATORS[name].arity])
        named[f"operator_{index}"] = Formula.from_text(f"d_real={name}({arguments}); d_fake=d; g_fake=neg(d)")
    random = [*islice(label_formulas(13), 40), *islice(logit_formulas(13), 20)]
    for index, formula in enumerate(random):
        try:
            LossCard.of("random", formula)
        except UserError:  # its gradient is not finite
            continue
        named[f"random_{index}"] = formula
    return named


@pytest.mark.slow
def test_the_module_alone_equals_the_loss(losses: dict[str, Formula], tmp_path: Path) -> None:
    for name, formula in losses.items():
        (tmp_path / f"{name}.py").write_text(python_module(LossCard.of("x", formula)), encoding="utf-8")
    answers = run_alone(tmp_path, list(losses))
    for name, formula in losses.items():
        got = np.array(answers[name], dtype=np.float64)
        np.testing.assert_allclose(got, np.array(expected_rows(formula)), rtol=1e-6, atol=1e-12, err_msg=formula.text)


def test_modules_are_clean_and_formatted(losses: dict[str, Formula], tmp_path: Path) -> None:
    for name, formula in losses.items():
        (tmp_path / f"{name}.py").write_text(python_module(LossCard.of("x", formula)), encoding="utf-8")
    (tmp_path / "best.py").write_text(python_module(make_card()), encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff"]
    for command in (["check", "--isolated"], ["format", "--isolated", "--check", "--line-length", "120"]):
        done = subprocess.run([*ruff, *command, str(tmp_path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:]


def test_the_module_says_what_a_reader_must_know() -> None:
    text = ast.get_docstring(ast.parse(python_module(make_card())))
    assert text is not None
    for words in (
        "GAN loss found-412",
        "apply no sigmoid",
        "real_above_fake",
        "p³ + sqrt(3.985·y/p)",
        "learning rate 0.002, betas (0.5, 0.999), batch 32, with batch norm",
        "fd@mnist5k-cnn64/2k 46 ± 2.7 (confirmation, 2 seeds, 1600 steps",
        "Reference bce",
        "individual 412",
        "Found as: add(0,",
    ):
        assert words in text


def test_the_other_orientation_is_pointed_out() -> None:
    card = LossCard.of("negated", Formula.from_text("d_real=d; d_fake=neg(d); g_fake=d"))
    assert "negate its output" in python_module(card)


@pytest.mark.parametrize(
    "hostile",
    [
        '"""\nimport os\nraise SystemExit(3)\n"""'.replace("\n", " "),
        '"""; raise SystemExit(3); """',
        "\\",
        '\\"""',
        '\\\\"',
        "'''",
        "\\N{BULLET} \\x41 \\u0041",
        "{real} %s $(reboot)",
        "\\end{document} \\input{x} % $ & # _ ^ ~",
    ],
)
def test_text_of_a_card_stays_text(hostile: str) -> None:
    formula = LIBRARY["bce"].formula
    card = LossCard.of("x", formula, results=[result(metric=hostile, data=hostile)], found_as=hostile)
    tree, plain = ast.parse(python_module(card)), ast.parse(python_module(LossCard.of("x", formula)))
    docstring = ast.get_docstring(tree, clean=False)
    assert docstring is not None
    assert " ".join(hostile.split()) in " ".join(docstring.split())
    assert [ast.dump(node) for node in tree.body[1:]] == [ast.dump(node) for node in plain.body[1:]]
    code = [line for line in latex(card).splitlines() if not line.startswith("%")]
    assert code == [line for line in latex(LossCard.of("x", formula)).splitlines() if not line.startswith("%")]


def test_relativistic_module_needs_the_real_logits(tmp_path: Path) -> None:
    card = LossCard.of("x", LIBRARY["relativistic-hinge"].formula)
    (tmp_path / "best.py").write_text(python_module(card), encoding="utf-8")
    generator = runpy.run_path(str(tmp_path / "best.py"))["generator_loss"]
    assert callable(generator)
    with pytest.raises(ValueError, match="needs the real logits"):
        generator(torch.zeros(3))


def formulas_of(document: str) -> list[str]:
    body = document.partition(r"\begin{align*}")[2].partition(r"\end{align*}")[0]
    return [re.sub(r"\s*\\\\$", "", line.strip()).replace("&", "") for line in body.strip().splitlines()]


@pytest.mark.parametrize("name", [*LIBRARY, "every operator"])
def test_latex_formulas_are_well_formed(name: str) -> None:
    formula = every_operator() if name == "every operator" else LIBRARY[name].formula
    document = latex(LossCard.of("x", formula))
    assert document.count("{") == document.count("}")
    assert document.count(r"\left") == document.count(r"\right")
    assert document.index(r"\documentclass") < document.index(r"\begin{document}") < document.index(r"\end{document}")
    parser = matplotlib.mathtext.MathTextParser("path")
    for line in formulas_of(document):
        parser.parse(f"${line}$")


def test_latex_is_simplified_where_that_keeps_the_loss() -> None:
    card = LossCard.of("x", Formula.from_text("div(add(cube(p), sqrt(mul(3.985, div(y, p)))), 1)"))
    assert formulas_of(latex(card)) == [r"L(y, p) = p^{3} + \sqrt{\left|\frac{3.985 \, y}{p}\right|}"]
