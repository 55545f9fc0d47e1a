import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from ganetic.gan.models import ModelSpec, build
from ganetic.gan.path_length import DECAY, PathLength, StyledGenerator
from ganetic.gan.step import Images
from ganetic.reproducible import random_stream

BATCH = 6
MODELS = [("mlp", 8, 2), ("dcgan", 28, 2), ("msg-gan", 32, 2), ("msg-sagan", 32, 16)]


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def noise(*shape: int) -> Tensor:
    """What is drawn first, undivided."""
    return torch.randn(*shape, generator=random_stream(1, "path")).double()


def path_length(
    weight: float = 1.0, every: int = 1, batch: int = BATCH, **more: Callable[[Tensor], Tensor]
) -> PathLength:
    return PathLength(weight, every, batch, random_stream(1, "path"), **more)


def value(penalty: Tensor | None) -> float:
    assert penalty is not None
    return penalty.item()


def variance(lengths: Tensor) -> float:
    """The penalty when there is no earlier length: a is their mean."""
    return float(lengths.var(correction=0))


class Linear(nn.Module):
    """Images A z: the Jacobian is A everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(drawn(2, 3, 4, 5, seed=7))

    def forward(self, latents: Tensor) -> Images:
        return torch.einsum("chwz,nz->nchw", self.weight, latents)


class Styled(nn.Module):
    """Images of three layers' styles, each of which an affine map takes from the latent vector."""

    def __init__(self) -> None:
        super().__init__()
        self.mapping = nn.Parameter(drawn(3, 5, 4, seed=8))
        self.weights = nn.Parameter(drawn(3, 2, 3, 3, 5, seed=9))

    def with_styles(self, latents: Tensor) -> tuple[Tensor, Images]:
        styles = torch.einsum("lwz,nz->nlw", self.mapping, latents)
        return styles, torch.einsum("lchwv,nlv->nchw", self.weights, styles.square())


def test_lengths_of_a_linear_generator_are_those_of_its_weights_by_the_noise() -> None:
    generator = Linear()
    y = noise(3, 2, 3, 4) / math.sqrt(3 * 4)
    lengths = torch.einsum("chwz,nchw->nz", generator.weight.detach(), y).square().sum(1).sqrt()
    assert value(path_length(0.7).penalty(generator, drawn(BATCH, 5, seed=2))) == pytest.approx(
        0.7 * variance(lengths), rel=1e-6
    )


def test_a_penalty_is_that_of_whole_jacobians_by_hand() -> None:
    """With a Jacobian of every pixel by every latent of one image at a time, and its gradient by the definition."""
    spec = ModelSpec.model_validate({"name": "mlp", "width": 2, "latent": 4})
    generator, latents = build(spec, 8, 1, seed=3).generator.double(), drawn(BATCH, 4, seed=2)
    y = noise(3, 1, 8, 8) / 8

    def by_hand() -> Tensor:
        lengths = []
        for latent, own in zip(latents[::2], y, strict=True):
            jacobian = torch.autograd.functional.jacobian(  # type: ignore[no-untyped-call]
                lambda z: generator(z[None])[0].flatten(), latent, create_graph=True
            )
            lengths.append((jacobian.T @ own.flatten()).norm())
        stacked = torch.stack(lengths)
        return 0.3 * (stacked - stacked.detach().mean()).square().mean()

    ours = path_length(0.3).penalty(generator, latents)
    assert ours is not None
    torch.testing.assert_close(ours, by_hand(), rtol=1e-6, atol=0)
    parameters = list(generator.parameters())
    for mine, theirs in zip(
        torch.autograd.grad(ours, parameters, allow_unused=True),
        torch.autograd.grad(by_hand(), parameters, allow_unused=True),
        strict=True,
    ):
        assert (mine is None) == (theirs is None)
        if mine is not None:
            torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-9)


def test_styles_of_layers_have_the_rms_over_layers_and_train_what_makes_them() -> None:
    generator, latents = Styled(), drawn(BATCH, 4, seed=2)
    assert isinstance(generator, StyledGenerator)
    styles = torch.einsum("lwz,nz->nlw", generator.mapping, latents[::2]).detach()
    y = noise(3, 2, 3, 3) / 3
    by_styles = 2 * styles * torch.einsum("lchwv,nchw->nlv", generator.weights.detach(), y)
    lengths = by_styles.square().sum(2).mean(1).sqrt()
    penalty = path_length().penalty(generator, latents)
    assert value(penalty) == pytest.approx(variance(lengths), rel=1e-6)
    assert penalty is not None
    penalty.backward()  # type: ignore[no-untyped-call]
    assert all(parameter.grad is not None and bool(parameter.grad.any()) for parameter in generator.parameters())


def test_a_pyramid_is_one_image_whose_levels_count_alike() -> None:
    class Pyramid(nn.Module):
        def forward(self, latents: Tensor) -> Images:
            return coarse(latents)[:, :, :1, :1], fine(latents)

    coarse, fine = Linear(), Linear()
    nn.init.normal_(coarse.weight)
    stream = random_stream(1, "path")
    first = torch.randn(3, 2, 1, 1, generator=stream).double()
    second = torch.randn(3, 2, 3, 4, generator=stream).double()
    projected = torch.einsum("chwz,nchw->nz", coarse.weight[:, :1, :1].detach(), first) / math.sqrt(2)
    projected += torch.einsum("chwz,nchw->nz", fine.weight.detach(), second) / math.sqrt(12 * 2)
    penalty = path_length().penalty(Pyramid(), drawn(BATCH, 5, seed=2))
    assert value(penalty) == pytest.approx(variance(projected.norm(dim=1)), rel=1e-6)


def test_lengths_mean_the_same_at_every_resolution() -> None:
    """Images that are enlarged: the length of white noise by a constant image does not depend on the side."""

    class Flat(nn.Module):
        def __init__(self, side: int) -> None:
            super().__init__()
            self.side = side

        def forward(self, latents: Tensor) -> Images:
            return latents[:, :, None, None].expand(-1, -1, self.side, self.side)

    means = []
    for side in (4, 32):
        ours = path_length(batch=2000)
        ours.penalty(Flat(side), drawn(2000, 3, seed=1))
        means.append(float(ours.state()["mean"]))
    assert means[1] == pytest.approx(means[0], rel=0.05)
    assert means[0] == pytest.approx(math.sqrt(8 / math.pi), rel=0.05)  # of a vector of three normal numbers


def test_the_mean_is_the_plain_one_of_a_hundred_lengths_and_then_follows() -> None:
    generator, ours, latents = Linear(), path_length(), drawn(BATCH, 5, seed=2)
    stream, lengths, mean = random_stream(1, "path"), [], 0.0
    for call in range(1, 121):
        ours.penalty(generator, latents)
        y = torch.randn(3, 2, 3, 4, generator=stream).double() / math.sqrt(12)
        found = torch.einsum("chwz,nchw->nz", generator.weight.detach(), y).norm(dim=1).mean()
        lengths.append(float(found))
        mean = sum(lengths) / call if call <= 100 else DECAY * mean + (1 - DECAY) * lengths[-1]
        assert float(ours.state()["mean"]) == pytest.approx(mean, rel=1e-5)


def test_a_lazy_penalty_costs_nothing_between_and_is_as_many_times_as_large() -> None:
    calls: list[int] = []

    class Counting(Linear):
        def forward(self, latents: Tensor) -> Images:
            calls.append(len(latents))
            return super().forward(latents)

    latents = drawn(BATCH, 5, seed=2)
    lazy, eager = path_length(0.5, every=4), path_length(0.5)
    stream = lazy._stream
    before = stream.get_state()
    for step in range(1, 9):
        penalty = lazy.penalty(Counting(), latents)
        assert (penalty is not None) == (step % 4 == 0)
        assert len(calls) == step // 4
        assert torch.equal(stream.get_state(), before) == (step < 4)
        if penalty is not None:
            assert value(penalty) == pytest.approx(4 * value(eager.penalty(Linear(), latents)), rel=1e-6)
    assert calls == [3, 3]


def test_state_and_stream_are_all_there_is() -> None:
    generator, latents = Linear(), drawn(BATCH, 5, seed=2)
    ours = path_length(every=2)
    for _ in range(5):
        ours.penalty(generator, latents)
    state = {name: tensor.clone() for name, tensor in ours.state().items()}
    stream = torch.Generator()
    stream.set_state(ours._stream.get_state())
    resumed = PathLength(1.0, 2, BATCH, stream)
    resumed.load_state(state)
    for _ in range(4):
        first, second = ours.penalty(generator, latents), resumed.penalty(generator, latents)
        assert (first is None) == (second is None)
        assert first is None or second is None or torch.equal(first, second)
    assert torch.equal(ours.state()["mean"], resumed.state()["mean"])


@pytest.mark.parametrize(("batch", "world"), [(8, 2), (6, 2), (9, 3), (18, 6)])
def test_the_mean_over_processes_is_the_penalty_of_one(batch: int, world: int) -> None:
    generator, latents = Linear(), drawn(batch, 5, seed=2)
    alone = path_length(batch=batch)
    expected = value(alone.penalty(generator, latents))
    means: list[Tensor] = []

    def of(rank: int) -> Callable[[Tensor], Tensor]:
        return lambda tensor: tensor.chunk(world)[rank]

    def remembered(scalar: Tensor) -> Tensor:
        means.append(scalar)
        return scalar

    for rank in range(world):
        path_length(batch=batch, part=of(rank), mean=remembered).penalty(generator, of(rank)(latents))
    mean = torch.stack(means).mean()
    torch.testing.assert_close(mean, alone.state()["mean"])
    shares = [
        value(path_length(batch=batch, part=of(rank), mean=lambda _: mean).penalty(generator, of(rank)(latents)))
        for rank in range(world)
    ]
    assert sum(shares) / world == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("name", "size", "width"), MODELS)
def test_reaches_the_parameters_of_every_generator(name: str, size: int, width: int) -> None:
    """Against central differences in float64; attention included, whose fast kernels have no second derivative."""
    spec = ModelSpec.model_validate({"name": name, "width": width, "latent": 4})
    generator = build(spec, size, 1, seed=3).generator.double()
    for parameter_name, parameter in generator.named_parameters():
        if parameter_name.endswith("gamma"):
            nn.init.constant_(parameter, 0.5)
    latents = drawn(BATCH, 4, seed=2)
    lowest = torch.zeros((), dtype=torch.float64)  # a is no function of the parameters

    def penalty() -> Tensor:
        found = path_length(mean=lambda _: lowest).penalty(generator, latents)
        assert found is not None
        return found

    parameters = list(generator.parameters())
    gradients = torch.autograd.grad(penalty(), parameters, allow_unused=True)
    direction = [drawn(*parameter.shape, seed=4) for parameter in parameters]
    slope = sum((g * d).sum().item() for g, d in zip(gradients, direction, strict=True) if g is not None)
    values = []
    for shift in (1e-7, -2e-7):
        with torch.no_grad():
            for parameter, way in zip(parameters, direction, strict=True):
                parameter.add_(way, alpha=shift)
        values.append(penalty().item())
    assert slope == pytest.approx((values[0] - values[1]) / 2e-7, rel=1e-3)
    seen = [
        g is not None and bool(g.any())
        for (parameter_name, _), g in zip(generator.named_parameters(), gradients, strict=True)
        if parameter_name.endswith(("weight", "gamma"))
    ]
    assert all(seen)


@pytest.mark.parametrize("model", ["mlp", "msg-gan"])
def test_works_where_nets_run_in_half_precision(model: str) -> None:
    spec = ModelSpec.model_validate({"name": model, "width": 2, "latent": 4})
    generator, _ = build(spec, 32, 1, 0)
    with torch.autocast("cpu", torch.bfloat16):
        found = path_length().penalty(generator, drawn(BATCH, 4, seed=2).float())
    assert found is not None
    assert found.dtype == torch.float32
    assert bool(found.isfinite())


def test_a_generator_that_stands_still_has_a_finite_gradient() -> None:
    generator = Linear()
    nn.init.zeros_(generator.weight)
    penalty = path_length().penalty(generator, drawn(BATCH, 5, seed=2))
    assert value(penalty) == 0
    assert penalty is not None
    penalty.backward()  # type: ignore[no-untyped-call]
    assert generator.weight.grad is not None
    assert bool(generator.weight.grad.isfinite().all())
