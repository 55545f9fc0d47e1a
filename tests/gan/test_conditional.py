"""GANs that are told classes: the projection, the embeddings, and what steps and penalties make of a batch's labels."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganetic.errors import UserError
from ganetic.gan.classes import draw_labels, label_of, labels_for
from ganetic.gan.conditional import ClassEmbedding, Given, ProjectionDiscriminator, given
from ganetic.gan.models import MODELS, ConditionalModel, ModelSpec, Nets, build
from ganetic.gan.path_length import PathLength
from ganetic.gan.regulariser import Regulariser, RegulariserSpec, path_length_of
from ganetic.gan.step import StepLosses, adam, gan_step
from ganetic.loss.compile import GanLoss
from ganetic.loss.library import LIBRARY
from ganetic.loss.screen import generator_gradient_scale, gradient_scale
from ganetic.reproducible import random_stream

SIZES = {"dcgan": 28, "stylegan2": 32}
CLASSES = 3
LABELS = torch.tensor([0, 2, 1, 0])


def settings(name: str, **more: object) -> ModelSpec:
    return ModelSpec.model_validate({"name": name, "width": 2, "latent": 4, **more})


def nets_of(name: str, **more: object) -> Nets:
    return build(settings(name, **more), SIZES[name], 1, seed=1, classes=CLASSES)


def latents(count: int = 4) -> Tensor:
    return torch.randn(count, 4, generator=random_stream(1, "latents"))


def images(name: str, count: int = 4) -> Tensor:
    return torch.rand(count, 1, SIZES[name], SIZES[name], generator=random_stream(1, "images")) * 2 - 1


def without_gradient(net: nn.Module) -> set[str]:
    return {name for name, value in net.named_parameters() if value.grad is None or not bool(value.grad.any())}


class Flat(nn.Module):
    """φ are the pixels, ψ is 2φ₀ − 3φ₁ + ½."""

    def embedded(self, images: Tensor) -> Tensor:
        return images.flatten(1)

    def judged(self, features: Tensor) -> Tensor:
        return 2 * features[:, 0] - 3 * features[:, 1] + 0.5


def test_the_logit_is_psi_of_phi_plus_the_inner_product() -> None:
    net = ProjectionDiscriminator(Flat(), 2, 2, deviation=1.0)
    net.embed.weight.data = torch.tensor([[1.0, 10.0], [-1.0, 4.0]])
    pixels = torch.tensor([[1.0, 2.0], [1.0, 2.0], [0.0, 1.0]]).view(3, 1, 1, 2)
    # 2 − 6 + ½ = −3.5, plus 1 + 20 and −1 + 8; −3 + ½ = −2.5, plus 4.
    assert net(pixels, torch.tensor([0, 1, 1])).tolist() == [17.5, 3.5, 1.5]


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("spectral_norm", [False, True])
def test_projection_logits_are_those_of_a_reference_in_float64(name: str, spectral_norm: bool) -> None:
    """Written with loops over numbers, of Miyato & Koyama's equation, and from the weights alone."""
    net = nets_of(name, spectral_norm=spectral_norm).discriminator.double().eval()
    assert isinstance(net, ProjectionDiscriminator)
    judge: nn.Module = net.net  # type: ignore[assignment]
    pixels = images(name).double()
    with torch.no_grad():
        logits, phi = net(pixels, LABELS).numpy(), net.net.embedded(pixels).numpy()
        last, embed = judge.logit, net.embed.weight.numpy()
        psi, bias = last.weight.numpy().reshape(-1), float(last.bias[0])  # type: ignore[union-attr, operator]
    scale = 1.0 if name == "dcgan" or spectral_norm else 1 / np.sqrt(phi.shape[1])  # of equalised learning rates
    for row, label in enumerate(LABELS.tolist()):
        expected = bias
        for place, value in enumerate(phi[row]):
            expected += scale * (psi[place] + embed[label, place]) * value
        assert logits[row] == pytest.approx(expected, rel=1e-9, abs=1e-12)
    if spectral_norm:
        assert np.linalg.norm(embed, 2) == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("name", SIZES)
def test_both_nets_hear_the_class(name: str) -> None:
    nets = nets_of(name)
    others = (LABELS + 1) % CLASSES
    for net, inputs in ((nets.generator.eval(), latents()), (nets.discriminator.eval(), images(name))):
        first, second, again = (net(inputs, labels) for labels in (LABELS, others, LABELS))
        assert torch.equal(first, again)
        assert all(not torch.equal(one, other) for one, other in zip(first, second, strict=True))


@pytest.mark.parametrize("name", SIZES)
def test_an_image_depends_on_its_own_vector_and_class_alone(name: str) -> None:
    generator = nets_of(name).generator.eval()
    together = generator(latents(), LABELS)
    torch.testing.assert_close(generator(latents()[2:3], LABELS[2:3])[0], together[2])


@pytest.mark.parametrize("name", SIZES)
def test_embeddings_are_drawn_from_the_seed(name: str) -> None:
    first, second = nets_of(name), nets_of(name)
    other = build(settings(name), SIZES[name], 1, seed=2, classes=CLASSES)
    for mine, again, theirs in zip(first, second, other, strict=True):
        pairs = [[m for m in net.modules() if isinstance(m, ClassEmbedding)] for net in (mine, again, theirs)]
        assert [len(found) for found in pairs] == [1, 1, 1]
        weights = [found[0].weight for found in pairs]
        assert torch.equal(weights[0], weights[1])
        assert not torch.equal(weights[0], weights[2])


def stepped(name: str, loss: str, steps: int = 1, spec: RegulariserSpec | None = None) -> tuple[Nets, list[StepLosses]]:
    nets, formula = nets_of(name), LIBRARY[loss].formula
    updaters = (adam(nets.generator, 1e-3, 0, 0.99), adam(nets.discriminator, 1e-3, 0, 0.99))
    regulariser = None
    if spec is not None:
        scale, stream = generator_gradient_scale(formula), random_stream(1, "path length")
        lengths = path_length_of(spec, scale, 4, stream) if spec.path_length else None
        regulariser = Regulariser(spec, gradient_scale(formula), random_stream(1, "penalty"), lengths)
    losses = []
    for _ in range(steps):
        told = [given(net, LABELS) for net in nets]
        losses.append(gan_step(*told, GanLoss(formula), updaters, images(name), latents(), regulariser))
    return nets, losses


def finite(nets: Nets, losses: list[StepLosses]) -> bool:
    values = [*(value for pair in losses for value in pair), *(value for net in nets for value in net.parameters())]
    return all(bool(value.isfinite().all()) for value in values)


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("loss", sorted(LIBRARY))
def test_every_loss_moves_every_parameter_and_the_vector_of_every_class(name: str, loss: str) -> None:
    nets, losses = stepped(name, loss)
    assert finite(nets, losses)
    assert without_gradient(nets.generator) == set()
    assert without_gradient(nets.discriminator) <= {"net.logit.bias"}  # losses of differences do not see it
    for net in nets:
        (embedding,) = (module for module in net.modules() if isinstance(module, ClassEmbedding))
        assert embedding.weight.grad is not None
        assert bool(embedding.weight.grad.any(1).all())


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize(
    "spec",
    [
        RegulariserSpec(r1=1),
        RegulariserSpec(r1=1, r1_every=2, path_length=1, path_length_every=2),
        RegulariserSpec(gradient_penalty=1),
        RegulariserSpec(path_length=1, path_length_every=1, clip=0.05),
    ],
)
def test_every_regulariser_joins(name: str, spec: RegulariserSpec) -> None:
    (plain, _), (nets, losses) = (stepped(name, "relativistic-hinge", 2, wanted) for wanted in (None, spec))
    assert finite(nets, losses)
    pairs = [
        (mine, theirs)
        for net, other in zip(nets, plain, strict=True)
        for mine, theirs in zip(net.parameters(), other.parameters(), strict=True)
    ]
    assert any(not torch.equal(mine, theirs) for mine, theirs in pairs)


@pytest.mark.parametrize("name", SIZES)
def test_path_length_takes_the_classes_of_its_half_of_the_batch(name: str) -> None:
    generator = nets_of(name, **({"style_mixing": 0.0} if name == "stylegan2" else {})).generator.eval()
    penalties = []
    for labels in (LABELS, LABELS[[0, 0, 2, 2]], LABELS[[1, 1, 3, 3]]):  # the half is the first and the third
        path = PathLength(1.0, 1, 4, random_stream(1, "noise"))
        penalties.append(path.penalty(given(generator, labels), latents()))
    first, same_half, other_half = penalties
    assert first is not None
    assert torch.equal(first, same_half)  # type: ignore[arg-type]
    assert not torch.equal(first, other_half)  # type: ignore[arg-type]


def test_without_labels_a_net_stays_itself() -> None:
    net = nn.Identity()
    assert given(net, None) is net
    assert isinstance(given(net, LABELS), Given)


def test_truncation_leads_to_the_mean_of_the_class() -> None:
    generator = nets_of("stylegan2").generator.eval()  # which begins without noise
    generator.truncate(0.0)  # type: ignore[operator]
    made = generator(latents(), LABELS)
    torch.testing.assert_close(made[0], made[3])
    assert not torch.allclose(made[0], made[1], atol=1e-4)


@pytest.mark.parametrize("name", [name for name in MODELS.names() if name not in SIZES])
def test_other_models_are_refused_in_a_line_that_names_the_two(name: str) -> None:
    assert not isinstance(settings(name), ConditionalModel)
    with pytest.raises(UserError, match=f"{name} cannot be told classes, dcgan and stylegan2 can") as caught:
        build(settings(name), 32, 1, seed=0, classes=2)
    assert "\n" not in str(caught.value)


def test_labels_are_drawn_in_proportion_and_the_first_ones_stay() -> None:
    classes = {"normal": 300, "rare": 0, "pneumonia": 100}
    many, few = (draw_labels(classes, count, random_stream(3, "x")) for count in (4_000, 7))
    assert many is not None
    assert few is not None
    assert many.dtype == torch.int64
    assert torch.equal(many[:7], few)
    assert (many == 1).sum() == 0
    assert float((many == 0).double().mean()) == pytest.approx(0.75, abs=0.03)
    assert draw_labels({}, 5, random_stream(3, "x")) is None


def test_a_class_is_known_by_its_name() -> None:
    classes = {"normal": 3, "pneumonia": 1}
    assert label_of(classes, "pneumonia") == 1
    assert labels_for(classes, 3, random_stream(0, "x"), "pneumonia").tolist() == [1, 1, 1]  # type: ignore[union-attr]
    with pytest.raises(UserError, match=r'unknown class "pneumona"; expected one of .*; did you mean "pneumonia"\?'):
        label_of(classes, "pneumona")
    with pytest.raises(UserError, match="the generator is told no classes"):
        label_of({}, "normal")
