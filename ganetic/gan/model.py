"""What a model of a full training is: settings that build a pair of nets. `ganetic.gan.models` has a file for each."""

from typing import Annotated, Any, ClassVar, NamedTuple, Protocol, Self, runtime_checkable

import torch
from pydantic import Field, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from ganetic.config import Config
from ganetic.errors import UserError
from ganetic.gan.conditional import draw_embeddings
from ganetic.gan.step import Images
from ganetic.registry import Registry
from ganetic.reproducible import random_stream

Width = Annotated[int, Field(ge=1, le=256)]


class Nets(NamedTuple):
    """Both players. Images of ``generator`` go into ``discriminator`` as they are."""

    generator: nn.Module
    """Latents ``(N, latent)`` to images or, at several scales, to a pyramid."""
    discriminator: nn.Module
    """These to logits ``(N,)``."""


@runtime_checkable
class Truncatable(Protocol):
    """A generator that gives up variety for images that are nearer to the most common ones."""

    def truncate(self, truncation: float) -> None:
        """Draw images of this much variety from now on: from 0, all images alike, to 1, as trained."""


class ModelSpec(Config):
    """A model and its settings: what all models have. Each model is a subclass that `MODELS` knows by its name.

    Plain data becomes the class of its ``name``: together they are a union that is discriminated by it, and that grows
    with every model that is registered. A setting of None stands for its default.
    """

    sizes: ClassVar[tuple[int, ...]] = ()
    """Image sides that the model takes; empty where it takes any."""
    normalised: ClassVar[tuple[str, ...]] = ("discriminator",)
    """The nets of `Nets` that spectral norm is put on."""

    name: str
    """Which nets."""
    latent: Annotated[int, Field(ge=1, le=4096)] = 128
    """Length of a latent vector."""
    spectral_norm: bool = False
    """Spectral norm of the discriminator's layers, and of the generator's in msg-sagan, as in SAGAN. It makes losses
    behave alike."""

    def nets(self, size: int, channels: int) -> Nets:
        """Make both nets for images of this side with 1 or 3 channels, on the CPU.

        Raises:
            UserError: a setting does not fit these images.
        """
        raise NotImplementedError

    def initialise(self, net: nn.Module, stream: torch.Generator) -> None:
        """Draw a net's first weights from a CPU generator; by default they stay as torch's layers drew them."""

    def sides(self, size: int) -> tuple[int, ...]:
        """Sides of the images that the nets make and take, the finest last; one for a single-scale model."""
        return (size,)

    def settings_for(self, name: str) -> dict[str, Any]:
        """Return the settings that mean the same to another model: those of the class that both inherit from."""
        other = ModelSpec.member_for({"name": name})
        kin = next(cls for cls in type(self).__mro__ if issubclass(other, cls) and issubclass(cls, ModelSpec))
        return self.model_dump(mode="json", include={*kin.model_fields} - {"name"})

    @classmethod
    def member_for(cls, data: object) -> "type[ModelSpec]":
        """Return the model that plain data names."""
        name = data.get("name") if cls is ModelSpec and isinstance(data, dict) else None
        return MODELS[name] if isinstance(name, str) and name in MODELS else cls

    @model_validator(mode="wrap")
    @classmethod
    def _of_its_name(cls, data: Any, validate: ModelWrapValidatorHandler[Self]) -> Any:
        if cls is not ModelSpec or not isinstance(data, dict):
            return validate(data)
        if "name" not in data:
            raise _problem("missing", data)
        if not isinstance(data["name"], str):
            raise _problem("string_type", data["name"])
        try:
            found = MODELS[data["name"]]
        except UserError as error:
            raise _problem(PydanticCustomError("model", "{said}", {"said": str(error)}), data["name"]) from None
        return found.model_validate(data)

    @model_validator(mode="before")
    @classmethod
    def _only_its_own_keys(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data  # the fields' own validation says what is wrong
        given = {key: value for key, value in data.items() if value is not None or key == "name"}
        for key in sorted(set(given) - set(cls.model_fields)):
            owners = [name for name, model in MODELS.items() if key in model.model_fields]
            if owners:
                only = ", ".join(owners)
                raise ValueError(f'"{key}" means nothing to {data.get("name")}, only to {only}; leave it out')
        return given


MODELS: Registry[ModelSpec] = Registry(ModelSpec, "model", "ganetic.gan.models", "ganetic.models")


@runtime_checkable
class ConditionalModel(Protocol):
    """A `ModelSpec` whose nets can be told the class of each image."""

    def conditional_nets(self, size: int, channels: int, classes: int) -> Nets:
        """Make both nets as `ModelSpec.nets` does; each takes labels, int64 ``(N,)``, behind its other argument.

        Vectors of classes are `ganetic.gan.conditional.ClassEmbedding`; `build` draws them.
        """


def refuse_unconditional(spec: ModelSpec) -> None:
    """Refuse a model that cannot be told classes.

    Raises:
        UserError: it is one; the message names those that can.
    """
    if not isinstance(spec, ConditionalModel):
        able = " and ".join(name for name, model in MODELS.items() if issubclass(model, ConditionalModel))
        raise UserError(
            f"data.conditional is true; {spec.name} cannot be told classes, {able} can; choose one of them, or leave "
            "conditional out"
        )


def build(spec: ModelSpec, size: int, channels: int, seed: int, classes: int = 0) -> Nets:
    """Build a model's nets on the CPU, initialised from the streams "generator" and "discriminator" of a seed.

    torch's global random state is neither read nor moved.

    Args:
        spec: the model.
        size: side of the images in pixels.
        channels: of the images, 1 or 3.
        seed: of the initialisation.
        classes: number of classes that the nets are told, as `ConditionalModel` describes; 0 for none.

    Raises:
        UserError: the model does not take such images, has no scale at which attention is wanted, or cannot be told
            classes.
    """
    scales(spec, size)
    if channels not in (1, 3):
        raise UserError(f"images with {channels} channels; {spec.name} takes 1 (grey) or 3 (colour); convert them")
    with torch.random.fork_rng(devices=[]):  # torch's layers draw an initialisation when they are made
        _seed_layers(random_stream(seed, "layers"))
        nets = _conditional_nets(spec, size, channels, classes) if classes else spec.nets(size, channels)
        for name, net in nets._asdict().items():
            stream = random_stream(seed, name)
            spec.initialise(net, stream)
            draw_embeddings(net, stream)
            if spec.spectral_norm and name in spec.normalised:
                _normalise(net, stream)
    return nets


def scales(spec: ModelSpec, size: int) -> tuple[int, ...]:
    """Return the sides of the images that the nets make and take, the finest last; one for a single-scale model.

    Raises:
        UserError: the model does not take images of this size.
    """
    if spec.sizes and size not in spec.sizes:
        raise UserError(
            f"images of {size}×{size} pixels; {spec.name} takes {', '.join(map(str, spec.sizes))}; resize them, or "
            "choose mlp, which takes any size"
        )
    return spec.sides(size)


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


def _problem(kind: str | PydanticCustomError, value: object) -> ValidationError:
    """What is wrong with the key ``name``."""
    details = InitErrorDetails(type=kind, loc=("name",), input=value)
    return ValidationError.from_exception_data("ModelSpec", [details])


def _conditional_nets(spec: ModelSpec, size: int, channels: int, classes: int) -> Nets:
    refuse_unconditional(spec)
    assert isinstance(spec, ConditionalModel)
    return spec.conditional_nets(size, channels, classes)


def _normalise(net: nn.Module, stream: torch.Generator) -> None:
    """Put spectral norm (Miyato et al., https://arxiv.org/abs/1802.05957) on every layer; call it in a forked state."""
    _seed_layers(stream)  # torch draws the power iteration's first vectors from its global state
    for module in list(net.modules()):
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d | nn.Embedding):
            parametrizations.spectral_norm(module)


def _seed_layers(stream: torch.Generator) -> None:
    """Seed torch's global state from a stream; call it in a forked state."""
    torch.default_generator.manual_seed(int(torch.randint(2**62, (), generator=stream)))
