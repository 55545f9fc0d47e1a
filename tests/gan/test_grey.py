import pytest
import torch
from torch import Tensor, nn

from ganetic.gan.grey import ToFeatures, ToImage


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gradients(layer: nn.Module, given: Tensor, trained: bool) -> list[Tensor]:
    """The layer's output and the gradients of a function of it."""
    given = given.clone().requires_grad_(True)
    layer.requires_grad_(trained)
    output = layer(given)
    wanted = [given, *(layer.parameters() if trained else ())]
    return [output, *torch.autograd.grad((output**3).sum(), wanted)]


@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("shape", [(3, 28, 28), (1, 4, 8)])
def test_features_are_those_of_a_convolution(shape: tuple[int, int, int], trained: bool) -> None:
    images = drawn(shape[0], 1, *shape[1:], seed=1)
    ours, plain = ToFeatures(5).double(), nn.Conv2d(1, 5, 4, 2, 1).double()
    plain.load_state_dict(ours.state_dict())
    for layout in (torch.contiguous_format, torch.channels_last):
        given = images.contiguous(memory_format=layout)
        for first, second in zip(gradients(ours, given, trained), gradients(plain, given, trained), strict=True):
            torch.testing.assert_close(first, second)


@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("shape", [(3, 14, 14), (1, 2, 4)])
def test_images_are_those_of_a_transposed_convolution(shape: tuple[int, int, int], trained: bool) -> None:
    features = drawn(shape[0], 5, *shape[1:], seed=2)
    ours, plain = ToImage(5).double(), nn.ConvTranspose2d(5, 1, 4, 2, 1).double()
    plain.load_state_dict(ours.state_dict())
    for layout in (torch.contiguous_format, torch.channels_last):
        given = features.contiguous(memory_format=layout)
        for first, second in zip(gradients(ours, given, trained), gradients(plain, given, trained), strict=True):
            torch.testing.assert_close(first, second)


@pytest.mark.parametrize("layer", [ToFeatures(2), ToImage(2)])
def test_can_be_differentiated_twice(layer: nn.Module) -> None:
    """As gradient penalties need it, of nets that learn and of frozen ones."""
    layer = layer.double()
    given = drawn(2, 1 if isinstance(layer, ToFeatures) else 2, 4, 4, seed=3).requires_grad_(True)
    for trained in (True, False):
        layer.requires_grad_(trained)
        assert torch.autograd.gradgradcheck(lambda x: layer(x) ** 2, (given,))
