"""The models of a full training, a file for each: its settings, its nets, and its registration."""

from ganetic.gan.model import (
    MODELS,
    ConditionalModel,
    ModelSpec,
    Nets,
    Truncatable,
    build,
    pyramid,
    refuse_unconditional,
    scales,
)

__all__ = [
    "MODELS",
    "ConditionalModel",
    "ModelSpec",
    "Nets",
    "Truncatable",
    "build",
    "pyramid",
    "refuse_unconditional",
    "scales",
]
