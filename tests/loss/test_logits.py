import math
from collections.abc import Callable
from itertools import islice, product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.loss.logits import flat
from tests.loss.games import FORMS, Game, random_formulas
from tests.reference.losses import REFERENCES

Shape = tuple[int, ...]

REAL_SHAPES: tuple[Shape, ...] = ((6,), (6, 1), (6, 1, 1, 1), (2, 1, 1, 3), (1, 1))
FAKE_SHAPES: tuple[Shape, ...] = ((6,), (6, 1), (6, 1, 1, 1), (1, 1, 3, 2), (4, 1), (2, 1, 2, 2), (1,))
PAIRS = list(product(REAL_SHAPES, FAKE_SHAPES))
DTYPES = {"float32": torch.float32, "float64": torch.float64}
PUBLISHED = {name: loss.formula for name, loss in LIBRARY.items()}


def drawn(shape: Shape, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    stream = torch.Generator().manual_seed(seed)
    return (3 * torch.randn(shape, generator=stream, dtype=torch.float64)).to(dtype)


def outcome(game: Game, real: Tensor, fake: Tensor) -> list[Tensor]:
    """Both players' values, and their gradients in one row each."""
    rows = []
    for player in range(2):
        logits = real.clone().requires_grad_(), fake.clone().requires_grad_()
        value = game.values(*logits)[player]
        assert value.shape == ()
        gradients = torch.autograd.grad(value, logits, allow_unused=True, materialize_grads=True)
        assert all(gradient.shape == one.shape for gradient, one in zip(gradients, logits, strict=True))
        rows += [value.detach(), *(gradient.detach().reshape(-1) for gradient in gradients)]
    return rows


@pytest.fixture(scope="module")
def random_games() -> list[tuple[str, tuple[Game, Game]]]:
    return [(formula.text, games_of(formula)) for formula in islice(random_formulas(21), 500)]


def games_of(formula: Formula) -> tuple[Game, Game]:
    return FORMS["module"](formula), FORMS["export"](formula)


def check(games: tuple[Game, Game], shapes: tuple[Shape, Shape], dtype: torch.dtype, seed: int, text: str) -> None:
    """Module and export are the flat form bit for bit, and agree."""
    real, fake = (drawn(shape, seed + place, dtype) for place, shape in enumerate(shapes))
    module, export = (outcome(game, real, fake) for game in games)
    for game, got in zip(games, (module, export), strict=True):
        assert got[0].dtype == got[3].dtype == dtype
        for shaped, row in zip(got, outcome(game, real.reshape(-1), fake.reshape(-1)), strict=True):
            torch.testing.assert_close(shaped, row, rtol=0, atol=0, equal_nan=True, msg=f"{shapes}: {text}")
    rtol, atol = (1e-9, 1e-12) if dtype == torch.float64 else (1e-4, 1e-5)
    for one, other in zip(module, export, strict=True):
        torch.testing.assert_close(one, other, rtol=rtol, atol=atol, equal_nan=True, msg=f"{shapes}: {text}")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LIBRARY)
def test_published_losses_of_every_pair_of_shapes_are_the_flat_form(name: str, dtype: str) -> None:
    games = games_of(PUBLISHED[name])
    for seed, shapes in enumerate(PAIRS):
        check(games, shapes, DTYPES[dtype], seed, name)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
def test_random_losses_of_every_shape_are_the_flat_form(
    dtype: str, random_games: list[tuple[str, tuple[Game, Game]]]
) -> None:
    for index, (text, games) in enumerate(random_games):
        check(games, PAIRS[index % len(PAIRS)], DTYPES[dtype], index, text)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", LIBRARY)
def test_patches_of_unequal_batches_agree_with_the_references(name: str, form: str) -> None:
    # m and s are over all logits of all patches: the references have them over their flat arrays.
    real, fake = drawn((3, 1, 2, 2), 1), drawn((2, 1, 3, 1), 2)
    got = outcome(FORMS[form](LIBRARY[name].formula), real, fake)
    expected = [part for player in REFERENCES[name](real.numpy().ravel(), fake.numpy().ravel()) for part in player]
    for mine, theirs in zip(got, expected, strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_of_any_shape_is_computed_in_float32(dtype: torch.dtype, form: str) -> None:
    game = FORMS[form](PUBLISHED["ganetic"])
    real, fake = drawn((6, 1, 1, 1), 1, dtype), drawn((4, 1), 2, dtype)
    got, expected = outcome(game, real, fake), outcome(game, real.flatten().float(), fake.flatten().float())
    assert torch.equal(got[0], expected[0])
    assert got[0].dtype == torch.float32
    assert got[1].dtype == dtype
    assert torch.equal(got[1], expected[1].to(dtype))


@given(
    shape=st.lists(st.integers(0, 3), max_size=5).map(tuple),
    dtype=st.sampled_from([torch.float16, torch.float32, torch.float64, torch.int64, torch.bool, torch.complex64]),
)
@settings(max_examples=400, derandomize=True, deadline=None)
def test_what_can_be_meant_is_one_row_and_the_rest_is_refused(shape: Shape, dtype: torch.dtype) -> None:
    logits = torch.arange(math.prod(shape)).reshape(shape).to(dtype)
    usual = len(shape) == 1 or shape[1:] == (1,) or (len(shape) == 4 and shape[1] == 1)
    if usual and 0 not in shape and dtype.is_floating_point:
        row = flat(logits, "fake_logits")
        assert row.tolist() == list(range(logits.numel()))
        assert row.dtype == (torch.float32 if dtype == torch.float16 else dtype)
    else:
        with pytest.raises(ValueError, match="expected") as caught:
            flat(logits, "fake_logits")
        assert str(caught.value).startswith("fake_logits")
        assert str(shape) in str(caught.value)
        assert "\n" not in str(caught.value)


GOOD = torch.zeros(4)
REFUSED = {
    "two channels": (torch.zeros(4, 2), r"\(4, 2\).*choose the channel"),
    "a row": (torch.zeros(1, 4), r"\(1, 4\).*\.flatten\(\)"),
    "patches of two channels": (torch.zeros(4, 2, 3, 3), r"\(4, 2, 3, 3\).*choose the channel"),
    "patches without a channel": (torch.zeros(4, 3, 3), r"\(4, 3, 3\).*\.flatten\(\)"),
    "patches of volumes": (torch.zeros(4, 1, 3, 3, 3), r"\(4, 1, 3, 3, 3\).*\.flatten\(\)"),
    "a scalar": (torch.zeros(()), r"shape \(\).*\.flatten\(\)"),
    "an empty batch": (torch.zeros(0, 1), r"\(0, 1\), an empty batch;.*one image or more"),
    "integers": (torch.zeros(4, dtype=torch.int64), r"int64 and shape \(4,\);.*raw output"),
    "decisions": (torch.zeros(4, 1) > 0, r"bool and shape \(4, 1\);.*raw output"),
    "complex numbers": (torch.zeros(4, dtype=torch.complex64), r"complex64 and shape \(4,\);.*raw output"),
    "a list of numbers": ([0.0, 1.0], r"type list;.*\(B, 1, H, W\).*one tensor at a time"),
    "a list of scales": ([torch.zeros(4), torch.zeros(4)], r"type list;.*\(B, 1, H, W\).*one tensor at a time"),
    "an array": (np.zeros(4, np.float32), r"type ndarray;.*\(B, 1, H, W\)"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("loss", ["bce", "relativistic-hinge", "ganetic-batch-sum"])
@pytest.mark.parametrize("what", REFUSED)
def test_logits_that_cannot_be_meant_are_refused_wherever_they_stand(what: str, loss: str, form: str) -> None:
    (bad, complaint), game = REFUSED[what], FORMS[form](PUBLISHED[loss])
    calls: list[tuple[Callable[..., Tensor], tuple[object, object], str]] = [
        (game.discriminator, (bad, GOOD), "real_logits"),
        (game.discriminator, (GOOD, bad), "fake_logits"),
        (game.generator, (bad, GOOD), "fake_logits"),
        (game.generator, (GOOD, bad), "real_logits"),
    ]
    for player, logits, name in calls:
        with pytest.raises(ValueError, match=f"^{name} (has|is) .*{complaint}"):
            player(*logits)
