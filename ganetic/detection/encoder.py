"""The encoder: a small convolutional net that finds the code from which a generator makes an image again."""

import math
import time
from itertools import pairwise
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ganetic.callbacks import NullProgressCallback, ProgressCallback, TrainingProgress
from ganetic.config import Config
from ganetic.detection.anogan import distances, izi_f, residuals
from ganetic.detection.codes import CodeSpace
from ganetic.detection.gan import TrainedGan
from ganetic.detection.layers import FeatureLayer
from ganetic.errors import UserError
from ganetic.gan.adam import FusedAdam
from ganetic.gan.order import ImageOrder
from ganetic.gan.progressive import SLOPE
from ganetic.gan.step import Images
from ganetic.reproducible import random_stream

COARSEST = 8
"""Sides of at least so many pixels are halved."""
MAX_CHANNELS = 256
"""Channels double with every halving of the side up to this many."""
BETA1, BETA2 = 0.9, 0.999
"""Adam's decay rates."""


class EncoderConfig(Config):
    """How an encoder is trained."""

    steps: Annotated[int, Field(ge=1)] = 1000
    """Updates of the encoder."""
    batch: Annotated[int, Field(ge=2, le=4096)] = 16
    """Images a step."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 1e-3
    """Adam's learning rate."""
    kappa: Annotated[float, Field(ge=0)] = 1.0
    """Weight of the features' distance beside the pixels'; 1 in f-AnoGAN."""
    width: Annotated[int, Field(ge=1, le=256)] = 32
    """Channels at half the side of the images; they double with every halving."""
    layer: str | None = None
    """The discriminator's layer that gives features; None for the last one before the logit. A wrong name lists all."""


class Encoder(nn.Module):
    """Images to codes: strided convolutions down to a side of 4 to 7 pixels, and a linear layer.

    Group norm looks at one image alone: a code does not depend on the other images of a batch.

    Args:
        size: side of the images in pixels, 8 or more.
        channels: 1 or 3.
        length: of a code.
        width: channels at half the side.
    """

    def __init__(self, size: int, channels: int, length: int, width: int) -> None:
        super().__init__()
        halvings = size.bit_length() - COARSEST.bit_length() + 1
        widths = [channels, *(min(width << level, max(width, MAX_CHANNELS)) for level in range(halvings))]
        self.downs = nn.ModuleList(nn.Conv2d(inputs, outputs, 4, 2, 1) for inputs, outputs in pairwise(widths))
        self.norms = nn.ModuleList(nn.GroupNorm(1, outputs) for outputs in widths[1:])
        self.code = nn.Linear((size >> halvings) ** 2 * widths[-1], length)

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(N, C, H, W)`` in [−1, 1] to codes ``(N, length)``."""
        x = images
        for down, norm in zip(self.downs, self.norms, strict=True):
            x = F.leaky_relu(norm(down(x)), SLOPE)
        codes: Tensor = self.code(x.flatten(1))
        return codes


@torch.no_grad()
def initialise(encoder: Encoder, stream: torch.Generator) -> None:
    """Draw He's initialisation (https://arxiv.org/abs/1502.01852) from a CPU generator; biases are 0."""
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, SLOPE, generator=stream)
            assert module.bias is not None
            module.bias.zero_()


class Inverter:
    """An encoder, and the generator that makes images of its codes again.

    Args:
        encoder: on the device of the codes.
        codes: of the generator.
    """

    def __init__(self, encoder: Encoder, codes: CodeSpace) -> None:
        self.encoder, self._codes = encoder, codes

    def __call__(self, images: Images) -> Images:
        """Return G(E(x)) of images x or of a pyramid, of the same shapes; the encoder sees the finest scale."""
        finest = images[-1] if isinstance(images, tuple) else images
        return self._codes.render(self._codes.centre + self._codes.scale * self.encoder(finest))


def train_encoder(
    gan: TrainedGan,
    layer: FeatureLayer,
    codes: CodeSpace,
    images: NDArray[np.uint8],
    settings: EncoderConfig,
    seed: int,
    device: str,
    callback: ProgressCallback[TrainingProgress] | None = None,
) -> Encoder:
    """Train an encoder on normal images; call it in `ganetic.reproducible.reproducible`.

    Args:
        gan: on the device.
        layer: of its discriminator.
        codes: of its generator.
        images: uint8 ``(N, H, W, C)``.
        settings: how.
        seed: of the first weights and of the order of the images.
        device: where.
        callback: is told where it stands, after every step.

    Raises:
        UserError: the loss does not stay finite.
    """
    encoder = Encoder(gan.size, gan.channels, len(codes.centre), settings.width)
    initialise(encoder, random_stream(seed, "encoder"))
    inverter = Inverter(encoder.to(device), codes)
    optimizer = FusedAdam(encoder.parameters(), settings.learning_rate, BETA1, BETA2)
    order = ImageOrder(len(images), settings.batch, random_stream(seed, "encoder order"))
    callback, began = callback or NullProgressCallback(), time.monotonic()
    for step in range(1, settings.steps + 1):
        x = gan.shown(images[order.next().numpy()], device)
        loss = _loss(inverter, layer, x, settings.kappa)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if not math.isfinite(value := float(loss.detach())):
            raise UserError(
                f"the encoder's loss is {value:g} at step {step}; lower learning_rate, which is "
                f"{settings.learning_rate:g}, or choose another checkpoint"
            )
        callback.update(_progress(step, settings, time.monotonic() - began))
    return encoder.requires_grad_(False).eval()


def _loss(inverter: Inverter, layer: FeatureLayer, images: Images, kappa: float) -> Tensor:
    made = inverter(images)
    with torch.no_grad():
        features, _ = layer(images)
    return izi_f(residuals(images, made), distances(features, layer(made)[0]), kappa)


def _progress(step: int, settings: EncoderConfig, seconds: float) -> TrainingProgress:
    return TrainingProgress(step, settings.steps, 0, settings.batch, seconds, None, None, None)
