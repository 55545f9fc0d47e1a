import copy
import json

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from ganetic.config import validate
from ganetic.errors import UserError
from ganetic.gan.models import ModelSpec, build, pyramid, scales

MODELS = {"mlp": 8, "dcgan": 32, "msg-gan": 32, "msg-sagan": 32, "stylegan2": 32}
"""A small size of each."""


def spec(name: str, **more: object) -> ModelSpec:
    return validate({"name": name, "width": 2, "latent": 4, **more}, ModelSpec, "test")


def drawn(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_discriminator_takes_what_its_generator_makes_and_a_pyramid_of_real_images(name: str, channels: int) -> None:
    model, size = spec(name), MODELS[name]
    nets = build(model, size, channels, seed=1)
    fake = nets.generator(drawn(3, 4))
    real = pyramid(drawn(3, channels, size, size), scales(model, size))
    shapes = [
        [image.shape for image in (images if isinstance(images, tuple) else (images,))] for images in (fake, real)
    ]
    assert shapes[0] == shapes[1] == [(3, channels, side, side) for side in scales(model, size)]
    for images in (fake, real):
        logits = nets.discriminator(images)
        assert logits.shape == (3,)
        assert logits.dtype == torch.float32


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("spectral_norm", [False, True])
def test_nets_are_of_the_seed_only_and_move_no_global_state(name: str, spectral_norm: bool) -> None:
    states, before = [], []
    for disturbance, seed in ((1, 5), (2, 5), (2, 6)):
        torch.manual_seed(disturbance)
        before.append(torch.get_rng_state())
        nets = build(spec(name, spectral_norm=spectral_norm), MODELS[name], 1, seed)
        assert torch.equal(torch.get_rng_state(), before[-1])
        states.append([tensor for net in nets for tensor in net.state_dict().values()])
    assert all(torch.equal(first, second) for first, second in zip(states[0], states[1], strict=True))
    assert not all(torch.equal(first, second) for first, second in zip(states[0], states[2], strict=True))


def test_the_players_have_streams_of_their_own() -> None:
    narrow, wide = build(spec("msg-gan"), 32, 1, 5), build(spec("msg-gan", latent=9), 32, 1, 5)
    for first, second in zip(narrow.discriminator.parameters(), wide.discriminator.parameters(), strict=True):
        assert torch.equal(first, second)


def test_real_images_are_pooled_to_every_scale() -> None:
    images = drawn(2, 3, 32, 32)
    levels = pyramid(images, scales(spec("msg-gan"), 32))
    assert isinstance(levels, tuple)
    assert levels[-1] is images
    for level in levels:
        torch.testing.assert_close(level, F.avg_pool2d(images, 32 // level.shape[-1]))
    assert pyramid(images, scales(spec("dcgan"), 32)) is images
    with pytest.raises(ValueError, match="finest scale is 64"):
        pyramid(images, (32, 64))


@pytest.mark.parametrize(
    ("name", "size", "allowed"),
    [
        ("msg-gan", 28, "32, 64, 128, 256"),
        ("msg-sagan", 512, "32, 64, 128, 256"),
        ("dcgan", 36, "28, 32, 40, 48, 56, 64, 80, 96, 112, 128"),
        ("dcgan", 256, "28, 32"),
        ("stylegan2", 28, "32, 64, 128, 256"),
    ],
)
def test_sizes_that_a_model_does_not_take_are_named(name: str, size: int, allowed: str) -> None:
    for function in (lambda: build(spec(name), size, 1, 0), lambda: scales(spec(name), size)):
        with pytest.raises(UserError, match=f"{size}×{size} pixels; {name} takes {allowed}"):
            function()


def test_other_images_are_refused() -> None:
    with pytest.raises(UserError, match=r"2 channels; mlp takes 1 \(grey\) or 3"):
        build(spec("mlp"), 8, 2, 0)
    with pytest.raises(UserError, match="attention is 64; msg-sagan at 32×32 pixels has the scales 4, 8, 16, 32"):
        build(spec("msg-sagan", attention=64), 32, 1, 0)
    with pytest.raises(UserError, match="attention is 24; msg-sagan at 64×64 pixels has the scales 4, 8, 16, 32, 64"):
        build(spec("msg-sagan", attention=24), 64, 1, 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "msg-sagn"}, 'unknown model "msg-sagn"; expected one of .*; did you mean "msg-sagan"'),
        ({"name": "mlp", "batch_norm": True}, '"batch_norm" means nothing to mlp, only to dcgan, msg-gan'),
        ({"name": "dcgan", "pixel_norm": False}, '"pixel_norm" means nothing to dcgan, only to msg-gan, msg-sagan'),
        ({"name": "msg-gan", "attention": 32}, '"attention" means nothing to msg-gan, only to msg-sagan'),
        ({"name": "msg-gan", "spectral_norm": True, "equalised": True}, "spectral_norm undoes equalised"),
        ({"name": "msg-sagan", "attention": 128}, "attention is '128'"),
        ({"name": "mlp", "widht": 3}, 'unknown key "widht".*did you mean "width"'),
        ({"width": 3}, 'key "name" is missing'),
        ({"name": 3}, "name is '3'"),
    ],
)
def test_settings_that_mean_nothing_are_errors(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        validate(settings, ModelSpec, "run.toml")


@pytest.mark.parametrize("name", MODELS)
def test_a_spec_that_was_written_down_says_everything(name: str) -> None:
    found = ModelSpec.model_validate({"name": name})
    assert validate(json.loads(found.model_dump_json()), ModelSpec, "again") == found
    keys = json.loads(found.model_dump_json())
    assert keys.get("batch_norm") is {"mlp": None, "dcgan": True, "stylegan2": None}.get(name, False)
    assert keys.get("attention") == (32 if name == "msg-sagan" else None)
    assert keys.get("equalised") is (True if name.startswith("msg") else None)


def test_a_spec_that_an_older_version_wrote_down_is_read() -> None:
    """It held every key of every model, with null where the model has no such key."""
    older = {"name": "mlp", "width": 128, "latent": 128, "batch_norm": None, "equalised": None, "attention": None}
    assert validate(older, ModelSpec, "training.json") == ModelSpec.model_validate({"name": "mlp"})


def test_spectral_norm_takes_the_place_of_equalised_layers() -> None:
    for settings in ({}, {"equalised": None}):
        assert spec("msg-gan", spectral_norm=True, **settings).model_dump()["equalised"] is False


@pytest.mark.parametrize("name", MODELS)
def test_spectral_norm_makes_every_layer_of_the_discriminator_one_lipschitz(name: str) -> None:
    nets = build(spec(name, spectral_norm=True), MODELS[name], 1, 1)
    assert any(map(parametrize.is_parametrized, nets.generator.modules())) == (name == "msg-sagan")
    images = nets.generator(drawn(3, 4))
    for _ in range(30):
        nets.discriminator(images)
    nets.discriminator.eval()
    layers = [m for m in nets.discriminator.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    assert layers
    for layer in layers:
        largest = torch.linalg.svdvals(layer.weight.detach().flatten(1))[0].item()
        assert largest == pytest.approx(1, rel=1e-2)
        assert getattr(layer, "scale", 1) == 1


def test_nets_with_spectral_norm_can_be_copied_and_restored() -> None:
    """As a moving average and a checkpoint do."""
    model = spec("msg-sagan", spectral_norm=True)
    nets, other = build(model, 32, 1, 1), build(model, 32, 1, 2)
    twin = copy.deepcopy(nets.generator)
    other.generator.load_state_dict(nets.generator.state_dict())
    for net in (nets.generator, twin, other.generator):
        net.eval()
    images = nets.generator(drawn(2, 4))
    for net in (twin, other.generator):
        assert all(torch.equal(first, second) for first, second in zip(images, net(drawn(2, 4)), strict=True))
