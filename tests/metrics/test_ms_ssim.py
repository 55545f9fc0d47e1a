import numpy as np
import pytest
import torch
from torch import Tensor

from ganetic.data import load_images
from ganetic.metrics.ms_ssim import BETAS, ms_ssim, scales_for
from tests.reference import ms_ssim_scipy


def textures(side: int, channels: int, seed: int) -> Tensor:
    """Smooth random images, each pair of them (seed and seed + 1) somewhat alike."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side] / side
    waves = [np.sin(9 * rows * k + 7 * columns + random.normal(size=(6, 1, 1))) for k in range(1, channels + 1)]
    noisy = 128 + 60 * np.stack(waves, -1) + random.normal(0, 20, (6, side, side, channels))
    return torch.tensor(noisy.clip(0, 255).astype(np.uint8))


def channels_first(image: Tensor) -> Tensor:
    return image.permute(2, 0, 1)[None].double()


@pytest.mark.parametrize(("side", "channels", "scales"), [(21, 1, 1), (28, 1, 2), (44, 1, 3), (64, 3, 3), (176, 1, 5)])
def test_agrees_with_torchmetrics(side: int, channels: int, scales: int) -> None:
    from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

    first, second = textures(side, channels, 0), textures(side, channels, 1)
    betas = tuple(beta / sum(BETAS[:scales]) for beta in BETAS[:scales])
    found = []
    for a, b, ours in zip(first, second, ms_ssim(first, second), strict=True):
        theirs = multiscale_structural_similarity_index_measure(
            channels_first(a), channels_first(b), data_range=255.0, betas=betas
        )
        assert float(ours) == pytest.approx(float(theirs), abs=1e-6)
        found.append(float(ours))
    assert max(found) - min(found) > 0.1


@pytest.mark.parametrize("side", [11, 28, 45, 64])
def test_agrees_with_an_independent_implementation(side: int) -> None:
    first, second = textures(side, 1, 0), textures(side, 1, 1)
    expected = [
        ms_ssim_scipy.ms_ssim(a[..., 0].double().numpy(), b[..., 0].double().numpy(), scales_for(side))
        for a, b in zip(first, second, strict=True)
    ]
    assert ms_ssim(first, second).numpy() == pytest.approx(np.array(expected), rel=1e-9)


def test_scales() -> None:
    assert [scales_for(side) for side in (11, 21, 22, 28, 43, 44, 64, 128, 175, 176, 256)] == [
        *(1, 1, 2, 2, 2, 3, 3, 3, 3, 5, 5)
    ]


def test_equal_images_are_alike_and_order_does_not_matter() -> None:
    digits = torch.tensor(load_images("mnist5k").images[::100])
    assert ms_ssim(digits, digits).numpy() == pytest.approx(1)
    others = digits.flip(0)
    torch.testing.assert_close(ms_ssim(digits, others), ms_ssim(others, digits))
    assert float(ms_ssim(digits, others).mean()) < 0.5
    assert float(ms_ssim(digits, 255 - digits).max()) < 0.1
