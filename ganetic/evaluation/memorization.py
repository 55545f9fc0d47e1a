"""Whether generated images are copies: distances to the training images, in features and in pixels."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ganetic.data import ImageSet, Indices
from ganetic.evaluation.measures import Embedded
from ganetic.evaluation.results import Copy
from ganetic.metrics.memorization import COPY_RATIO, Copying, copy_ratios, copying, excess_p
from ganetic.metrics.neighbours import nearest, pixel_points
from ganetic.reproducible import random_stream

CLOSEST = 8
"""Generated images that are shown as the likeliest copies."""


@dataclass(frozen=True, eq=False)
class Distances:
    """Distances to the training images in a space.

    Attributes:
        space: its name in protocols.
        made: of each generated image to the nearest two, ``(N, 2)``.
        unseen: of each held-out image likewise, ``(M, 2)``.
        made_cells: int64 ``(N,)``, in which cell of C_T each generated image lies.
        unseen_cells: int64 ``(M,)`` likewise.
    """

    space: str
    made: Tensor
    unseen: Tensor
    made_cells: Tensor
    unseen_cells: Tensor

    @property
    def z(self) -> float:
        """The z of C_T."""
        return _copying(self.made, self.unseen, self.made_cells, self.unseen_cells).z

    def nearer(self, members: Tensor) -> float:
        """How often one of the generated images at some indices is nearer than a held-out one."""
        return _copying(self.made[members], self.unseen, self.made_cells[members], self.unseen_cells).nearer

    def nearer_of_unseen(self, _: Tensor) -> float:
        """How often one half of the held-out images is nearer than the other."""
        stream = random_stream(0, "halves held out")
        first, second = torch.randperm(len(self.unseen), generator=stream).tensor_split(2)
        unseen, cells = self.unseen, self.unseen_cells
        return _copying(unseen[first], unseen[second], cells[first], cells[second]).nearer


@dataclass(frozen=True, eq=False)
class Memorization:
    """What is known of copies.

    Attributes:
        data: name of the set in protocols.
        in_features: distances in the feature net's features.
        in_pixels: distances in pixels, where a copy is a copy.
        nearest: indices of the training images in the set that the generated images are nearest to in pixels, ``(N,)``.
    """

    data: str
    in_features: Distances
    in_pixels: Distances
    nearest: Indices

    @property
    def ratios(self) -> Tensor:
        """Distance to the nearest training image over that to the second, of each generated image ``(N,)``."""
        return copy_ratios(self.in_pixels.made)

    @property
    def ratios_unseen(self) -> Tensor:
        """Distance to the nearest training image over that to the second, of each held-out image ``(M,)``."""
        return copy_ratios(self.in_pixels.unseen)

    @property
    def z(self) -> dict[str, float]:
        """The z of C_T in each space."""
        return {"features": self.in_features.z, "pixels": self.in_pixels.z}

    @property
    def copies_p(self) -> float:
        """The probability of as many copies, or more, among images that copy no more than held-out ones."""
        made, unseen = self.ratios, self.ratios_unseen
        numbers = [int((found < COPY_RATIO).sum()) for found in (made, unseen)]
        return excess_p(numbers[0], len(made), numbers[1], len(unseen))

    @property
    def closest(self) -> tuple[Copy, ...]:
        """The generated images that are the likeliest copies, the likeliest first."""
        ratios = self.ratios
        order = np.argsort(ratios.numpy(), kind="stable")[:CLOSEST]
        return tuple(Copy(generated=int(k), training=int(self.nearest[k]), ratio=float(ratios[k])) for k in order)


def judge_memorization(
    generated: Embedded, held_out: Embedded, training: Embedded, images: ImageSet, trained: Indices, net: str
) -> Memorization:
    """Compare generated images with held-out ones by their distances to the training images.

    Args:
        generated: all generated images.
        held_out: real images that the generator never saw, at least two.
        training: the images that it was trained on, at least two.
        images: the set.
        trained: indices of the training images in it.
        net: name of the feature net in protocols.
    """

    def distances(space: str, points: Callable[[Embedded], Tensor]) -> tuple[Distances, Tensor]:
        learnt = points(training)
        made, which = nearest(points(generated), learnt, 2)
        unseen, _ = nearest(points(held_out), learnt, 2)
        return Distances(space, made, unseen, generated.classes, held_out.classes), which

    in_features, _ = distances(net, lambda seen: seen.features)
    in_pixels, which = distances("pixels", lambda seen: pixel_points(seen.images))
    return Memorization(images.name, in_features, in_pixels, trained[which[:, 0].numpy()])


def _copying(made: Tensor, unseen: Tensor, made_cells: Tensor, unseen_cells: Tensor) -> Copying:
    return copying(made[:, 0], unseen[:, 0], made_cells, unseen_cells)
