"""The classes that a conditional GAN is told: their names, their numbers, and how often each is drawn.

A class has a name for people and a label for nets, its place among the names. How many images of it trained the GAN
decides how often it is drawn where nobody asks for one.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from ganetic.errors import UserError, unknown

ClassCounts = Mapping[str, int]
"""Training images of each class by its name, in the order of their labels; empty of a GAN that is told none."""

UNCONDITIONAL: ClassCounts = {}
"""The classes of a GAN that is told none; plain, so that it travels to workers."""


def label_of(classes: ClassCounts, name: str) -> int:
    """Return the label of a class, from 0.

    Args:
        classes: of a GAN.
        name: of one of them.

    Raises:
        UserError: the GAN is told no classes, or has no such one.
    """
    if not classes:
        raise UserError(
            f'class is "{name[:60]}"; the generator is told no classes; leave it out, or train with '
            "`[data] conditional = true`"
        )
    if name not in classes:
        raise unknown("class", name, classes)
    return [*classes].index(name)


def draw_labels(classes: ClassCounts, count: int, stream: torch.Generator) -> Tensor | None:
    """Draw labels in the proportion of the training images, int64 ``(count,)``; the first ones of a larger count.

    Args:
        classes: of a GAN.
        count: how many.
        stream: a CPU generator, for labels alone.

    Returns:
        None where the GAN is told no classes.
    """
    if not classes:
        return None
    sizes = torch.tensor([*classes.values()], dtype=torch.float64)
    ends = sizes.cumsum(0) / sizes.sum()
    drawn = torch.rand(count, generator=stream, dtype=torch.float64)
    # The last end may be rounded below 1, and a number drawn lie above it.
    return torch.searchsorted(ends, drawn, right=True).clamp(max=len(sizes) - 1)


def labels_for(classes: ClassCounts, count: int, stream: torch.Generator, name: str | None = None) -> Tensor | None:
    """Return the label of one class ``(count,)`` where it is named, else labels as `draw_labels` does.

    Args:
        classes: of a GAN.
        count: how many.
        stream: a CPU generator, for labels alone.
        name: of the class; None for all in their proportion.

    Returns:
        int64 ``(count,)``; None where the GAN is told no classes, and none is named.

    Raises:
        UserError: the GAN has no such class.
    """
    return draw_labels(classes, count, stream) if name is None else torch.full((count,), label_of(classes, name))
