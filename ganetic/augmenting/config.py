"""What a study of augmentation is a function of, read from TOML."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from ganetic.config import Config
from ganetic.gan.profiles import ProfileName
from ganetic.metrics.feature_names import checked_digest, checked_features, is_file
from ganetic.training.config import TrainConfig, configured

PRESET = "dcgan-32"
"""The configuration of the GANs where none is named."""
ENOUGH_DRAWS = 10
"""Fewer draws describe, and decide nothing: three find a difference of one sd in 18 % of studies."""
MOST_DRAWS = 100
LEAST_A_CLASS = 4
"""The smallest size of a training set: fewer images of a class train no GAN."""
MOST_SHARE = 10.0

Share = Annotated[float, Field(gt=0, le=MOST_SHARE)]
Part = Annotated[float, Field(ge=0.05, le=0.6)]
ClassifierName = Literal["features", "small"]


def _checked_backbone(text: str) -> str:
    if text and not is_file(text):
        raise ValueError("expected ARCHITECTURE:FILE, such as resnet50:weights.safetensors")
    return checked_features(text) if text else text


class ClassifierSpec(Config):
    """What classifies, and how it is trained: with as many steps in every arm."""

    kind: ClassifierName = "features"
    """``features``: a linear layer on frozen ImageNet features. ``small``: a small convolutional net from scratch."""
    backbone: Annotated[str, AfterValidator(_checked_backbone)] = ""
    """With ``features``: ``ARCHITECTURE:FILE``, a torchvision net and its weights; empty for EfficientNet-Lite0."""
    backbone_sha256: Annotated[str, AfterValidator(checked_digest)] = ""
    """The digest that this file must have, or its first 8 digits or more; empty for any."""
    side: Annotated[int, Field(ge=32, le=512, multiple_of=32)] = 96
    """With ``features``: pixels a side to which the net's images are enlarged."""
    steps: Annotated[int, Field(ge=1, le=10**6)] = 500
    """Updates, the same number in every arm."""
    batch: Annotated[int, Field(ge=2, le=4096)] = 64
    """Images an update."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 2e-3
    """Adam's."""
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.01
    """Adam's, decoupled."""
    seeds: Annotated[int, Field(ge=1, le=100)] = 3
    """Classifiers of each arm in each draw; their scores are averaged within the draw."""

    @model_validator(mode="after")
    def _backbone_of_features(self) -> Self:
        if self.kind != "features" and self.backbone:
            raise ValueError('a backbone is of the classifier "features"; leave it out, or choose that classifier')
        if self.backbone_sha256 and not self.backbone:
            raise ValueError("backbone_sha256 is given, and no backbone; leave it out, or name ARCHITECTURE:FILE")
        return self


class AugmentConfig(Config):
    """Whether generated images help a classifier; see `ganetic.studies.augment`."""

    data: str
    """A data set with classes, as `ganetic.data.load_images` names them."""
    classes: tuple[str, ...] = ()
    """Classes to tell apart; none: all."""
    sizes: Annotated[tuple[Annotated[int, Field(ge=LEAST_A_CLASS)], ...], Field(min_length=1)]
    """Sizes of the training set, in images of each class; increasing."""
    draws: Annotated[int, Field(ge=2, le=MOST_DRAWS)] = ENOUGH_DRAWS
    """Training subsets of each size. Intervals and tests are over these; of fewer than 10 they decide nothing."""
    shares: Annotated[tuple[Share, ...], Field(min_length=1)] = (0.25, 0.5, 1.0)
    """Generated images for each real one; increasing. Which is used is chosen on validation images, draw by draw."""
    loss: str = "bce"
    """The loss of the GANs: a published one, the path of a card, or an expression."""
    config: str = PRESET
    """Of the GANs: a preset, or a TOML file, of full training. One GAN is trained for each class, or a single one
    where it says ``[data] conditional = true``."""
    model: str | None = None
    """Another model than the configuration's."""
    size: Annotated[int, Field(ge=8, le=1024)] | None = None
    """Side in pixels of all images, real and generated ones; None for that of the configuration."""
    steps: Annotated[int, Field(ge=1)] | None = None
    """Updates of each player of a GAN; None for those of the configuration."""
    classifier: ClassifierSpec = ClassifierSpec()
    """What classifies."""
    profile: ProfileName = "xray"
    """Classical augmentation: the profile of `ganetic.gan.profiles` whose random changes the copies go through."""
    copies: Annotated[int, Field(ge=1, le=50)] = 4
    """Changed copies of each real image in the arms with classical augmentation, drawn once."""
    validation: Part = 0.15
    """Share of the images that choose the share of generated ones, where the set brings no split."""
    test: Part = 0.3
    """Share of the images that are tested on, where the set brings no split."""
    seed: Annotated[int, Field(ge=0, le=10**6)] = 0
    """Decides the split, the draws, and all trainings."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for name in ("sizes", "shares"):
            values = getattr(self, name)
            if list(values) != sorted(set(values)):
                raise ValueError(f"{name} are {', '.join(f'{value:g}' for value in values)}; expected rising numbers")
        if self.profile == "none":
            raise ValueError('profile is "none", which changes nothing; expected the kind of the images, such as xray')
        if self.validation + self.test > 0.8:
            raise ValueError(
                f"validation and test take {self.validation + self.test:g} of the images; expected at most 0.8, so "
                "that some train"
            )
        return self

    def gan(self) -> TrainConfig:
        """The configuration of the GANs.

        Raises:
            UserError: there is none of its name, or a value is not allowed.
        """
        source = Path(self.config) if self.config.endswith(".toml") else self.config
        return configured(
            source, model=self.model, data=self.data, classes=self.classes, size=self.size, steps=self.steps
        )
