"""The feature net: a small classifier of the data's own labels, whose last hidden layer gives the features."""

import hashlib
import io
import os
import tempfile
import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ganetic.reproducible import random_stream, reproducible

RECIPE = "cnn64-1"
"""Changes whenever the same images would give another net; it is part of the cache's key."""
DIMENSIONS = 64
EPOCHS = 8
BATCH = 64
LEARNING_RATE = 5e-3
_CHUNK = 250  # images a forward pass: larger ones leave the processor's cache

Weights = dict[str, NDArray[np.float32]]


class FeatureNet(nn.Module):
    """Three strided convolutions, a hidden layer of 64 features and a linear classifier.

    Args:
        size: side of the images in pixels.
        channels: 1 or 3.
        classes: number of classes, at least 2.
    """

    def __init__(self, size: int, channels: int, classes: int) -> None:
        super().__init__()
        widths = (channels, 16, 32, 64)
        self.convolutions = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1) for a, b in pairwise(widths))
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in widths[1:])
        side = size // 8
        self.hidden = nn.Linear(side * side * widths[-1], DIMENSIONS)
        self.classify = nn.Linear(DIMENSIONS, classes)

    def features(self, images: Tensor) -> Tensor:
        """Map images ``(N, C, H, W)`` in [−1, 1] to features ``(N, 64)``, none negative."""
        x = images
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = F.relu(norm(convolution(x)))
        return F.relu(self.hidden(x.flatten(1)))

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(N, C, H, W)`` in [−1, 1] to class scores ``(N, classes)``."""
        scores: Tensor = self.classify(self.features(images))
        return scores


def train_feature_net(images: NDArray[np.uint8], labels: NDArray[np.int64], seed: int = 0) -> Weights:
    """Train a feature net; the same images, labels and seed give the same net.

    Eight epochs of Adam (one-cycle schedule, batches of 64) and the cross-entropy. The convolutions are strided because
    a full-resolution net takes twenty times as long for the same accuracy. An untrained net will not do: it hardly
    notices a missing class.

    Args:
        images: uint8 ``(N, H, W, C)``.
        labels: int64 ``(N,)`` in ``0 … classes - 1``.
        seed: of the initialisation and the order of the images.

    Returns:
        The net's state as plain arrays.
    """
    with reproducible():
        size, channels = images.shape[2:]
        net = FeatureNet(size, channels, int(labels.max()) + 1).to(memory_format=torch.channels_last)
        _initialise(net, random_stream(seed, "feature net"))
        pixels, targets = to_unit(images), torch.tensor(labels)
        order = random_stream(seed, "order of feature images")
        optimizer = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE, fused=True)
        steps = EPOCHS * -(-len(images) // BATCH)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
        for _ in range(EPOCHS):
            for batch in torch.split(torch.randperm(len(images), generator=order), BATCH):
                loss = F.cross_entropy(net(pixels[batch]), targets[batch])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
        return {name: tensor.detach().contiguous().numpy().copy() for name, tensor in net.state_dict().items()}


def build_feature_net(weights: Weights, device: str | torch.device = "cpu") -> FeatureNet:
    """Build a trained net for use from its state, in evaluation mode and without gradients.

    Raises:
        KeyError, RuntimeError, ValueError: the arrays are not the state of a feature net.
    """
    _, channels, _, _ = weights["convolutions.0.weight"].shape
    hidden, classes = weights["hidden.weight"], len(weights["classify.bias"])
    side = round((hidden.shape[1] / 64) ** 0.5)
    net = FeatureNet(8 * side, channels, classes)
    net.load_state_dict({name: torch.tensor(array) for name, array in weights.items()})
    net.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net.requires_grad_(False).eval()


def cached_feature_net(
    images: NDArray[np.uint8], labels: NDArray[np.int64], directory: Path, seed: int = 0
) -> tuple[Weights, bool]:
    """Return the net of `train_feature_net`, from a file when the same one was trained before.

    The file is named after recipe, images, labels and seed, holds plain arrays, and is replaced atomically. A file that
    does not hold such a net is ignored and written again; a directory that cannot be written means training each time.

    Returns:
        The net's state, and whether it came from the cache.
    """
    digest = hashlib.sha256(repr((RECIPE, images.shape, seed)).encode())
    digest.update(np.ascontiguousarray(images).data)
    digest.update(np.ascontiguousarray(labels).data)
    file = directory / f"{RECIPE}-{digest.hexdigest()[:24]}.npz"
    weights = _read(file)
    if weights is not None:
        return weights, True
    weights = train_feature_net(images, labels, seed)
    _write(file, weights)
    return weights, False


def weights_hash(weights: Weights) -> str:
    """Return 16 hex digits that change when any weight changes."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(f"{name} {weights[name].shape} {weights[name].dtype}".encode())
        digest.update(np.ascontiguousarray(weights[name]).data)
    return digest.hexdigest()[:16]


def to_unit(images: NDArray[np.uint8] | Tensor, device: str | torch.device | None = None) -> Tensor:
    """Turn uint8 images ``(N, H, W, C)`` into float32 ``(N, C, H, W)`` in [−1, 1], channels last in memory.

    Without a device they stay where they are.
    """
    pixels = images if isinstance(images, Tensor) else torch.tensor(images)
    return pixels.to(device).permute(0, 3, 1, 2).to(torch.float32) / 127.5 - 1


def to_uint8(images: Tensor) -> Tensor:
    """Round images ``(N, C, H, W)`` in [−1, 1] to uint8 ``(N, H, W, C)``, as an image file would."""
    return (images.permute(0, 2, 3, 1) * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8)


@dataclass(frozen=True, eq=False)
class OwnExtractor:
    """The feature net of the data's own labels on a device; a `ganetic.metrics.extractor.FeatureExtractor`.

    Attributes:
        net: a trained net in evaluation mode.
        name: ``cnn64``, or ``cnn64k`` when it learnt clusters.
    """

    net: FeatureNet
    name: str = "cnn64"

    @property
    def dimensions(self) -> int:
        """The number of features."""
        return DIMENSIONS

    def __call__(self, images: Tensor) -> Tensor:
        """Return float32 features ``(N, 64)`` of uint8 images ``(N, H, W, C)``."""
        return features(self.net, images)[0]


@torch.no_grad()
def features(net: FeatureNet, images: Tensor | NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
    """Return features ``(N, 64)`` and the most likely class ``(N,)`` of uint8 images ``(N, H, W, C)``."""
    device = net.classify.weight.device
    pixels = images if isinstance(images, Tensor) else torch.tensor(images)
    parts = [net.features(to_unit(batch, device)) for batch in torch.split(pixels, _CHUNK)]
    found = torch.cat(parts)
    return found, net.classify(found).argmax(1)


@torch.no_grad()
def _initialise(net: nn.Module, stream: torch.Generator) -> None:
    """Weights uniform within ±1/√inputs (torch's own initialisation, from an explicit generator), biases zero.

    He's larger one learns features that notice a missing class a third less.
    """
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            bound = module.weight[0].numel() ** -0.5
            module.weight.copy_(bound * (2 * torch.rand(module.weight.shape, generator=stream) - 1))
            assert module.bias is not None
            module.bias.zero_()


def _read(file: Path) -> Weights | None:
    try:
        with file.open("rb") as opened:  # numpy leaves a file open that it cannot read
            archive = np.load(opened, allow_pickle=False)
            weights = {name: archive[name] for name in archive.files}
        build_feature_net(weights)
    except (
        OSError,
        ValueError,
        EOFError,
        KeyError,
        RuntimeError,
        TypeError,
        AttributeError,
        zipfile.BadZipFile,
        zlib.error,
    ):
        return None
    return weights


def _write(file: Path, weights: Weights) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=file.parent, suffix=".partial")
    except OSError:
        return
    packed = io.BytesIO()  # a zip archive that a full disk ends complains once more when it is forgotten
    np.savez(packed, **weights)  # type: ignore[arg-type]
    with suppress(OSError), os.fdopen(descriptor, "wb") as aside:
        aside.write(packed.getbuffer())
        aside.flush()
        Path(name).replace(file)
    with suppress(OSError):
        Path(name).unlink(missing_ok=True)
