import os
import random
import subprocess
import sys

import pytest

from ganetic.evolution.genome import Genome, Trees, drawing_from, to_node
from ganetic.evolution.space import SearchSpace
from ganetic.loss.expression import Const, node_count, to_text, walk
from ganetic.loss.formula import Formula
from tests.evolution.fakes import SPACE
from tests.evolution.test_sampler import LOGIT

GENOME = Genome(SPACE)
FIRST = "add(cube(p), sqrt(mul(3.985, div(y, p))))"
SECOND = "sub(log(p), mul(y, square(sub(p, 0.5))))"


def trees_of(text: str) -> Trees:
    return GENOME.trees(Formula.from_text(text))


def text_of(trees: Trees) -> str:
    return to_text(to_node(trees["loss"]))


@pytest.mark.parametrize(
    ("operator", "golden"),
    [
        (
            "subtree",
            [
                "add(cube(p), sqrt(mul(3.985, sqrt(p))))",
                "add(p, sqrt(mul(3.985, div(y, p))))",
                "add(neg(p), sqrt(mul(3.985, div(y, p))))",
                "add(cube(p), sqrt(mul(3.985, div(y, 0.8992))))",
            ],
        ),
        (
            "node",
            [
                "add(cube(p), sqrt(mul(3.985, div(y, p))))",
                "add(cube(p), sqrt(mul(3.985, div(y, p))))",
                "add(cube(y), sqrt(mul(3.985, div(y, p))))",
                "add(cube(p), cube(mul(3.985, div(y, p))))",
            ],
        ),
        (
            "ephemeral",
            [
                "add(cube(p), sqrt(mul(-4.595, div(y, p))))",
                "add(cube(p), sqrt(mul(-2.449, div(y, p))))",
                "add(cube(p), sqrt(mul(-4.151, div(y, p))))",
                "add(cube(p), sqrt(mul(-1.3, div(y, p))))",
            ],
        ),
        (
            "shrink",
            [
                "add(cube(p), sqrt(mul(3.985, y)))",
                "add(p, sqrt(mul(3.985, div(y, p))))",
                "add(p, sqrt(mul(3.985, div(y, p))))",
                "add(cube(p), mul(3.985, div(y, p)))",
            ],
        ),
        (
            "insert",
            [
                "add(cube(p), sqrt(mul(3.985, add(-0.1407, div(y, p)))))",
                "add(neg(cube(p)), sqrt(mul(3.985, div(y, p))))",
                "add(sub(y, cube(p)), sqrt(mul(3.985, div(y, p))))",
                "add(cube(p), sqrt(mul(3.985, div(y, mul(-0.2595, p)))))",
            ],
        ),
    ],
)
def test_mutations_of_a_fixed_tree(operator: str, golden: list[str]) -> None:
    assert [mutant(operator, seed) for seed in range(4)] == golden


def mutant(operator: str, seed: int) -> str:
    parent = trees_of(FIRST)
    with drawing_from(random.Random(seed)):
        child = GENOME.mutate(parent, operator)
    assert text_of(parent) == FIRST  # a parent is not changed
    return text_of(child)


def test_crossover_of_two_fixed_trees() -> None:
    assert [crossed(seed) for seed in range(4)] == [
        "add(square(sub(p, 0.5)), sqrt(mul(3.985, div(y, p))))",
        "add(cube(p), sqrt(mul(p, div(y, p))))",
        "add(cube(sub(p, 0.5)), sqrt(mul(3.985, div(y, p))))",
        "add(cube(p), 1.411)",
    ]


def crossed(seed: int) -> str:
    first, second = trees_of(FIRST), trees_of(SECOND)
    with drawing_from(random.Random(seed)):
        child = GENOME.cross(first, second)
    assert (text_of(first), text_of(second)) == (FIRST, SECOND)
    return text_of(child)


@pytest.mark.parametrize("space", [SPACE, LOGIT], ids=["label", "logit"])
def test_formula_to_trees_and_back(space: SearchSpace) -> None:
    genome, stream = Genome(space), random.Random(1)
    for _ in range(200):
        with drawing_from(stream):
            drawn = genome.random()
        formula = genome.formula(drawn)
        assert tuple(formula.trees) == space.tree_names
        again = genome.trees(Formula.from_text(formula.text))
        assert genome.formula(again) == formula
        for name, tree in again.items():
            assert len(tree) == node_count(formula.trees[name])
            assert tree.height <= 30  # type: ignore[attr-defined]  # a gp.PrimitiveTree, not just a list


def test_constants_of_a_tree_that_was_read_mutate_like_drawn_ones() -> None:
    low, high = SPACE.trees.constants
    found = set()
    for seed in range(20):
        child = Formula.from_text(mutant("ephemeral", seed))
        (value,) = [node.value for node in walk(child.trees["loss"]) if isinstance(node, Const)]
        assert low <= value <= high
        found.add(value)
    assert len(found) == 20
    assert 3.985 not in found


def test_reading_a_formula_draws_nothing() -> None:
    stream = random.Random(2)
    before = stream.getstate()
    with drawing_from(stream):
        trees_of(FIRST)
    assert stream.getstate() == before


def test_the_global_random_state_is_left_alone() -> None:
    before = random.getstate()
    mutant("subtree", 0)
    crossed(0)
    with pytest.raises(ZeroDivisionError), drawing_from(random.Random(3)):
        GENOME.random()
        raise ZeroDivisionError
    assert random.getstate() == before


def test_a_stream_goes_on_where_it_was_left() -> None:
    at_once, in_parts = random.Random(4), random.Random(4)
    with drawing_from(at_once):
        expected = [text_of(GENOME.random()) for _ in range(4)]
    found = []
    for _ in range(4):
        with drawing_from(in_parts):
            found.append(text_of(GENOME.random()))
        random.random()
    assert found == expected


def test_every_weighted_operator_is_drawn_and_no_other() -> None:
    variation = SPACE.evolution.variation.model_copy(update={"shrink": 0.0})
    evolution = SPACE.evolution.model_copy(update={"variation": variation})
    genome = Genome(SPACE.model_copy(update={"evolution": evolution}))
    with drawing_from(random.Random(5)):
        drawn = [genome.draw_operator() for _ in range(1000)]
    assert set(drawn) == {"crossover", "subtree", "node", "ephemeral", "insert"}
    assert 330 < drawn.count("crossover") < 510  # 0.4 of 0.95


@pytest.mark.slow
def test_children_do_not_depend_on_the_seed_of_hashes() -> None:
    program = (
        "from tests.evolution.fakes import SPACE\n"
        "from tests.evolution.test_sampler import play\n"
        "print([proposal.text for proposal, _ in play(SPACE, 0, 40)[1]])"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("1", "2")
    ]
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert outputs[0] == outputs[1]
    assert outputs[0].count("(") > 40
