"""Losses in torch's modes and transforms: they work there, and train afterwards as if nothing had been."""

import copy
import json
import pickle
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from itertools import islice

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from ganetic.loss.compile import GanLoss
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from tests.loss.games import FORMS, Game, random_formulas

LOSSES = [*(loss.formula for loss in LIBRARY.values()), *islice(random_formulas(31), 100)]


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def default_device(device: str) -> Iterator[None]:
    torch.set_default_device(device)
    try:
        yield
    finally:
        torch.set_default_device(None)


MODES: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "default float16": lambda: default_dtype(torch.float16),
    "default float64": lambda: default_dtype(torch.float64),
    "default device": lambda: default_device("meta"),
    "device": lambda: torch.device("meta"),
    "autocast": lambda: torch.autocast("cpu"),
}


@pytest.fixture(scope="module", params=[torch.float32, torch.float64], ids=["float32", "float64"])
def logits(request: pytest.FixtureRequest) -> tuple[Tensor, Tensor]:
    """Real and fake logits, ``(5,)`` each."""
    real, fake = 2 * torch.randn(2, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    return real.to(request.param), fake.to(request.param)


FLOAT32 = pytest.mark.parametrize("logits", [torch.float32], ids=["float32"], indirect=True)
"""Where a dtype more would cost seconds and show nothing more."""


def trained(game: Game, logits: tuple[Tensor, Tensor]) -> list[Tensor]:
    """Both players' values and gradients."""
    real, fake = (one.clone().requires_grad_() for one in logits)
    rows = []
    for value in game.values(real, fake):
        gradients = torch.autograd.grad(value, (real, fake), allow_unused=True, materialize_grads=True)
        rows += [value.detach(), *(gradient.detach() for gradient in gradients)]
    return rows


def assert_equal(got: object, expected: object, what: Formula) -> None:
    torch.testing.assert_close(got, expected, rtol=0, atol=0, equal_nan=True, msg=what.text)


def assert_close(got: object, expected: object, what: Formula, dtype: torch.dtype) -> None:
    """But for the order of summation."""
    rtol, atol = (1e-9, 1e-12) if dtype == torch.float64 else (1e-4, 1e-5)
    torch.testing.assert_close(got, expected, rtol=rtol, atol=atol, equal_nan=True, msg=what.text)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mode", MODES)
def test_loaded_and_called_in_a_mode(mode: str, form: str, logits: tuple[Tensor, Tensor]) -> None:
    for formula in LOSSES:
        fresh = FORMS[form](formula)
        expected = trained(fresh, logits)
        with MODES[mode]():
            game = FORMS[form](formula)
            inside = game.values(*logits), fresh.values(*logits)
        for values in inside:
            for value, known in zip(values, expected[::3], strict=True):
                assert_equal(value.clone(), known, formula)
        for after in (game, fresh):
            assert_equal(trained(after, logits), expected, formula)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_logits_of_the_device_that_only_knows_shapes(form: str, logits: tuple[Tensor, Tensor]) -> None:
    for formula in LOSSES:
        with torch.device("meta"):
            game = FORMS[form](formula)
            rows = trained(
                game, (torch.empty_like(logits[0], device="meta"), torch.empty_like(logits[1], device="meta"))
            )
        expected = trained(game, logits)
        assert [(row.device.type, row.shape, row.dtype) for row in rows] == [
            ("meta", row.shape, row.dtype) for row in expected
        ]
        assert_equal(expected, trained(FORMS[form](formula), logits), formula)


@pytest.mark.slow
@FLOAT32
@pytest.mark.parametrize("form", FORMS)
def test_loaded_and_called_with_fake_tensors(form: str, logits: tuple[Tensor, Tensor]) -> None:
    for formula in LOSSES:
        fresh = FORMS[form](formula)
        expected = trained(fresh, logits)
        with FakeTensorMode() as mode:
            game = FORMS[form](formula)
            fakes = mode.from_tensor(logits[0]), mode.from_tensor(logits[1])
            inside = trained(game, fakes), trained(fresh, fakes)
        for rows in inside:
            assert [(row.shape, row.dtype) for row in rows] == [(row.shape, row.dtype) for row in expected]
        for after in (game, fresh):
            assert_equal(trained(after, logits), expected, formula)


@pytest.mark.parametrize("form", FORMS)
def test_vmap_is_each_game_by_itself(form: str, logits: tuple[Tensor, Tensor]) -> None:
    reals, fakes = (torch.stack((one, -0.5 * one, one.flip(0)))[:, :, None] for one in logits)
    for formula in LOSSES:
        game = FORMS[form](formula)
        got = torch.vmap(game.values)(reals, fakes)
        expected = [torch.stack(values) for values in zip(*map(game.values, reals, fakes), strict=True)]
        assert_close(list(got), expected, formula, reals.dtype)
        assert_equal(trained(game, logits), trained(FORMS[form](formula), logits), formula)


@pytest.mark.parametrize("form", FORMS)
def test_functional_gradients_are_the_gradients(form: str, logits: tuple[Tensor, Tensor]) -> None:
    for formula in LOSSES:
        game = FORMS[form](formula)
        gradients = [torch.func.grad(player, (0, 1)) for player in (game.discriminator, swapped(game))]
        got = [gradient for function in gradients for gradient in function(*logits)]
        expected = trained(FORMS[form](formula), logits)
        assert_equal(got, [*expected[1:3], *expected[4:]], formula)
        rows = [gradient[0] for function in gradients for gradient in torch.vmap(function)(*(x[None] for x in logits))]
        assert_close(rows, got, formula, logits[0].dtype)
        assert_equal(trained(game, logits), expected, formula)


def swapped(game: Game) -> Callable[[Tensor, Tensor], Tensor]:
    """G's loss with the real logits first."""
    return lambda real, fake: game.generator(fake, real)


@FLOAT32
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("begin", [0, pytest.param(10, marks=pytest.mark.slow)], ids=["published", "random"])
def test_compiled_as_one_graph(begin: int, form: str, logits: tuple[Tensor, Tensor]) -> None:
    shaped = logits[0].view(5, 1), logits[1].view(5, 1, 1, 1)
    losses = LOSSES[begin : None if begin else len(LIBRARY)]
    for start in range(0, len(losses), 10):
        games = [FORMS[form](formula) for formula in losses[start : start + 10]]
        torch._dynamo.reset()
        compiled = torch.compile(
            lambda *two, games=games: [game.values(*two) for game in games], fullgraph=True, backend="eager"
        )
        for formula, game, got in zip(losses[start:], games, compiled(*shaped), strict=False):
            expected = trained(FORMS[form](formula), logits)
            assert_equal(list(got), expected[::3], formula)
            assert_equal(trained(game, logits), expected, formula)


@pytest.mark.slow
@FLOAT32
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["bce", "hinge", "relativistic-hinge", "ganetic", "ganetic-batch-sum"])
def test_compiled_by_the_default_compiler(name: str, form: str, logits: tuple[Tensor, Tensor]) -> None:
    formula = LIBRARY[name].formula
    game = FORMS[form](formula)
    torch._dynamo.reset()
    compiled = Game(torch.compile(game.discriminator, fullgraph=True), torch.compile(game.generator, fullgraph=True))
    expected = trained(FORMS[form](formula), logits)
    assert_close(trained(compiled, logits), expected, formula, logits[0].dtype)
    assert_equal(trained(game, logits), expected, formula)


@pytest.mark.parametrize("name", LIBRARY)
def test_gradients_of_gradients(name: str) -> None:
    game = FORMS["module"](LIBRARY[name].formula)
    stream = torch.Generator().manual_seed(5)  # at no kink of a hinge
    logits = [torch.randn(3, 1, generator=stream, dtype=torch.float64).requires_grad_() for _ in range(2)]
    assert torch.autograd.gradcheck(game.values, logits)
    assert torch.autograd.gradgradcheck(game.values, logits)


@pytest.mark.parametrize("name", LIBRARY)
def test_copies_and_threads(name: str, logits: tuple[Tensor, Tensor]) -> None:
    loss = GanLoss(LIBRARY[name].formula)
    expected = trained(Game(loss.discriminator, loss.generator), logits)
    with torch.inference_mode():  # what is copied has been used
        loss.discriminator(*logits)
    for copied in (loss, copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
        game = Game(copied.discriminator, copied.generator)
        with ThreadPoolExecutor(4) as threads:
            for got in threads.map(lambda _, game=game: trained(game, logits), range(8)):
                assert_equal(got, expected, loss.formula)


FIRST_IMPORT = textwrap.dedent(
    """
    import json, os, sys, traceback
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode

    def load():
        import ganetic
        loaded.append(ganetic.load_loss("ganetic"))

    def within(mode):
        with mode:
            load()

    def wrapped(x):
        load()
        return x * x

    def set_first(name, value):
        getattr(torch, name)(value)
        load()

    one = torch.tensor(1.0)
    real, fake = torch.linspace(-2, 2, 6)[:, None].requires_grad_(), torch.zeros(6)
    ways = {
        "nothing": load,
        "no_grad": lambda: within(torch.no_grad()),
        "inference_mode": lambda: within(torch.inference_mode()),
        "fake tensors": lambda: within(FakeTensorMode()),
        "device": lambda: within(torch.device("meta")),
        "autocast": lambda: within(torch.autocast("cpu")),
        "default device": lambda: set_first("set_default_device", "meta"),
        "default float16": lambda: set_first("set_default_dtype", torch.float16),
        "default float64": lambda: set_first("set_default_dtype", torch.float64),
        "vmap": lambda: torch.vmap(wrapped)(torch.ones(2)),
        "func.grad": lambda: torch.func.grad(wrapped)(one),
    }
    answers = {}
    for name, way in ways.items():
        reading, writing = os.pipe()
        if os.fork() == 0:  # a first import each, and torch's own only once
            loaded = []
            try:
                way()
                loss = loaded[0].discriminator(real, fake)
                loss.backward()
                answer = [loss.item(), *real.grad.flatten().tolist()]
            except BaseException:
                answer = traceback.format_exc()
            os.write(writing, json.dumps(answer).encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as answered:
            answers[name] = json.load(answered)
        os.wait()
    print(json.dumps(answers))
    """
)


@pytest.mark.slow
def test_first_import_in_a_mode() -> None:
    done = subprocess.run([sys.executable, "-c", FIRST_IMPORT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert len(answers["nothing"]) == 7
    assert {name: answer for name, answer in answers.items() if answer != answers["nothing"]} == {}
