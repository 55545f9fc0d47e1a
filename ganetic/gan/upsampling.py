"""The ways in which a generator doubles the side of its features, by name: what specs need, without torch."""

from typing import Literal

Upsampling = Literal["transposed", "resize"]
"""A transposed convolution, or `ganetic.gan.resize`."""
