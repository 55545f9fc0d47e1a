"""The classifiers: a linear layer on frozen features, or a small net from scratch; both take so many steps, no more."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganetic.augmenting.config import ClassifierSpec
from ganetic.augmenting.scores import Probabilities
from ganetic.data import Indices
from ganetic.metrics.features import to_unit
from ganetic.reproducible import random_stream

_WIDTH = 16
_CHUNK = 512


@dataclass(frozen=True, eq=False)
class Lessons:
    """What several classifiers of one seed train on.

    Attributes:
        table: what they see of images, ``(M, …)``.
        rows: for each classifier int64 ``(steps, batch)``, the images of each step.
        labels: int64 ``(steps, batch)``, the classes of all of them.
        real: what they see of the real training images ``(N, …)``: features are scaled by these in every arm.
        classes: how many.
    """

    table: Tensor
    rows: Sequence[Indices]
    labels: Indices
    real: Tensor
    classes: int


class Trained(Protocol):
    """A trained classifier."""

    def probabilities(self, seen: Tensor) -> Probabilities:
        """Predict what is seen of images ``(N, …)``: float64 ``(N, C)``."""


def train_classifiers(spec: ClassifierSpec, lessons: Lessons, seed: int) -> list[Trained]:
    """Train a classifier for each of the lessons' rows, all from the same initial weights.

    Args:
        spec: which, and how.
        lessons: what they train on.
        seed: of the initial weights.
    """
    return (_train_heads if spec.kind == "features" else _train_nets)(spec, lessons, random_stream(seed, "classifier"))


@dataclass(frozen=True, eq=False)
class Head:
    """A linear layer on features that are scaled as those of the real training images are.

    Attributes:
        mean: ``(F,)`` of these.
        scale: their deviations, ``(F,)``.
        weights: ``(F + 1, C)``, the last row is added.
    """

    mean: Tensor
    scale: Tensor
    weights: Tensor

    def probabilities(self, seen: Tensor) -> Probabilities:
        """Predict features ``(N, F)``."""
        logits = ((seen - self.mean) / self.scale) @ self.weights[:-1] + self.weights[-1]
        found: Probabilities = logits.double().softmax(1).numpy()
        return found


def _train_heads(spec: ClassifierSpec, lessons: Lessons, stream: torch.Generator) -> list[Trained]:
    """Train all heads at once: one step of many small ones costs little more than of one."""
    mean, scale = lessons.real.mean(0), lessons.real.std(0).clamp(min=1e-6)
    table = (lessons.table - mean) / scale
    begun = torch.randn(table.shape[1] + 1, lessons.classes, generator=stream) * table.shape[1] ** -0.5
    weights = nn.Parameter(begun.repeat(len(lessons.rows), 1, 1))
    optimizer = torch.optim.AdamW([weights], spec.learning_rate, weight_decay=spec.weight_decay)
    steps = torch.stack([torch.from_numpy(rows) for rows in lessons.rows], 1)
    for rows, labels in zip(steps, torch.from_numpy(lessons.labels), strict=True):
        logits = torch.baddbmm(weights[:, -1:], table[rows], weights[:, :-1])
        # The sum over heads of each head's mean: none sees the others' gradients.
        loss = F.cross_entropy(logits.flatten(0, 1), labels.repeat(len(logits)), reduction="sum") / len(labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return [Head(mean, scale, own) for own in weights.detach()]


class SmallNet(nn.Module):
    """Three strided convolutions, the mean over positions, a linear layer: uint8 images to logits.

    Args:
        channels: of the images.
        classes: how many.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        widths = (channels, _WIDTH, 2 * _WIDTH, 4 * _WIDTH)
        self.convolutions = nn.ModuleList(nn.Conv2d(narrow, wide, 3, 2, 1) for narrow, wide in pairwise(widths))
        self.norms = nn.ModuleList(nn.GroupNorm(4, width) for width in widths[1:])
        self.layer = nn.Linear(widths[-1], classes)

    def forward(self, images: Tensor) -> Tensor:
        """Map uint8 images ``(B, H, W, C)`` to logits ``(B, classes)``."""
        x = to_unit(images)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = F.relu(norm(convolution(x)))
        logits: Tensor = self.layer(x.mean((2, 3)))
        return logits

    @torch.no_grad()
    def probabilities(self, seen: Tensor) -> Probabilities:
        """Predict uint8 images ``(N, H, W, C)``."""
        logits = torch.cat([self(part) for part in torch.split(seen, _CHUNK)])
        found: Probabilities = logits.double().softmax(1).numpy()
        return found


def _train_nets(spec: ClassifierSpec, lessons: Lessons, stream: torch.Generator) -> list[Trained]:
    begun = int(torch.randint(2**31, (), generator=stream))
    return [_train_net(spec, lessons, rows, begun) for rows in lessons.rows]


def _train_net(spec: ClassifierSpec, lessons: Lessons, rows: Indices, begun: int) -> Trained:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(begun)
        net = SmallNet(lessons.real.shape[3], lessons.classes)
    optimizer = torch.optim.AdamW(net.parameters(), spec.learning_rate, weight_decay=spec.weight_decay)
    for own, labels in zip(torch.from_numpy(rows), torch.from_numpy(lessons.labels), strict=True):
        loss = F.cross_entropy(net(lessons.table[own]), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return net.eval()
