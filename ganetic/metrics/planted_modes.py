"""The modes of a set of images: its classes, if they can be told apart, or else clusters."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganetic.metrics.clusters import cluster_labels, clusters_of

SHARE = 0.4
"""Of the images that are dropped, as nearly as whole classes allow …"""
OFF = 0.2
"""… and at most so far from it."""
IN_PAIRS = 0.5
"""Share of the images that are dropped, and of the others, whose modes hold another one: each side of a comparison gets
half of a mode."""
LEAST_TOLD = 0.5
"""Classes serve as modes where a small net gets this share of what guessing misses."""
SIGMAS = 3.0
"""Labels mean nothing where a net beats guessing by no more than so many standard errors."""

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PlantedModes:
    """Which images are of which mode, and which of them a faulty generator does not make.

    Attributes:
        name: what the modes are, such as ``labels``.
        groups: ``(P,)``, the number of each image's mode.
        dropped: ``(P,)``, whether an image's mode is dropped.
    """

    name: str
    groups: Indices
    dropped: NDArray[np.bool_]

    @staticmethod
    def of(name: str, groups: Indices, points: NDArray[np.floating]) -> "PlantedModes":
        """Choose what is dropped, see `dropped_modes`; nothing where modes of single images leave little to halve."""
        dropped = dropped_modes(groups, points)
        counts = np.bincount(groups)[groups]
        if not all((counts[side] > 1).mean() >= IN_PAIRS for side in (dropped, ~dropped) if side.any()):
            dropped = np.zeros_like(dropped)
        return PlantedModes(name, groups, dropped)


@dataclass(frozen=True)
class LabelCheck:
    """How well a net that learnt the labels tells other images' classes.

    Attributes:
        right: the share of a class that it gets right, the mean over classes.
        chance: what guessing gets right.
        error: the standard error of guessing.
    """

    right: float
    chance: float
    error: float

    @staticmethod
    def of(predicted: Indices, labels: Indices) -> "LabelCheck":
        """Compare predicted classes ``(N,)`` with labels ``(N,)`` of at least one class."""
        classes, counts = np.unique(labels, return_counts=True)
        right = np.array([(predicted[labels == one] == one).mean() for one in classes])
        named = np.array([(predicted == one).mean() for one in classes])
        error = float(np.sqrt((named * (1 - named) / counts).sum()) / len(classes))
        return LabelCheck(float(right.mean()), float(named.sum() / len(classes)), error)

    @property
    def mean_nothing(self) -> bool:
        """Whether guessing would do as well."""
        return self.right <= self.chance + SIGMAS * self.error

    @property
    def are_modes(self) -> bool:
        """Whether classes are told apart so well that one that is missing must be noticed."""
        return not self.mean_nothing and self.right - self.chance >= LEAST_TOLD * (1 - self.chance)

    @property
    def text(self) -> str:
        """For people."""
        return f"a small net gets {self.right:.0%} of a class right, guessing {self.chance:.0%}"


def dropped_modes(groups: Indices, points: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Say of each image whether its mode is one of those that are dropped.

    They are neighbours: those at one end of the line along which the means of the modes differ most, and make up about
    two fifths of the images. None are dropped where no number of modes comes near that.

    Args:
        groups: ``(P,)``, the number of each image's mode.
        points: ``(P, F)``, in which modes are neighbours.
    """
    values, counts = np.unique(groups, return_counts=True)
    means = np.stack([points[groups == value].mean(0) for value in values]).astype(np.float64)
    line = np.linalg.svd(means - means.mean(0), full_matrices=False)[2][0]
    line *= np.sign(line[np.abs(line).argmax()])  # which end comes first is the library's choice
    along = np.argsort(means @ line, kind="stable")
    ends = [end for cut in range(1, len(values)) for end in (along[:cut], along[cut:])]
    away = [abs(counts[end].sum() / len(groups) - SHARE) for end in ends]
    if not ends or min(away) > OFF:
        return np.zeros(len(groups), np.bool_)
    return np.isin(groups, values[ends[int(np.argmin(away))]])


def planted_modes(
    images: NDArray[np.uint8], labels: Indices | None, others: NDArray[np.floating] | None = None
) -> PlantedModes:
    """Find the modes of images: their classes, or where that leaves nothing to drop, clusters.

    Args:
        images: uint8 ``(P, H, W, C)``.
        labels: ``(P,)``, where they are modes.
        others: features ``(P, F)`` of another net than the metric's, for clusters; None for pixels.
    """
    points = images.reshape(len(images), -1).astype(np.float32) / 255 if others is None else others
    if labels is not None and (modes := PlantedModes.of("labels", labels, points)).dropped.any():
        return modes
    if others is None:
        return PlantedModes.of("clusters of pixels", cluster_labels(images), points)
    return PlantedModes.of("clusters of ImageNet features", clusters_of(others), points)
