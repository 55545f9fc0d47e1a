"""What a training is a function of, read from TOML."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import Field, SerializeAsAny, model_validator

from ganetic.config import Config, read_toml, validate
from ganetic.errors import UserError, did_you_mean, unknown
from ganetic.gan.ada import INTERVAL
from ganetic.gan.models import ModelSpec, refuse_unconditional, scales
from ganetic.gan.profiles import PROFILES, AugmentationSpec
from ganetic.gan.regulariser import RegulariserSpec
from ganetic.shipped import shipped_presets
from ganetic.training.augmentation import AUGMENTATIONS

_logger = logging.getLogger(__name__)

LOOKS_AT_LEAST = 20
"""Looks in which p rises from 0 to 1 at the fastest."""

Positive = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0, le=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Classes = str | Sequence[str]
"""Names of classes, or one string of them with commas between."""


class DataSpec(Config):
    """Which images, and what is done to them."""

    name: str = "histology"
    """A data set, as `ganetic.data.load_images` names them."""
    size: Annotated[int, Field(ge=8, le=1024)] | None = None
    """Side in pixels to which images are resized; None: as they are."""
    classes: tuple[str, ...] = ()
    """Classes to train on; none: all."""
    # Left out where it is off: configurations written without it stay what they were.
    per_class: Annotated[Positive | None, Field(exclude_if=lambda count: count is None)] = None
    """Images of each class that train the GAN, to see what few images do; none: all. They are whole patients, the same
    for every seed. What is held out stays as it is, and what measures images learns from all others."""
    conditional: Annotated[bool, Field(exclude_if=lambda on: not on)] = False
    """Tell both nets the class of every image, so that images of one class can be asked for; dcgan and stylegan2."""
    augmentation: tuple[str, ...] = ()
    """Changes to real images alone; in no order. The generator learns to draw them, too."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        for name in self.augmentation:
            if name not in AUGMENTATIONS:
                allowed = ", ".join(AUGMENTATIONS)
                raise ValueError(
                    f'augmentation "{name}"; expected some of {allowed}{did_you_mean(name, AUGMENTATIONS)}'
                )
        return self


class OptimizerSpec(Config):
    """Adam, of both players, before its rates are corrected for lazy regularisers."""

    renamed_keys: ClassVar[Mapping[str, str]] = {
        "generator_rate": "generator_lr",
        "discriminator_rate": "discriminator_lr",
    }

    generator_lr: Rate = 2e-3
    """G's learning rate."""
    discriminator_lr: Rate = 2e-3
    """D's learning rate."""
    beta1: Decay = 0.0
    """Decay rate of the mean of gradients."""
    beta2: Decay = 0.99
    """Decay rate of the mean of their squares."""


class TrainConfig(Config):
    """All that decides a training, but for the loss."""

    renamed_keys: ClassVar[Mapping[str, str]] = {
        "average": "ema_decay",
        "keep": "keep_last",
        "measured": "eval_images",
        "optimiser": "optimizer",
    }

    description: str = ""
    """One line for people."""
    data: DataSpec = DataSpec()
    """The images."""
    model: SerializeAsAny[ModelSpec]
    """The nets."""
    optimizer: OptimizerSpec = OptimizerSpec()
    """How both players are updated."""
    regulariser: RegulariserSpec = RegulariserSpec()
    """What is done to both players besides their losses; nothing by default."""
    augmentation: AugmentationSpec = AugmentationSpec()
    """What D sees real and generated images through; nothing by default."""
    batch: Annotated[int, Field(ge=2, le=4096)] = 16
    """Images a step, real and generated each, over all workers."""
    steps: Positive
    """Updates of each player."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Decides initial weights, latents, the order of the images and their augmentation."""
    ema_decay: Decay = 0.999
    """Decay rate of the averaged generator, which draws the samples."""
    checkpoint_every: Annotated[int, Field(ge=10)] = 100
    """Steps between two checkpoints; at each the generator is measured, and draws a grid of samples."""
    keep_last: Positive = 3
    """Checkpoints that stay, the latest; the one with the lowest fd stays too."""
    eval_images: Annotated[int, Field(ge=16, le=50_000)] = 500
    """Images that a Fréchet distance compares with as many held-out ones; fewer where the data has not five times as
    many."""
    stop_when_failed: bool = False
    """Stop when three measurements in a row find a failure."""
    tensorboard: bool = False
    """Also write TensorBoard files."""

    @property
    def ranks_held_out(self) -> bool:
        """Whether D's outputs on held-out images steer the training, which a small set needs more of then."""
        return self.augmentation.resolved_kind == "ada"

    @model_validator(mode="after")
    def _classes_are_heard(self) -> Self:
        if self.data.conditional:
            try:
                refuse_unconditional(self.model)
            except UserError as error:
                raise ValueError(str(error)) from None
        return self

    @model_validator(mode="after")
    def _p_moves_in_small_steps(self) -> Self:
        least = LOOKS_AT_LEAST * INTERVAL * self.batch
        if self.augmentation.resolved_kind == "ada" and self.augmentation.adaptation_images < least:
            raise ValueError(
                f"augmentation.adaptation_images is {self.augmentation.adaptation_images}; expected {least} or more "
                f"with a batch of {self.batch}, so that p moves in steps of {1 / LOOKS_AT_LEAST:g} at most"
            )
        return self


def scales_of(config: TrainConfig, size: int) -> tuple[int, ...]:
    """Resolutions that the nets of a configuration see, for images of this side.

    Raises:
        UserError: the model does not take images of this size.
    """
    return scales(config.model, size)


def overridden(config: TrainConfig, changes: Mapping[str, object]) -> TrainConfig:
    """The configuration with some keys changed.

    Args:
        config: what is changed.
        changes: values by dotted key, such as ``data.size``; None for no change. Another ``model.name`` keeps
            the settings that mean the same to it.

    Raises:
        UserError: a value is not allowed.
    """
    data = config.model_dump(mode="json")
    for key, value in changes.items():
        if value is None:
            continue
        if key == "model.name" and value != config.model.name:
            data["model"] = config.model.settings_for(str(value))
        *tables, last = key.split(".")
        table = data
        for name in tables:
            table = table[name]
        table[last] = value
    return validate(data, TrainConfig, where="options")


def configured(
    source: str | Path | TrainConfig,
    *,
    model: str | None = None,
    data: str | None = None,
    classes: Classes | None = None,
    size: int | None = None,
    steps: int | None = None,
    batch: int | None = None,
    seed: int | None = None,
    stop_when_failed: bool | None = None,
) -> TrainConfig:
    """The configuration of a training that says some things otherwise; None leaves what the configuration says.

    Args:
        source: the name of a preset, the path of a TOML file, or a configuration.
        model: name of the nets.
        data: name of the data set.
        classes: to train on; none for all.
        size: side in pixels to which images are resized.
        steps: updates of each player.
        batch: images a step.
        seed: of everything random.
        stop_when_failed: whether to stop when three measurements in a row find a failure.

    Raises:
        UserError: there is no such configuration, or a value is not allowed.
    """
    names = [name.strip() for name in classes.split(",")] if isinstance(classes, str) else classes
    config = source if isinstance(source, TrainConfig) else load_config(source)
    changed = overridden(
        config,
        {
            "model.name": model,
            "data.name": data,
            "data.classes": names,
            "data.size": size,
            "steps": steps,
            "batch": batch,
            "seed": seed,
            "stop_when_failed": stop_when_failed,
        },
    )
    profile = changed.augmentation.profile
    if changed.data.name != config.data.name and profile != "none":
        _logger.info(
            f'augmentation keeps to profile "{profile}", chosen for {config.data.name}; for images of another kind set '
            f"augmentation.profile in a copy of the configuration: {', '.join(PROFILES)}"
        )
    return changed


def load_config(source: str | Path) -> TrainConfig:
    """Read a preset by name, or a TOML file.

    Raises:
        UserError: it is neither, or not a configuration.
    """
    text = str(source)
    presets = shipped_presets()
    if text in presets:
        return read_toml(presets[text], TrainConfig)
    if text.endswith(".toml"):
        if not Path(text).is_file():
            raise UserError(f"{text}: no such configuration file; presets are {', '.join(presets)}")
        return read_toml(Path(text), TrainConfig)
    raise unknown("configuration", text, presets)
