import pytest
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from ganetic.gan.attention import SelfAttention
from ganetic.gan.progressive import initialise


def drawn(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def attention(channels: int, gamma: float) -> SelfAttention:
    module = SelfAttention(channels).double()
    initialise(module, torch.Generator().manual_seed(3))
    torch.nn.init.constant_(module.gamma, gamma)
    return module


def naive(module: SelfAttention, features: Tensor) -> Tensor:
    """Pixel by pixel, with the softmax written out."""
    query, key, value = (
        torch.einsum("oi,nihw->nohw", layer.weight[:, :, 0, 0] * layer.scale, features)
        for layer in (module.query, module.key, module.value)
    )
    count, _, height, width = features.shape
    pooled = [part.reshape(count, -1, height // 2, 2, width // 2, 2).amax((3, 5)).flatten(2) for part in (key, value)]
    scores = torch.einsum("ndq,ndk->nqk", query.flatten(2), pooled[0]) / query.shape[1] ** 0.5
    shares = scores.exp() / scores.exp().sum(2, keepdim=True)
    gathered = torch.einsum("nqk,ndk->ndq", shares, pooled[1])
    result = torch.einsum("oi,nip->nop", module.output.weight[:, :, 0, 0] * module.output.scale, gathered)
    return features + module.gamma * result.view_as(features)


@pytest.mark.parametrize("channels", [1, 2, 16, 24])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_is_the_naive_softmax(channels: int, layout: torch.memory_format) -> None:
    module, features = attention(channels, 0.7), drawn(2, channels, 6, 4).contiguous(memory_format=layout)
    features.requires_grad_(True)
    wanted = [features, *module.parameters()]
    ours, reference = module(features), naive(module, features)
    torch.testing.assert_close(ours, reference)
    for first, second in zip(
        torch.autograd.grad((ours**3).sum(), wanted), torch.autograd.grad((reference**3).sum(), wanted), strict=True
    ):
        torch.testing.assert_close(first, second)


@pytest.mark.parametrize("channels", [2, 16])
def test_second_derivatives_are_those_of_the_naive_softmax(channels: int) -> None:
    """As penalties need them, with the math kernel."""
    module, features = attention(channels, 0.7), drawn(2, channels, 4, 4).requires_grad_(True)
    found = []
    for function in (module, lambda given: naive(module, given)):
        with sdpa_kernel(SDPBackend.MATH):
            (gradient,) = torch.autograd.grad((function(features) ** 3).sum(), features, create_graph=True)
        found.append(torch.autograd.grad(gradient.square().sum(), [features, *module.parameters()]))
    for first, second in zip(*found, strict=True):
        torch.testing.assert_close(first, second)


def test_starts_as_nothing_with_a_gradient_for_gamma_alone() -> None:
    module, features = attention(16, 0.0), drawn(2, 16, 4, 4)
    result = module(features)
    assert torch.equal(result, features)
    result.square().sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None
        assert bool(parameter.grad.any()) == (name == "gamma")


def test_a_pixel_sees_the_far_end() -> None:
    module, features = attention(16, 1.0), drawn(1, 16, 8, 8)
    moved = features.clone()
    moved[0, :, 7, 7] += 5
    assert (module(moved) - module(features))[0, :, 0, 0].abs().max() > 1e-3
