"""The classes of the real images of a training, as its nets are told them."""

from dataclasses import dataclass

from ganetic.data import Indices


@dataclass(frozen=True, eq=False)
class RealLabels:
    """Labels of real images, from 0.

    Attributes:
        training: of the images that train the GAN, ``(N,)``.
        held_out: of those that do not, ``(M,)``.
    """

    training: Indices
    held_out: Indices
