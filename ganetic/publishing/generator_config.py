"""``config.json`` of a published generator: what its net is built from. Its weights lie beside it."""

from typing import Annotated, Literal

from pydantic import Field, SerializeAsAny

from ganetic.config import Config
from ganetic.formats import Format
from ganetic.gan.models import ModelSpec

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
"""As tools of the Hugging Face Hub expect it to be called."""

PUBLISHED = Format("published generator", remedy="install that version to load it")


class GeneratorConfig(Config):
    """What a published generator is."""

    library_name: Literal["ganetic"] = "ganetic"
    """What loads it."""
    model: SerializeAsAny[ModelSpec]
    """The nets of which it is the generator."""
    size: Annotated[int, Field(ge=8, le=1024)]
    """Side of the images in pixels."""
    channels: Annotated[int, Field(ge=1, le=3)]
    """1 for grey images, 3 for colour."""
    classes: dict[str, int] = Field(default_factory=dict, exclude_if=lambda classes: not classes)
    """Training images of each class that the generator is told, in the order of their labels; empty where none is."""
    loss: str
    """The name of the loss that it was trained with; ``loss.json`` says which that is."""
    data: str
    """Name and fingerprint of the images that it was trained on."""
    step: int
    """Updates that were made of it."""
    ganetic: str
    """The version that published it."""
