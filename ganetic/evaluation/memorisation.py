"""Whether generated images are copies: distances to the training images, in features and in pixels."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ganetic.data import ImageSet, Indices
from ganetic.evaluation.measures import Seen, measured
from ganetic.evaluation.results import Copy, Measure, MeasureName
from ganetic.metrics.memorisation import COPY_RATIO, Copying, copy_ratios, copying, excess_p
from ganetic.metrics.neighbours import nearest, pixel_points
from ganetic.metrics.yardstick import budget
from ganetic.reproducible import random_stream

CLOSEST = 8
"""Generated images that are shown as the likeliest copies."""


@dataclass(frozen=True, eq=False)
class Memorisation:
    """What is known of copies.

    Attributes:
        measures: how often a generated image is nearer to the training images than a held-out one, and the copies.
        z: of C_T, by space.
        copies_p: of the number of copies.
        closest: the likeliest copies.
    """

    measures: tuple[Measure, ...]
    z: dict[str, float]
    copies_p: float
    closest: tuple[Copy, ...]


def judge_memorisation(
    generated: Seen, held_out: Seen, training: Seen, images: ImageSet, trained: Indices, net: str
) -> Memorisation:
    """Compare generated images with held-out ones by their distances to the training images.

    The floor of each measure is that of one half of the held-out images against the other.

    Args:
        generated: all generated images.
        held_out: real images that the generator never saw, at least two.
        training: the images that it was trained on, at least two.
        images: the set.
        trained: indices of the training images in it.
        net: name of the feature net in protocols.
    """
    spaces: dict[MeasureName, tuple[str, Callable[[Seen], Tensor]]] = {
        MeasureName.NEARER_IN_FEATURES: (net, lambda seen: seen.features),
        MeasureName.NEARER_IN_PIXELS: ("pixels", lambda seen: pixel_points(seen.images)),
    }
    measures, z = [], {}
    for name, (space, points) in spaces.items():
        learnt = points(training)
        made, which = nearest(points(generated), learnt, 2)
        unseen, _ = nearest(points(held_out), learnt, 2)
        z[name.removeprefix("nearer_in_")] = _copying(made, unseen, generated.classes, held_out.classes).z
        protocol = f"{name}@{images.name}-{space}/{budget(len(made))}"
        measures.append(_nearer(name, protocol, made, unseen, generated.classes, held_out.classes))
    # The last space is that of pixels: a copy is a copy there.
    ratios, ratios_unseen = copy_ratios(made), copy_ratios(unseen)
    measures.append(_copies(images, ratios, ratios_unseen))
    numbers = [int((found < COPY_RATIO).sum()) for found in (ratios, ratios_unseen)]
    return Memorisation(
        measures=tuple(measures),
        z=z,
        copies_p=excess_p(numbers[0], len(ratios), numbers[1], len(ratios_unseen)),
        closest=_closest(ratios, trained[which[:, 0].numpy()]),
    )


def _nearer(
    name: MeasureName, protocol: str, made: Tensor, unseen: Tensor, made_cells: Tensor, unseen_cells: Tensor
) -> Measure:
    first, second = torch.randperm(len(unseen), generator=random_stream(0, "halves held out")).tensor_split(2)

    def of(members: Tensor) -> float:
        return _copying(made[members], unseen, made_cells[members], unseen_cells).nearer

    def of_the_floor(_: Tensor) -> float:
        return _copying(unseen[first], unseen[second], unseen_cells[first], unseen_cells[second]).nearer

    return measured(name, protocol, (of, of_the_floor), len(made))


def _copies(images: ImageSet, ratios: Tensor, unseen: Tensor) -> Measure:
    def of(members: Tensor) -> float:
        return float((ratios[members] < COPY_RATIO).double().mean())

    def of_the_floor(_: Tensor) -> float:
        return float((unseen < COPY_RATIO).double().mean())

    name = MeasureName.COPIES
    return measured(name, f"{name}@{images.name}-pixels/{budget(len(ratios))}", (of, of_the_floor), len(ratios))


def _copying(made: Tensor, unseen: Tensor, made_cells: Tensor, unseen_cells: Tensor) -> Copying:
    return copying(made[:, 0], unseen[:, 0], made_cells, unseen_cells)


def _closest(ratios: Tensor, training: Indices) -> tuple[Copy, ...]:
    order = np.argsort(ratios.numpy(), kind="stable")[:CLOSEST]
    return tuple(Copy(generated=int(k), training=int(training[k]), ratio=float(ratios[k])) for k in order)
