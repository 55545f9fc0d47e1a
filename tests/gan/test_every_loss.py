"""Every model learns with every published loss, with card losses, and with every regulariser."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ganetic.gan.models import ModelSpec, Nets, build, pyramid, scales
from ganetic.gan.regulariser import Regulariser, RegulariserSpec, path_length_of
from ganetic.gan.step import StepLosses, adam, gan_step
from ganetic.loss.card import read_card
from ganetic.loss.compile import GanLoss
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.loss.numeric import responses
from ganetic.loss.screen import generator_gradient_scale, gradient_scale, judge
from ganetic.reproducible import random_stream
from tests.loss.random_trees import label_formulas, logit_formulas

MODELS = {"mlp": 8, "dcgan": 28, "msg-gan": 32, "msg-sagan": 32, "stylegan2": 32}
"""A small size of each."""
GOLDEN = Path(__file__).parents[1] / "golden"
STEPS = 3
FREE = RegulariserSpec()
INSIDE_ATTENTION = (".query.weight", ".key.weight", ".value.weight", ".output.weight")


def settings(name: str, **more: object) -> ModelSpec:
    return ModelSpec.model_validate({"name": name, "width": 2, "latent": 4, **more})


def regulariser_of(spec: RegulariserSpec, formula: Formula) -> Regulariser:
    lengths = None
    if spec.path_length:
        lengths = path_length_of(spec, generator_gradient_scale(formula), 4, random_stream(1, "path length"))
    return Regulariser(spec, gradient_scale(formula), random_stream(1, "penalty"), lengths)


def train(
    model: ModelSpec, formula: Formula, steps: int, channels: int = 1, regularisers: RegulariserSpec = FREE
) -> tuple[Nets, list[StepLosses]]:
    size = MODELS[model.name]
    nets = build(model, size, channels, seed=1)
    loss, stream = GanLoss(formula), random_stream(1, "images")
    updaters = (adam(nets.generator, 1e-3, 0, 0.99), adam(nets.discriminator, 1e-3, 0, 0.99))
    regulariser = regulariser_of(regularisers, formula)
    losses = []
    for _ in range(steps):
        images = torch.rand(4, channels, size, size, generator=stream) * 2 - 1
        real, latents = pyramid(images, scales(model, size)), torch.randn(4, model.latent, generator=stream)
        losses.append(gan_step(*nets, loss, updaters, real, latents, regulariser))
    return nets, losses


def finite(nets: Nets, losses: list[StepLosses]) -> bool:
    values = [value for pair in losses for value in pair]
    values += [parameter for net in nets for parameter in net.parameters()]
    return all(bool(value.isfinite().all()) for value in values)


def without_gradient(net: nn.Module) -> list[str]:
    """Names of the parameters whose last gradient is missing or exactly zero."""

    def absent(gradient: Tensor | None) -> bool:
        return gradient is None or not bool(gradient.any())

    return [name for name, parameter in net.named_parameters() if absent(parameter.grad)]


def last_bias(name: str) -> str:
    """What is added to every logit: a loss of differences of logits does not see it, nor does hinge at the start."""
    return {"mlp": "layers.4.bias"}.get(name, "logit.bias")


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("loss", sorted(LIBRARY))
def test_every_loss_moves_every_parameter_of_every_model(name: str, loss: str) -> None:
    # Attention's inner weights have a gradient from the second step on, when γ has left 0.
    nets, losses = train(settings(name), LIBRARY[loss].formula, STEPS)
    assert finite(nets, losses)
    assert without_gradient(nets.generator) == []
    assert set(without_gradient(nets.discriminator)) <= {last_bias(name)}


def viable(count: int) -> list[Formula]:
    """Random losses that pass the screen, of both forms in turn.

    Relativistic ones are left out: of some G learns nothing as long as logits are small, in whichever net. Of others
    float32 rounds the gradient away.
    """
    streams = [label_formulas(5), logit_formulas(5, relativistic=False)]
    return [next(filter(passes, streams[place % 2])) for place in range(count)]


def passes(formula: Formula) -> bool:
    return judge(*responses(formula)).passed and generator_gradient_scale(formula) > 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("formula", viable(20), ids=lambda formula: formula.text[:60])
def test_random_viable_losses_move_every_parameter_of_stylegan2(formula: Formula) -> None:
    nets, losses = train(settings("stylegan2"), formula, STEPS)
    assert finite(nets, losses)
    assert without_gradient(nets.generator) == []
    assert set(without_gradient(nets.discriminator)) <= {last_bias("stylegan2")}


def test_at_first_attention_learns_through_gamma_alone() -> None:
    for net in train(settings("msg-sagan"), LIBRARY["bce"].formula, 1)[0]:
        still = without_gradient(net)
        assert len(still) == 4
        assert all(parameter.endswith(INSIDE_ATTENTION) for parameter in still)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("card", ["card_v1.json", "card_v1_logit.json"])
def test_a_card_trains_every_model(name: str, card: str) -> None:
    loss = read_card(GOLDEN / card)
    nets, losses = train(settings(name), loss.formula, 2, channels=3)
    assert finite(nets, losses)
    assert without_gradient(nets.generator) == []


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    ("loss", "penalty"),
    [
        ("relativistic-hinge", RegulariserSpec(r1=1)),
        ("ganetic-batch-sum", RegulariserSpec(gradient_penalty=1)),
        ("relativistic-hinge", RegulariserSpec(gradient_penalty=1, clip=0.05)),
    ],
)
def test_every_regulariser_joins_every_model(name: str, loss: str, penalty: RegulariserSpec) -> None:
    formula = LIBRARY[loss].formula
    (free, (without, _)) = train(settings(name), formula, 2)
    nets, losses = train(settings(name), formula, 2, regularisers=penalty)
    assert finite(nets, losses)
    assert losses[0].discriminator > without.discriminator
    for parameter in nets.discriminator.parameters():
        assert parameter.abs().max() <= torch.tensor(penalty.clip or 10.0)
    assert not all(map(torch.equal, nets.discriminator.parameters(), free.discriminator.parameters()))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("loss", sorted(LIBRARY))
def test_lazy_r1_and_path_length_join_every_loss_in_every_model(name: str, loss: str) -> None:
    lazy, formula = RegulariserSpec(r1=1, r1_every=2, path_length=1, path_length_every=3), LIBRARY[loss].formula
    (plain, _), (nets, losses) = (train(settings(name), formula, STEPS, regularisers=spec) for spec in (FREE, lazy))
    assert finite(nets, losses)
    moved = [
        sum(not torch.equal(mine, theirs) for mine, theirs in zip(net.parameters(), other.parameters(), strict=True))
        for net, other in zip(nets, plain, strict=True)
    ]
    assert all(count >= len([*net.parameters()]) - 3 for count, net in zip(moved, nets, strict=True)), moved


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("every", [1, 2])
def test_path_length_follows_the_scale_of_the_generator_s_loss(name: str, every: int) -> None:
    """Ten times G's loss is ten times the penalty, whatever D's: both learn the same."""
    spec = RegulariserSpec(path_length=100, path_length_every=every)
    text = "d_real=softplus(neg(d)); d_fake=softplus(d); g_fake=mul({}, softplus(neg(d)))"
    once, ten_times = (Formula.from_text(text.format(scale)) for scale in ("1.5", "15.0"))
    model = settings(name, latent=32, width=8)
    nets = [train(model, formula, every, regularisers=spec)[0] for formula in (once, ten_times)]
    nets.append(train(model, once, every)[0])
    first, second, without = (nn.utils.parameters_to_vector(pair.generator.parameters()) for pair in nets)
    start = nn.utils.parameters_to_vector(build(model, MODELS[name], 1, seed=1).generator.parameters())
    way = (first - start).norm()
    assert (first - second).norm() < 0.03 * way
    assert (first - without).norm() > 0.1 * way


@pytest.mark.parametrize("name", MODELS)
def test_penalties_follow_the_scale_of_the_loss(name: str) -> None:
    """A hundred times the loss is a hundred times the penalty: D learns the same."""
    formulas = [
        Formula.from_text(f"d_real=mul({scale}, softplus(neg(d))); d_fake=mul({scale}, softplus(d)); g_fake=neg(d)")
        for scale in ("1.5", "150.0")
    ]
    model = settings(name)
    gradients = []
    for formula in formulas:
        nets, _ = train(model, formula, 1, regularisers=RegulariserSpec(r1=3))
        gradients.append([parameter.grad for parameter in nets.discriminator.parameters()])
    for first, second in zip(*gradients, strict=True):
        assert first is not None
        assert second is not None
        torch.testing.assert_close(100 * first, second, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("penalty", [FREE, RegulariserSpec(r1=1)])
def test_trains_with_spectral_norm(name: str, penalty: RegulariserSpec) -> None:
    nets, losses = train(settings(name, spectral_norm=True), LIBRARY["hinge"].formula, STEPS, regularisers=penalty)
    assert finite(nets, losses)
    assert set(without_gradient(nets.discriminator)) <= {last_bias(name)}


@pytest.mark.parametrize("name", MODELS)
def test_the_same_seed_gives_the_same_nets(name: str) -> None:
    first, second = (
        train(settings(name), LIBRARY["bce"].formula, 2, regularisers=RegulariserSpec(gradient_penalty=1))[0]
        for _ in range(2)
    )
    for net, other in zip(first, second, strict=True):
        for mine, theirs in zip(net.state_dict().values(), other.state_dict().values(), strict=True):
            assert torch.equal(mine, theirs)
