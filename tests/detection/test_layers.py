from collections.abc import Iterator

import numpy as np
import pytest
import torch

from ganetic.detection.layers import FeatureLayer, HeldDeviation, chosen_layer, layer_names, without_neighbours
from ganetic.errors import UserError
from ganetic.gan.models import MODELS
from ganetic.gan.step import Images
from tests.detection.gans import SIZES, noise, untrained

LAST = {"mlp": "layers.3", "dcgan": "norms.0", "msg-gan": "gather", "msg-sagan": "gather", "stylegan2": "gather"}


def test_every_model_is_tried_here() -> None:
    assert set(SIZES) == set(LAST) == set(MODELS.names())


@pytest.mark.parametrize("model", SIZES)
@pytest.mark.parametrize("spectral_norm", [False, True])
def test_the_layer_of_each_model_is_the_one_before_the_logit(model: str, spectral_norm: bool) -> None:
    gan = untrained(model, spectral_norm=spectral_norm)
    x = gan.shown(noise(3, SIZES[model]), "cpu")
    layer = chosen_layer(gan.discriminator, x, None)
    assert layer.name == LAST[model]
    features, logits = layer(x)
    assert features.shape[0] == 3 and features.shape[1] > 1
    assert torch.equal(logits, gan.discriminator(x))
    assert all(
        hasattr(module, "_forward_hooks") and not module._forward_hooks for module in gan.discriminator.modules()
    )


@pytest.mark.parametrize("model", SIZES)
def test_every_name_gives_features_of_each_image(model: str) -> None:
    gan = untrained(model)
    x = gan.shown(noise(3, SIZES[model]), "cpu")
    names = layer_names(gan.discriminator, x)
    assert len(names) == len(set(names)) > 1
    assert all(FeatureLayer(gan.discriminator, name)(x)[0].shape[0] == 3 for name in names)


def test_features_of_a_linear_layer_are_what_it_computes() -> None:
    gan = untrained("mlp")
    x = gan.shown(noise(3), "cpu")
    assert isinstance(x, torch.Tensor)
    features, _ = FeatureLayer(gan.discriminator, "layers.0")(x)
    first = gan.discriminator.get_submodule("layers.0")
    assert isinstance(first, torch.nn.Linear)
    torch.testing.assert_close(features, x.flatten(1) @ first.weight.T + first.bias)


def test_a_wrong_name_lists_all() -> None:
    gan = untrained("mlp")
    with pytest.raises(UserError) as caught:
        chosen_layer(gan.discriminator, gan.shown(noise(2), "cpu"), "layer.3")
    assert str(caught.value) == (
        'the discriminator: unknown layer "layer.3"; expected one of layers.0, layers.1, layers.2, layers.3; '
        'did you mean "layers.3"?'
    )


def test_a_net_without_layers_is_refused() -> None:
    class Mean(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.mean((1, 2, 3))

    with pytest.raises(UserError, match="no layer that gives features"):
        chosen_layer(Mean(), torch.zeros(2, 1, 8, 8), None)


@pytest.mark.parametrize("model", ["msg-gan", "msg-sagan", "stylegan2"])
def test_neighbours_have_no_say(model: str) -> None:
    gan = untrained(model)
    images = noise(8, 32)
    images[4:] //= 4  # of another variety

    def batches() -> Iterator[Images]:
        return (gan.shown(images[start : start + 4], "cpu") for start in (0, 4))

    held = without_neighbours(gan.discriminator, batches())

    def logits(net: torch.nn.Module, *places: int) -> float:
        return float(net(gan.shown(images[list(places)], "cpu"))[0])

    assert logits(gan.discriminator, 0, 1, 2, 3) != pytest.approx(logits(gan.discriminator, 0, 4, 5, 6), rel=1e-4)
    assert logits(held, 0, 1, 2, 3) == pytest.approx(logits(held, 0, 4, 5, 6), rel=1e-5)
    assert logits(held, 0) == pytest.approx(logits(held, 0, 4, 5, 6), rel=1e-5)


def test_the_deviation_that_is_held_is_the_mean_over_batches() -> None:
    gan = untrained("stylegan2")
    both = [gan.shown(noise(4, 32, seed=seed) // (seed + 1), "cpu") for seed in (0, 1)]
    found = []
    for batch in both:
        features = gan.discriminator.get_submodule("blocks")(gan.discriminator.get_submodule("from_image")(batch))
        found.append(np.sqrt(features.numpy().var(0) + 1e-8).mean())
    held = without_neighbours(gan.discriminator, iter(both)).stddev
    assert isinstance(held, HeldDeviation)
    assert float(held.deviation) == pytest.approx(np.mean(found), rel=1e-5)
    assert not np.isclose(found[0], found[1], rtol=0.1)


def test_a_net_that_looks_at_no_neighbours_stays_as_it_is() -> None:
    gan = untrained("dcgan")
    x = gan.shown(noise(3, 28), "cpu")
    assert torch.equal(without_neighbours(gan.discriminator, iter([x]))(x), gan.discriminator(x))
