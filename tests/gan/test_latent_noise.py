import pytest
import torch
from torch import Tensor

from ganetic.gan.latent_noise import normal, seeds_of, uniform, words

LATENTS = torch.randn(500, 8, generator=torch.Generator().manual_seed(1))


def test_words_are_those_of_the_published_generator() -> None:
    """What the authors' splitmix64.c prints for the seed 1234567 (https://prng.di.unimi.it/splitmix64.c)."""
    found = [word % 2**64 for word in words(torch.tensor([1234567]), 3)[0].tolist()]
    assert found == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_numbers_are_of_their_latent_vector_alone() -> None:
    for draw in (normal, uniform):
        together = draw(seeds_of(LATENTS, 0), 33)
        assert torch.equal(together[7:9], draw(seeds_of(LATENTS[7:9], 0), 33))
        assert torch.equal(together[:, :20], draw(seeds_of(LATENTS, 0), 33)[:, :20])
        for other in (LATENTS + 1e-6, LATENTS.flip(1), LATENTS.roll(1, 0)):
            assert not torch.isclose(draw(seeds_of(other, 0), 33), together).all(1).any()


def correlation(one: Tensor, other: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1])


def test_numbers_are_standard_normal_and_independent() -> None:
    drawn = normal(seeds_of(LATENTS, 0), 1001)
    assert drawn.dtype == torch.float32
    assert drawn.mean().item() == pytest.approx(0, abs=5e-3)
    assert drawn.std().item() == pytest.approx(1, abs=5e-3)
    assert drawn.pow(4).mean().item() == pytest.approx(3, abs=3e-2)
    for share, quantile in ((0.0228, -2), (0.5, 0), (0.9772, 2)):
        assert (drawn < quantile).float().mean().item() == pytest.approx(share, abs=2e-3)
    others = [drawn[:, 1:], drawn.roll(1, 0)[:, :-1], drawn[:, 500:], normal(seeds_of(LATENTS, 1), 1001)[:, :-1]]
    for other in others:
        assert correlation(drawn[:, : other.shape[1]], other) == pytest.approx(0, abs=6e-3)
    near = normal(seeds_of(LATENTS + 1e-6, 0), 1001)
    assert correlation(drawn, near) == pytest.approx(0, abs=6e-3)


def test_uniform_numbers_are_spread_evenly() -> None:
    drawn = uniform(seeds_of(LATENTS, 2), 400)
    counts = torch.histc(drawn, 10, 0, 1) / drawn.numel()
    assert counts.tolist() == pytest.approx([0.1] * 10, abs=3e-3)
    assert bool(((drawn >= 0) & (drawn < 1)).all())


def test_no_gradient_passes() -> None:
    assert not normal(seeds_of(LATENTS.clone().requires_grad_(True), 0), 3).requires_grad
