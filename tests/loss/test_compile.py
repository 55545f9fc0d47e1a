import math
from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
import pytest
import torch
from torch import Tensor

from ganetic.loss.compile import GanLoss, Program
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from tests.loss.random_trees import label_formulas, logit_formulas
from tests.reference.losses import Array, Player
from tests.reference.trees import players

BATCHES = (1, 16, 64, 256)
RELATIVE = 1e-6
LARGEST = 1e100
"""Beyond, products of gradients overflow in one order of multiplication and not in another."""


def play(loss: GanLoss, real: Array, fake: Array, dtype: torch.dtype = torch.float64) -> tuple[Player, Player]:
    results = []
    for player in (loss.discriminator, loss.generator):
        a, b = (torch.tensor(logits, dtype=dtype, requires_grad=True) for logits in (real, fake))
        value: Tensor = player(a, b) if player == loss.discriminator else loss.generator(b, a)
        assert value.shape == ()
        gradients = torch.autograd.grad(value, (a, b), allow_unused=True, materialize_grads=True)
        results.append(Player(value.item(), *(g.detach().double().numpy() for g in gradients)))
    return results[0], results[1]


def flat(game: tuple[Player, Player]) -> Array:
    return np.concatenate([np.append(np.concatenate((by_real, by_fake)), value) for value, by_real, by_fake in game])


def mismatch(formula: Formula, batch: int, seed: int) -> tuple[bool, bool]:
    """Whether torch and the tree differ, and whether the comparison meant something."""
    stream = np.random.default_rng(seed)
    real, fake = 3 * stream.standard_normal(batch), 3 * stream.standard_normal(batch)
    expected = flat(players(formula, real, fake))
    if not (np.abs(expected) < LARGEST).all():
        return False, False
    got = flat(play(GanLoss(formula), real, fake))
    shaken = [flat(players(formula, real, fake, noise=np.random.default_rng(i))) for i in range(2)]
    doubt = 100 * np.max(np.abs(np.stack(shaken) - expected), axis=0)
    allowed = RELATIVE * np.abs(expected)
    # Gradients of one player that are tiny beside the others' are sums of larger parts that cancel.
    floor = 1e-12 * max(1.0, float(np.abs(expected).max()))
    differs = not (np.abs(got - expected) <= allowed + np.nan_to_num(doubt, nan=np.inf) + floor).all()
    return differs, bool((doubt <= RELATIVE * np.abs(expected).max()).all())


@pytest.mark.slow
@pytest.mark.parametrize(("make", "number"), [(label_formulas, 1600), (logit_formulas, 600)], ids=["label", "logit"])
def test_compiled_function_equals_the_tree(make: Callable[[int], Iterator[Formula]], number: int) -> None:
    formulas = list(islice(make(1), number))
    outcomes = [mismatch(formula, BATCHES[i % 4], i) for i, formula in enumerate(formulas)]
    wrong = [formula.text for formula, (differs, _) in zip(formulas, outcomes, strict=True) if differs]
    assert wrong == []
    assert np.mean([meant for _, meant in outcomes]) > 0.8


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("name", LIBRARY)
def test_batches_of_different_sizes(name: str, batch: int) -> None:
    loss, stream = GanLoss(LIBRARY[name].formula), np.random.default_rng(batch)
    real, fake = stream.standard_normal(batch), stream.standard_normal(7)
    assert all(np.isfinite(value) for value, _, _ in play(loss, real, fake))


def test_trees_that_differ_in_constants_are_one_program() -> None:
    texts = ("mul(square(sub(d, 1)), 3)", "mul(square(sub(d, -2)), 3)")
    one, other = (Formula.from_text(f"d_real={text}; d_fake=d; g_fake=d").slots["d_real"] for text in texts)
    d = torch.tensor([[0.5, 4.0], [0.5, -1.0]])
    both = Program(one, other)({"d": d}, d.dtype, d.device)
    for row, tree in enumerate((one, other)):
        assert torch.equal(both[row], Program(tree)({"d": d[row]}, d.dtype, d.device))
    for different in ("mul(cube(sub(d, 1)), 3)", "mul(square(sub(1, d)), 3)", "mul(square(sub(m, 1)), 3)", "d"):
        slots = Formula.from_text(f"d_real={different}; d_fake=d; g_fake=d").slots
        with pytest.raises(ValueError, match="differ in more than constants"):
            Program(one, slots["d_real"])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_logits_are_computed_in_float32(dtype: torch.dtype) -> None:
    logits = torch.linspace(-8, 8, 32)
    loss = GanLoss(LIBRARY["ganetic"].formula)
    value = loss.discriminator(logits.to(dtype), -logits.to(dtype))
    assert value.dtype == torch.float32
    assert torch.equal(value, loss.discriminator(logits.to(dtype).float(), -logits.to(dtype).float()))


def test_autocast_is_off_inside() -> None:
    logits = torch.linspace(-8, 8, 32, requires_grad=True)
    loss = GanLoss(LIBRARY["ganetic"].formula)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = loss.discriminator(logits, -logits)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, loss.discriminator(logits, -logits))


def test_float64_stays() -> None:
    logits = torch.linspace(-2, 2, 4, dtype=torch.float64)
    assert GanLoss(LIBRARY["bce"].formula).generator(logits).dtype == torch.float64


def test_constants_beyond_the_dtype_are_infinite() -> None:
    loss = GanLoss(Formula.from_text("d_real=mul(1e39, d); d_fake=mul(-1e39, d); g_fake=min(1e39, d)"))
    one, two = torch.ones(1), 2 * torch.ones(2)  # of one size the players' constants are one column
    assert loss.discriminator(one.double(), two.double()).item() == pytest.approx(-1e39)
    assert loss.discriminator(one, two).isnan()
    assert loss.discriminator(two, -two).item() == math.inf
    assert loss.generator(one).item() == 1


def test_relativistic_generator_needs_the_real_logits() -> None:
    loss = GanLoss(LIBRARY["relativistic-hinge"].formula)
    assert loss.needs_real_logits
    with pytest.raises(ValueError, match="needs the real logits"):
        loss.generator(torch.zeros(4))
    assert not GanLoss(LIBRARY["bce"].formula).needs_real_logits


def test_m_in_g_fake_alone_needs_the_real_logits() -> None:
    assert GanLoss(Formula.from_text("d_real=neg(d); d_fake=d; g_fake=sub(m, d)")).needs_real_logits


def test_constant_slots_can_be_differentiated() -> None:
    loss = GanLoss(Formula.from_text("d_real=2; d_fake=2; g_fake=0.5"))
    logits = torch.zeros(3, requires_grad=True)
    value = loss.generator(logits)
    assert value.item() == 0.5
    assert torch.equal(torch.autograd.grad(value, logits)[0], torch.zeros(3))


def test_no_parameters_and_a_readable_name() -> None:
    loss = GanLoss(LIBRARY["ganetic"].formula)
    assert list(loss.parameters()) == []
    assert "p³ + sqrt(3.985·y/p)" in repr(loss)


@pytest.mark.gpu
@pytest.mark.parametrize("name", LIBRARY)
def test_cuda_agrees_with_the_cpu(name: str) -> None:
    loss, logits = GanLoss(LIBRARY[name].formula), torch.linspace(-6, 6, 64, dtype=torch.float64)
    for player in (loss.discriminator, loss.generator):
        assert player(logits.cuda(), -logits.cuda()).item() == pytest.approx(player(logits, -logits).item(), rel=1e-9)
