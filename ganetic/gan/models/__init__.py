"""The models of a full training, a file for each: its settings, its nets, and its registration."""

from ganetic.gan.model import MODELS, ModelSpec, Nets, Truncatable, build, pyramid, scales

__all__ = ["MODELS", "ModelSpec", "Nets", "Truncatable", "build", "pyramid", "scales"]
