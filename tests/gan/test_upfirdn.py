import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.signal import upfirdn
from torch import Tensor

from ganetic.gan.upfirdn import TAPS, downsampled, smoothed, upsampled

Array = npt.NDArray[np.float64]


def drawn(side: int) -> Tensor:
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def by_scipy(features: Tensor, up: int, down: int) -> Array:
    """The whole filtered signal along both axes, each tap of the filter divided by the sum."""
    taps = np.array(TAPS) / np.sum(TAPS) * up
    return np.asarray(upfirdn(taps, upfirdn(taps, features.numpy(), up, down, axis=2), up, down, axis=3))


@pytest.mark.parametrize("side", [4, 6, 17])
@pytest.mark.parametrize("padding", [1, 2, 3])
def test_smoothing_is_that_of_scipy(side: int, padding: int) -> None:
    features = drawn(side)
    whole = by_scipy(features, 1, 1)  # with a padding of 3
    cut = slice(3 - padding, whole.shape[2] - 3 + padding)
    np.testing.assert_allclose(smoothed(features, padding).numpy(), whole[:, :, cut, cut], atol=1e-14)


@pytest.mark.parametrize("side", [4, 7, 16])
def test_upsampling_is_that_of_scipy(side: int) -> None:
    features = drawn(side)
    whole = by_scipy(features, 2, 1)  # 2 (side − 1) + 4 long
    found = upsampled(features)
    assert found.shape == (2, 3, 2 * side, 2 * side)
    np.testing.assert_allclose(found.numpy(), whole[:, :, 1:-1, 1:-1], atol=1e-14)


@pytest.mark.parametrize("side", [4, 10, 16])
def test_downsampling_is_that_of_scipy(side: int) -> None:
    features = drawn(side)
    found = downsampled(features)
    assert found.shape == (2, 3, side // 2, side // 2)
    every = by_scipy(features, 1, 1)[:, :, 2:-2, 2:-2]  # a padding of 1, and every second pixel
    np.testing.assert_allclose(found.numpy(), every[:, :, ::2, ::2], atol=1e-14)


def test_a_constant_stays_inside() -> None:
    ones = torch.ones(1, 2, 8, 8)
    for changed in (smoothed(ones, 1), upsampled(ones), downsampled(ones)):
        torch.testing.assert_close(changed[:, :, 2:-2, 2:-2], torch.ones_like(changed[:, :, 2:-2, 2:-2]))


@pytest.mark.parametrize("function", [upsampled, downsampled, lambda features: smoothed(features, 2)])
def test_gradients_of_both_orders_are_right(function: object) -> None:
    features = drawn(4)[:1].requires_grad_(True)
    assert torch.autograd.gradcheck(function, features)  # type: ignore[arg-type]
    assert torch.autograd.gradgradcheck(function, features)  # type: ignore[arg-type]
