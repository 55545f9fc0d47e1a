"""Which images a classifier sees in its steps: in all arms of the same classes, and where it can be the same images.

A step draws places in the training subset, and for each place what stands there: the real image, one of its changed
copies, or a generated image of the same class. The random numbers do not depend on the arm. So arms differ by what they
add alone, and a generator that returns the training images, each once, trains the very same classifier as no generator.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganetic.data import Indices


@dataclass(frozen=True, eq=False)
class Picks:
    """Random numbers in [0, 1) for each image of each step, float64 ``(steps, batch)``.

    Attributes:
        place: which place of the subset.
        source: whether a real or a generated image stands there.
        which: which of the copies, or of the generated images near the place.
    """

    place: NDArray[np.float64]
    source: NDArray[np.float64]
    which: NDArray[np.float64]

    @staticmethod
    def of(steps: int, batch: int, seed: Sequence[int]) -> "Picks":
        """Draw them from a seed, which may be several numbers."""
        place, source, which = np.random.default_rng(list(seed)).random((3, steps, batch))
        return Picks(place, source, which)


@dataclass(frozen=True, eq=False)
class Mixture:
    """What an arm adds to the real images.

    Attributes:
        copies: whether changed copies stand in for real images.
        share: generated images for each real one.
        members: of each class the rows of its generated images in the table; empty for none.
    """

    copies: bool = False
    share: float = 0.0
    members: tuple[Indices, ...] = ()

    @property
    def key(self) -> Hashable:
        """What is equal for equal mixtures."""
        return self.copies, self.share, tuple(own.tobytes() for own in self.members)


@dataclass(frozen=True)
class Table:
    """Where images stand in the one table that all arms of a draw train from.

    First the real images, class after class; then their first changed copies in the same order, their second ones and
    so on; then generated images.

    Attributes:
        classes: how many.
        size: real images of each class.
        copies: changed copies of each real image.
    """

    classes: int
    size: int
    copies: int

    @property
    def count(self) -> int:
        """Real images."""
        return self.classes * self.size

    @property
    def first_generated(self) -> int:
        """The row where generated images begin."""
        return self.count * (1 + self.copies)

    def rows(self, picks: Picks, arm: Mixture) -> Indices:
        """Say which row of the table each image of each step is, int64 ``(steps, batch)``."""
        place = _below(picks.place, self.count)
        rows = place + self.count * _below(picks.which, self.copies + 1) if arm.copies else place
        if not arm.members:
            return rows
        label, rank = np.divmod(place, self.size)
        counts = np.array([len(own) for own in arm.members])[label]
        # Neighbouring places share what there is: of as many generated images as real ones each place has its own.
        number = np.minimum(((rank + picks.which) / self.size * counts).astype(np.int64), counts - 1)
        generated = _padded(arm.members)[label, np.maximum(number, 0)]
        is_generated = (picks.source < arm.share / (1 + arm.share)) & (counts > 0)
        chosen: Indices = np.where(is_generated, generated, rows)
        return chosen

    def labels(self, picks: Picks) -> Indices:
        """Say of which class each image of each step is, int64 ``(steps, batch)``: in all arms the same."""
        return _below(picks.place, self.count) // self.size


def _below(numbers: NDArray[np.float64], count: int) -> Indices:
    """Whole numbers from 0 to count - 1."""
    return np.minimum((numbers * count).astype(np.int64), count - 1)


def _padded(members: tuple[Indices, ...]) -> Indices:
    """Rows ``(classes, most)``; classes with fewer have zeros behind, which nothing picks."""
    padded = np.zeros((len(members), max(1, *map(len, members))), np.int64)
    for row, own in zip(padded, members, strict=True):
        row[: len(own)] = own
    return padded
