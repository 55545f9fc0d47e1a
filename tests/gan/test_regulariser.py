import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganetic.config import validate
from ganetic.errors import UserError
from ganetic.gan.models import ModelSpec, build, pyramid, scales
from ganetic.gan.regulariser import (
    LOGISTIC_SCALE,
    Regulariser,
    RegulariserSpec,
    path_length_of,
    published_r1,
)
from ganetic.gan.step import Images
from ganetic.loss.library import LIBRARY
from ganetic.loss.screen import generator_gradient_scale, gradient_scale
from ganetic.reproducible import random_stream

SHAPES = ((2, 4, 4), (2, 8, 8))
"""Of one image at two scales."""


class Linear(nn.Module):
    """A critic ⟨w, x⟩ over all scales: its gradient is w everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.ParameterList(drawn(*shape, seed=seed) for seed, shape in enumerate(SHAPES))

    def forward(self, images: Images) -> Tensor:
        given = images if isinstance(images, tuple) else (images,)
        return torch.stack([(x * w).flatten(1).sum(1) for x, w in zip(given, self.weights, strict=False)]).sum(0)


class Quadratic(nn.Module):
    """A critic a · ‖x‖²/2: its gradient is a x."""

    def __init__(self, a: float) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor(a, dtype=torch.float64))

    def forward(self, images: Tensor) -> Tensor:
        return self.a * images.square().flatten(1).sum(1) / 2


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def regulariser(scale: float = 1.0, **weights: float) -> Regulariser:
    return Regulariser(RegulariserSpec.model_validate(weights), scale, random_stream(1, "penalty"))


def pair(count: int = 5) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    real = tuple(drawn(count, *shape, seed=10 + i) for i, shape in enumerate(SHAPES))
    return real, tuple(drawn(count, *shape, seed=20 + i) for i, shape in enumerate(SHAPES))


def value(penalty: Tensor | None) -> float:
    assert penalty is not None
    return penalty.item()


def test_r1_of_a_linear_critic_is_half_the_squared_length_of_its_weights() -> None:
    critic, (real, fake) = Linear(), pair()
    squares = [weight.square().sum().item() for weight in critic.weights]
    one = regulariser(0.7, r1=3.0).penalty(critic, real[0], fake[0])
    assert value(one) == pytest.approx(0.7 * 3 / 2 * squares[0], rel=1e-12)
    both = regulariser(0.7, r1=3.0).penalty(critic, real, fake)
    assert value(both) == pytest.approx(0.7 * 3 / 2 * sum(squares) / 2, rel=1e-12)


def test_lazy_r1_is_due_at_every_so_many_steps_and_as_many_times_as_large() -> None:
    (real, fake), looked = pair(), []

    class Looking(Linear):
        def forward(self, images: Images) -> Tensor:
            looked.append(images)
            return super().forward(images)

    lazy, critic = regulariser(0.7, r1=3.0, r1_every=4), Looking()
    once = value(regulariser(0.7, r1=3.0).penalty(Linear(), real, fake))
    for step in range(1, 13):
        found = lazy.penalty(critic, real, fake)
        assert (found is not None) == (step % 4 == 0)
        assert len(looked) == step // 4
        if found is not None:
            assert value(found) == pytest.approx(4 * once, rel=1e-12)
    assert lazy.penalty_stands_apart and not lazy.generator_penalty_stands_apart
    assert not regulariser(r1=3.0).penalty_stands_apart


def test_a_resumed_lazy_r1_is_due_when_it_was_to_be() -> None:
    critic, (real, fake) = Linear(), pair()
    ours, resumed = regulariser(r1=1.0, r1_every=3), regulariser(r1=1.0, r1_every=3)
    for _ in range(4):
        ours.penalty(critic, real, fake)
    resumed.load_state(ours.state())
    due = [[one.penalty(critic, real, fake) is not None for _ in range(5)] for one in (ours, resumed)]
    assert due == [[False, True, False, False, True]] * 2
    assert regulariser(r1=1.0).state() == regulariser(gradient_penalty=1.0).state() == {}


def test_the_gradient_penalty_of_a_linear_critic_is_of_the_length_of_its_weights() -> None:
    critic, (real, fake) = Linear(), pair()
    excess = [(weight.square().sum().item() ** 0.5 - 1) ** 2 for weight in critic.weights]
    one = regulariser(0.7, gradient_penalty=10.0).penalty(critic, real[0], fake[0])
    assert value(one) == pytest.approx(7 * excess[0], rel=1e-12)
    both = regulariser(0.7, gradient_penalty=10.0).penalty(critic, real, fake)
    assert value(both) == pytest.approx(7 * sum(excess) / 2, rel=1e-12)


def test_r1_is_taken_at_the_real_images_and_moves_the_critic() -> None:
    critic, (real, fake) = Quadratic(0.3), pair()
    penalty = regulariser(r1=2.0).penalty(critic, real[0], fake[0])
    mean_square = float(real[0].square().flatten(1).sum(1).mean())
    assert value(penalty) == pytest.approx(0.3**2 * mean_square, rel=1e-12)
    assert penalty is not None
    penalty.backward()  # type: ignore[no-untyped-call]
    assert critic.a.grad is not None
    assert float(critic.a.grad) == pytest.approx(2 * 0.3 * mean_square, rel=1e-12)


def test_the_gradient_penalty_is_taken_between_the_images_with_weights_of_the_stream() -> None:
    critic, (real, fake) = Quadratic(0.3), pair()
    ours = regulariser(gradient_penalty=1.0)
    stream = random_stream(1, "penalty")
    for _ in range(2):
        weight = torch.rand(5, 1, 1, 1, generator=stream).double()
        lengths = 0.3 * (weight * real[0] + (1 - weight) * fake[0]).square().flatten(1).sum(1).sqrt()
        expected = float((lengths - 1).square().mean())
        assert value(ours.penalty(critic, real[0], fake[0])) == pytest.approx(expected, rel=1e-12)


def test_a_pyramid_is_mixed_with_one_weight_an_image() -> None:
    finest, other = drawn(3, 1, 8, 8, seed=1), drawn(3, 1, 8, 8, seed=2)
    seen: list[tuple[Tensor, ...]] = []

    class Looking(nn.Module):
        def forward(self, images: tuple[Tensor, ...]) -> Tensor:
            seen.append(images)
            return torch.stack([image.flatten(1).sum(1) for image in images]).sum(0)

    real, fake = pyramid(finest, (4, 8)), pyramid(other, (4, 8))
    regulariser(gradient_penalty=1.0).penalty(Looking(), real, fake)
    torch.testing.assert_close(F.avg_pool2d(seen[0][1], 2), seen[0][0])


def test_the_state_of_the_stream_is_all_there_is() -> None:
    critic, (real, fake) = Quadratic(0.3), pair()
    stream = random_stream(1, "penalty")
    ours = Regulariser(RegulariserSpec(gradient_penalty=1), 1.0, stream)
    ours.penalty(critic, real[0], fake[0])
    state = stream.get_state()
    values = [value(ours.penalty(critic, real[0], fake[0])) for _ in range(2)]
    other = torch.Generator()
    other.set_state(state)
    resumed = Regulariser(RegulariserSpec(gradient_penalty=1), 1.0, other)
    assert [value(resumed.penalty(critic, real[0], fake[0])) for _ in range(2)] == values
    assert values[0] != values[1]


def test_a_critic_that_does_not_look_has_a_finite_penalty() -> None:
    critic, (real, fake) = Quadratic(0.0), pair()
    penalty = regulariser(gradient_penalty=1.0).penalty(critic, real[0], fake[0])
    assert value(penalty) == 1
    assert penalty is not None
    penalty.backward()  # type: ignore[no-untyped-call]
    assert critic.a.grad is not None
    assert math.isfinite(float(critic.a.grad))


def test_what_is_off_does_nothing_and_draws_nothing() -> None:
    critic, (real, fake) = Linear(), pair()
    before = [weight.detach().clone() for weight in critic.weights]
    stream = random_stream(1, "penalty")
    for spec in (RegulariserSpec(), RegulariserSpec(r1=1)):
        off = Regulariser(spec, 1.0, stream)
        assert (off.penalty(critic, real, fake) is None) == (spec == RegulariserSpec())
        off.constrain(critic)
    assert all(torch.equal(first, second) for first, second in zip(before, critic.weights, strict=True))
    assert torch.equal(stream.get_state(), random_stream(1, "penalty").get_state())


def test_clipping_bounds_every_parameter_and_leaves_smaller_ones() -> None:
    critic = Linear()
    before = [weight.detach().clone() for weight in critic.weights]
    regulariser(clip=0.5).constrain(critic)
    for weight, old in zip(critic.weights, before, strict=True):
        assert torch.equal(weight, old.clamp(-0.5, 0.5))
        assert weight.abs().max() == 0.5


def test_penalties_exclude_each_other_and_weights_are_not_negative() -> None:
    with pytest.raises(UserError, match="r1 and gradient_penalty exclude each other"):
        validate({"r1": 1, "gradient_penalty": 1}, RegulariserSpec, "run.toml")
    with pytest.raises(UserError, match="clip is '-1'"):
        validate({"clip": -1}, RegulariserSpec, "run.toml")
    assert RegulariserSpec(r1=1, clip=1).clip == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"r1_every": 16}, "r1_every is 16, but r1 is 0; set r1, or leave r1_every out"),
        ({"r1_every": 16, "gradient_penalty": 1}, "r1_every is 16, but r1 is 0"),
        ({"path_length_every": 8}, "path_length_every is 8, but path_length is 0; set path_length, or leave"),
        ({"r1": 1, "r1_every": 0}, "r1_every is '0'"),
        ({"path_length": -1}, "path_length is '-1'"),
        ({"path_lenght": 2}, 'unknown key "path_lenght".*did you mean "path_length"'),
    ],
)
def test_what_cannot_be_meant_is_an_error_of_one_line(settings: dict[str, float], said: str) -> None:
    with pytest.raises(UserError, match=rf"^run\.toml: .*{said}.*$"):
        validate(settings, RegulariserSpec, "run.toml")


def test_a_spec_is_stored_as_before_where_nothing_is_lazy() -> None:
    """Studies that are under way compare what they stored with what is stored today."""
    assert RegulariserSpec(r1=1).model_dump() == {"r1": 1, "gradient_penalty": 0, "clip": 0}
    lazy = RegulariserSpec(r1=1, r1_every=16, path_length=2, path_length_every=8)
    assert RegulariserSpec.model_validate(lazy.model_dump()) == lazy
    assert RegulariserSpec(path_length=2).path_length_every == 4


def test_published_weights_are_relative_to_the_logistic_loss() -> None:
    logistic = LIBRARY["bce"].formula
    assert gradient_scale(logistic) == pytest.approx(LOGISTIC_SCALE, rel=1e-3)
    assert generator_gradient_scale(logistic) == pytest.approx(LOGISTIC_SCALE, rel=1e-3)
    # ADA's γ at 256 pixels and batches of 64 is 0.2048 of the loss that it trains with.
    assert published_r1(256, 64) * gradient_scale(logistic) == pytest.approx(0.2048, rel=1e-3)


def test_a_path_length_belongs_to_a_spec_that_has_one() -> None:
    stream, spec = random_stream(1, "path"), RegulariserSpec(path_length=2)
    path_length = path_length_of(spec, 1.0, 4, stream)
    with pytest.raises(ValueError, match="path_length is 2"):
        Regulariser(spec, 1.0, stream)
    with pytest.raises(ValueError, match="path_length is 0"):
        Regulariser(RegulariserSpec(r1=1), 1.0, stream, path_length)
    assert Regulariser(spec, math.nan, stream, path_length).generator_penalty_stands_apart
    with pytest.raises(
        UserError, match="the generator's loss has a gradient scale of 0; path_length is relative to it"
    ):
        path_length_of(spec, 0.0, 4, stream)


@pytest.mark.parametrize("scale", [0.0, math.inf, math.nan, -1.0])
def test_a_loss_without_a_gradient_scale_has_no_penalty(scale: float) -> None:
    with pytest.raises(UserError, match="gradient scale of"):
        regulariser(scale, r1=1)
    with pytest.raises(UserError, match="gradient scale of"):
        regulariser(scale, gradient_penalty=1)
    regulariser(scale, clip=1)


@pytest.mark.parametrize(
    ("name", "size", "width"),
    [("mlp", 8, 2), ("dcgan", 28, 2), ("msg-gan", 32, 2), ("msg-sagan", 32, 16), ("stylegan2", 32, 2)],
)
@pytest.mark.parametrize("weights", [{"r1": 1.0}, {"gradient_penalty": 1.0}])
def test_reaches_every_parameter_of_every_critic(name: str, size: int, width: int, weights: dict[str, float]) -> None:
    """Against central differences in float64; attention included, whose fast kernels have no second derivative."""
    spec = ModelSpec.model_validate({"name": name, "width": width, "latent": 4})
    nets = build(spec, size, 1, seed=3)
    generator, critic = nets.generator.double(), nets.discriminator.double()
    for parameter_name, parameter in critic.named_parameters():
        if parameter_name.endswith("gamma"):
            nn.init.constant_(parameter, 0.5)
    real = pyramid(torch.tanh(drawn(3, 1, size, size, seed=1)), scales(spec, size))
    with torch.no_grad():
        fake = generator(drawn(3, 4, seed=2))

    def penalty() -> Tensor:
        found = regulariser(**weights).penalty(critic, real, fake)
        assert found is not None
        return found

    critic.requires_grad_(True)
    gradients = torch.autograd.grad(penalty(), list(critic.parameters()), allow_unused=True)
    direction = [drawn(*parameter.shape, seed=4) for parameter in critic.parameters()]
    slope = sum((g * d).sum().item() for g, d in zip(gradients, direction, strict=True) if g is not None)
    with torch.no_grad():
        values = []
        for shift in (1e-6, -2e-6):
            for parameter, way in zip(critic.parameters(), direction, strict=True):
                parameter.add_(way, alpha=shift)
            with torch.enable_grad():
                values.append(penalty().item())
    assert slope == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-4, abs=1e-9)
    weights_seen = [
        g is not None and bool(g.any())
        for (parameter_name, _), g in zip(critic.named_parameters(), gradients, strict=True)
        if parameter_name.endswith(("weight", "gamma"))
    ]
    assert all(weights_seen)


@pytest.mark.parametrize("model", ["mlp", "msg-gan"])
@pytest.mark.parametrize("penalty", ["r1", "gradient_penalty"])
def test_penalties_work_where_nets_run_in_half_precision(model: str, penalty: str) -> None:
    spec = ModelSpec.model_validate({"name": model, "width": 2, "latent": 4})
    generator, discriminator = build(spec, 32, 1, 0)
    regulariser = Regulariser(RegulariserSpec.model_validate({penalty: 1.0}), 1.0, torch.Generator().manual_seed(0))
    real = pyramid(torch.rand(4, 1, 32, 32) * 2 - 1, scales(spec, 32))
    with torch.autocast("cpu", torch.bfloat16):
        fake = generator(torch.randn(4, 4))
        settled = tuple(level.detach() for level in fake) if isinstance(fake, tuple) else fake.detach()
        found = regulariser.penalty(discriminator, real, settled)
    assert found is not None
    assert found.dtype == torch.float32
    assert bool(found.isfinite())
    found.backward()  # type: ignore[no-untyped-call]
    assert any(parameter.grad is not None for parameter in discriminator.parameters())
