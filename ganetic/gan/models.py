"""The models of a full training, by name: their settings, their nets, and the images that they take."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple, Self

import torch
from pydantic import Field, field_validator, model_validator
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from ganetic.config import Config
from ganetic.errors import UserError, unknown
from ganetic.gan import dcgan, mlp, msg, progressive
from ganetic.gan.step import Images
from ganetic.reproducible import random_stream

_OWN: dict[str, dict[str, int | bool]] = {
    "mlp": {"width": 128},
    "dcgan": {"width": 32, "batch_norm": True},
    "msg-gan": {"width": 16, "equalised": True, "pixel_norm": True, "batch_norm": False, "minibatch_stddev": True},
    "msg-sagan": {
        "width": 16,
        "equalised": True,
        "pixel_norm": True,
        "batch_norm": False,
        "minibatch_stddev": True,
        "attention": 32,
    },
}
"""The keys of a model that not all have or whose default differs, with their defaults."""

_SIZES: dict[str, tuple[int, ...]] = {"dcgan": dcgan.DEEP_SIZES, "msg-gan": msg.SIZES, "msg-sagan": msg.SIZES}
"""Image sides that a model takes; a model that is not here takes any."""


class ModelSpec(Config):
    """A model and its settings. A key that the model does not have stays None; setting it is an error."""

    name: Literal["mlp", "dcgan", "msg-gan", "msg-sagan"]
    """Which nets: fully connected, strided convolutions, multi-scale, multi-scale with self-attention."""
    width: Annotated[int, Field(ge=1, le=256)] = 16
    """Channels of the features next to the finest image, by default 16 (msg-*) or 32 (dcgan). Of mlp the units of the
    generator's first layer, by default 128."""
    latent: Annotated[int, Field(ge=1, le=4096)] = 128
    """Length of a latent vector."""
    batch_norm: bool | None = None
    """dcgan: batch norm in both nets; on by default. msg-*: batch norm in the generator; off by default. Without it the
    features of short trainings soon hardly depend on the latent vector."""
    equalised: bool | None = None
    """msg-*: equalised learning rate; on by default, unless there is spectral norm, which undoes it."""
    pixel_norm: bool | None = None
    """msg-*: pixel norm in the generator; on by default."""
    minibatch_stddev: bool | None = None
    """msg-*: the discriminator sees how much a batch varies; on by default."""
    attention: Annotated[int, Field(ge=4, le=64)] | None = None
    """msg-sagan: the resolution of self-attention in both nets, one of the model's scales; 32 by default. Its cost
    grows with the fourth power."""
    spectral_norm: bool = False
    """Spectral norm of the discriminator's layers, and of the generator's in msg-sagan, as in SAGAN. It makes losses
    behave alike."""

    def settings_for(self, name: str) -> dict[str, Any]:
        """Return the settings that mean the same to another model; widths and switches do among multi-scale ones."""
        own = self.model_dump(mode="json", exclude_none=True)
        multi_scale = all(model.startswith("msg-") for model in (name, self.name))
        shared = set(_OWN[self.name]) & set(_OWN.get(name, ())) if multi_scale else set()
        return {key: value for key, value in own.items() if key in {"latent", "spectral_norm"} | shared}

    @field_validator("name", mode="before")
    @classmethod
    def _known(cls, name: object) -> object:
        if isinstance(name, str) and name not in _OWN:
            raise ValueError(str(unknown("model", name, _OWN)))
        return name

    @model_validator(mode="before")
    @classmethod
    def _with_defaults(cls, data: Any) -> Any:
        """Fill in the model's own defaults, so that a spec that was written down says everything."""
        name = data.get("name") if isinstance(data, dict) else None
        if not isinstance(name, str) or name not in _OWN:
            return data  # the fields' own validation says what is wrong
        defaults = dict(_OWN[name])
        if "equalised" in defaults and data.get("spectral_norm"):
            defaults["equalised"] = False
        return {**data, **{key: value for key, value in defaults.items() if data.get(key) is None}}

    @model_validator(mode="after")
    def _only_its_own_keys(self) -> Self:
        switches = {key for keys in _OWN.values() for key in keys}
        strange = sorted(key for key in switches - set(_OWN[self.name]) if getattr(self, key) is not None)
        if strange:
            owners = ", ".join(name for name, keys in _OWN.items() if strange[0] in keys)
            raise ValueError(f'"{strange[0]}" means nothing to {self.name}, only to {owners}; leave it out')
        if self.spectral_norm and self.equalised:
            raise ValueError("spectral_norm undoes equalised, both scale the weights; set one of them to false")
        return self


class Nets(NamedTuple):
    """Both players. Images of ``generator`` go into ``discriminator`` as they are."""

    generator: nn.Module
    """Latents ``(N, latent)`` to images or, in msg-*, to a pyramid."""
    discriminator: nn.Module
    """These to logits ``(N,)``."""


def build(spec: ModelSpec, size: int, channels: int, seed: int) -> Nets:
    """Build a model's nets on the CPU, initialised from the streams "generator" and "discriminator" of a seed.

    torch's global random state is neither read nor moved.

    Args:
        spec: the model.
        size: side of the images in pixels.
        channels: of the images, 1 or 3.
        seed: of the initialisation.

    Raises:
        UserError: the model does not take such images, or has no scale at which attention is wanted.
    """
    sides = scales(spec, size)
    if channels not in (1, 3):
        raise UserError(f"images with {channels} channels; {spec.name} takes 1 (grey) or 3 (colour); convert them")
    if spec.attention is not None and spec.attention not in sides:
        allowed = ", ".join(str(side) for side in sides if side <= 64)
        raise UserError(
            f"attention is {spec.attention}; {spec.name} at {size}×{size} pixels has the scales {allowed}; choose one"
        )
    with torch.random.fork_rng(devices=[]):  # torch's layers draw an initialisation when they are made
        nets, initialise = _made(spec, size, channels)
        for name, net in nets._asdict().items():
            stream = random_stream(seed, name)
            initialise(net, stream)
            if spec.spectral_norm and (name == "discriminator" or spec.name == "msg-sagan"):
                _normalise(net, stream)
    return nets


def scales(spec: ModelSpec, size: int) -> tuple[int, ...]:
    """Return the sides of the images that the nets make and take, the finest last; one for a single-scale model.

    Raises:
        UserError: the model does not take images of this size.
    """
    allowed = _SIZES.get(spec.name, (size,))
    if size not in allowed:
        raise UserError(
            f"images of {size}×{size} pixels; {spec.name} takes {', '.join(map(str, allowed))}; resize them, or choose "
            "mlp, which takes any size"
        )
    return msg.scales(size) if spec.name.startswith("msg-") else (size,)


def pyramid(images: Tensor, scales: tuple[int, ...]) -> Images:
    """Return images ``(N, C, H, W)`` at every scale by average pooling, the finest last; themselves where it is one.

    Args:
        images: of the finest scale.
        scales: sides, each half of the next.

    Raises:
        ValueError: the images are not of the finest scale.
    """
    if images.shape[-1] != scales[-1]:
        raise ValueError(f"images of side {images.shape[-1]}; the finest scale is {scales[-1]}")
    if len(scales) == 1:
        return images
    levels = [images]
    while len(levels) < len(scales):
        levels.append(F.avg_pool2d(levels[-1], 2))
    return tuple(reversed(levels))


def _made(spec: ModelSpec, size: int, channels: int) -> tuple[Nets, Callable[[nn.Module, torch.Generator], None]]:
    """Nets as torch draws them, and what draws them anew."""
    image, width = (size, channels), spec.width
    if spec.name == "mlp":
        return Nets(mlp.Generator(spec.latent, *image, width), mlp.Discriminator(*image, width)), mlp.initialise
    if spec.name == "dcgan":
        norm = bool(spec.batch_norm)
        generator = dcgan.Generator(spec.latent, *image, width, norm, layers=None)
        return Nets(generator, dcgan.Discriminator(*image, width, norm, layers=None)), dcgan.initialise
    equalised, at = bool(spec.equalised), spec.attention
    return Nets(
        msg.Generator(spec.latent, *image, width, equalised, bool(spec.pixel_norm), bool(spec.batch_norm), at),
        msg.Discriminator(*image, width, equalised, bool(spec.minibatch_stddev), at),
    ), progressive.initialise


def _normalise(net: nn.Module, stream: torch.Generator) -> None:
    """Put spectral norm (Miyato et al., https://arxiv.org/abs/1802.05957) on every layer; call it in a forked state."""
    # torch draws the power iteration's first vectors from its global state.
    torch.default_generator.manual_seed(int(torch.randint(2**62, (), generator=stream)))
    for module in list(net.modules()):
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            parametrizations.spectral_norm(module)
