import numpy as np
import pytest
import torch

from ganetic.errors import UserError
from ganetic.loss.compile import GanLoss
from ganetic.loss.fingerprint import fingerprint
from ganetic.loss.library import LIBRARY, library_loss
from ganetic.loss.screen import Orientation, screen
from tests.loss.test_compile import play
from tests.reference.losses import REFERENCES, Array

REAL = np.array([-8.0, -3.1, -1.0, -0.2, 0.0, 0.45, 1.7, 2.9, 6.5])
FAKE = np.array([-5.5, -2.0, -0.7, 0.0, 0.31, 1.2, 4.0])
TOLERANCES = [(torch.float64, 1e-10), (torch.float32, 2e-5)]


def test_every_loss_has_an_independent_reference() -> None:
    assert set(REFERENCES) == set(LIBRARY)


@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCES, ids=["float64", "float32"])
@pytest.mark.parametrize("name", LIBRARY)
def test_value_and_gradients(name: str, dtype: torch.dtype, tolerance: float) -> None:
    got = play(GanLoss(LIBRARY[name].formula), REAL, FAKE, dtype)
    expected = REFERENCES[name](REAL.astype(np.float64), FAKE)
    for mine, theirs in zip(got, expected, strict=True):
        assert mine.value == pytest.approx(theirs.value, rel=tolerance)
        np.testing.assert_allclose(mine.by_real, theirs.by_real, rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(mine.by_fake, theirs.by_fake, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", LIBRARY)
def test_the_references_gradients_are_slopes(name: str) -> None:
    step = 1e-6

    def values(real: Array, fake: Array) -> Array:
        return np.array([player.value for player in REFERENCES[name](real, fake)])

    for index, player in enumerate(REFERENCES[name](REAL, FAKE)):
        for logits, gradient, which in ((REAL, player.by_real, 0), (FAKE, player.by_fake, 1)):
            for position in range(logits.size):
                shift = np.zeros_like(logits)
                shift[position] = step
                pair = (REAL + shift, FAKE) if which == 0 else (REAL, FAKE + shift)
                opposite = (REAL - shift, FAKE) if which == 0 else (REAL, FAKE - shift)
                slope = (values(*pair) - values(*opposite))[index] / (2 * step)
                assert slope == pytest.approx(gradient[position], rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "discriminator", "generator"),
    [
        ("bce", 2 * np.log(2), np.log(2)),
        ("bce-minimax", 2 * np.log(2), -np.log(2)),
        ("lsgan", 1.0, 1.0),
        ("hinge", 2.0, 0.0),
        ("wasserstein", 0.0, 0.0),
        ("relativistic-hinge", 2.0, 2.0),
        ("exponential", 2.0, 1.0),
        ("fgan-kl", np.exp(-1), -np.exp(-1)),
        ("ganetic", 0.25 + np.sqrt(7.97), 0.125 + np.sqrt(7.97)),
        ("ganetic-batch-sum", 0.25 + np.sqrt(3.985 / 2), 0.125 + np.sqrt(3.985 / 2)),
    ],
)
def test_values_at_zero(name: str, discriminator: float, generator: float) -> None:
    zeros = torch.zeros(4, dtype=torch.float64)
    loss = GanLoss(library_loss(name).formula)
    assert loss.discriminator(zeros, zeros).item() == pytest.approx(discriminator, abs=2e-4)
    assert loss.generator(zeros, zeros).item() == pytest.approx(generator, abs=2e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("extreme", [20.0, 88.0, 100.0, 750.0, 1e4])
@pytest.mark.parametrize("name", LIBRARY)
def test_finite_at_extreme_logits(name: str, extreme: float, dtype: torch.dtype) -> None:
    loss = GanLoss(LIBRARY[name].formula)
    for real in (-extreme, 0.0, extreme):
        for fake in (-extreme, 0.0, extreme):
            game = play(loss, np.full(3, real), np.full(3, fake), dtype)
            for value, by_real, by_fake in game:
                assert np.isfinite(value)
                assert np.isfinite(by_real).all()
                assert np.isfinite(by_fake).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("logit", [-1e4, -300.0, -30.0, 30.0, 300.0, 1e4])
def test_cross_entropy_is_exact_for_any_logit(logit: float, dtype: torch.dtype) -> None:
    real, fake = np.array([logit]), np.array([logit])
    (d, _), (expected, _) = play(GanLoss(LIBRARY["bce"].formula), real, fake, dtype), REFERENCES["bce"](real, fake)
    assert d.value == pytest.approx(expected.value, rel=1e-6 if dtype == torch.float32 else 1e-14)
    np.testing.assert_allclose(d.by_real, expected.by_real, rtol=1e-5, atol=1e-38)
    np.testing.assert_allclose(d.by_fake, expected.by_fake, rtol=1e-5, atol=1e-38)


@pytest.mark.parametrize("name", LIBRARY)
def test_the_screen_passes_all_but_the_documented_exceptions(name: str) -> None:
    verdict = screen(LIBRARY[name].formula)
    assert verdict.reason == LIBRARY[name].exempt
    assert verdict.passed == (LIBRARY[name].exempt is None)
    assert verdict.orientation is Orientation.REAL_ABOVE_FAKE


def test_no_two_published_losses_are_the_same() -> None:
    assert len({fingerprint(loss.formula) for loss in LIBRARY.values()}) == len(LIBRARY)


def test_only_the_batch_sum_is_reference_only() -> None:
    assert [name for name, loss in LIBRARY.items() if loss.reference_only] == ["ganetic-batch-sum"]


def test_every_loss_says_where_it_is_from() -> None:
    for loss in LIBRARY.values():
        assert loss.source.url.startswith("https://arxiv.org/abs/")
        assert loss.source.paper
        assert loss.source.place
        assert loss.summary


def test_an_unknown_loss_is_refused() -> None:
    with pytest.raises(UserError, match=r'unknown loss "hinges".*did you mean "hinge"'):
        library_loss("hinges")
