"""The torchvision nets whose weights a user may bring, and how they want their pixels: names and numbers, no torch."""

from collections.abc import Mapping
from dataclasses import dataclass

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class InputScale:
    """How a net wants its pixels: ``(pixel - mean) / sd``, in units of 0 … 255, for red, green and blue."""

    mean: Colour
    sd: Colour


IMAGENET = InputScale((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
"""What torchvision's weights were trained with: 255 times (0.485, 0.456, 0.406) and (0.229, 0.224, 0.225)."""
RADIMAGENET = InputScale((127.5, 127.5, 127.5), (127.5, 127.5, 127.5))
"""[-1, 1], as in https://github.com/BMEII-AI/RadImageNet/blob/main/pytorch_example.ipynb."""


@dataclass(frozen=True)
class Architecture:
    """A torchvision net, and what its weights were trained on.

    Attributes:
        build: the name of torchvision's function.
        dimensions: channels of its last stage.
        scale: how its weights want pixels.
        numbered: whether names may begin with the number of a part instead of its name, as in RadImageNet's files.
    """

    build: str
    dimensions: int
    scale: InputScale = IMAGENET
    numbered: bool = False


ARCHITECTURES: Mapping[str, Architecture] = {
    "resnet18": Architecture("resnet18", 512),
    "resnet50": Architecture("resnet50", 2048),
    "densenet121": Architecture("densenet121", 1024),
    "mobilenet_v3_small": Architecture("mobilenet_v3_small", 576),
    "efficientnet_b0": Architecture("efficientnet_b0", 1280),
    "convnext_tiny": Architecture("convnext_tiny", 768),
    "radimagenet_resnet50": Architecture("resnet50", 2048, RADIMAGENET, numbered=True),
    "radimagenet_densenet121": Architecture("densenet121", 1024, RADIMAGENET, numbered=True),
}
