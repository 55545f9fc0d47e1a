"""The arms of the study, and which are compared with which: fixed before any result."""

from collections.abc import Sequence
from dataclasses import dataclass

NONE, CLASSICAL, GAN, BOTH = "none", "classical", "gan", "both"
FILTERED = "-filtered"
"""Behind the name of an arm whose generated images are no copies of training images."""


@dataclass(frozen=True)
class Arm:
    """What is added to the real images.

    Attributes:
        name: as tables have it.
        classical: whether changed copies of them are.
        generated: whether generated images are.
        filtered: whether copies of training images among these are left out.
        description: what it is, for readers.
    """

    name: str
    classical: bool
    generated: bool
    filtered: bool
    description: str


ARMS = (
    Arm(NONE, False, False, False, "the real images alone"),
    Arm(CLASSICAL, True, False, False, "and changed copies of them"),
    Arm(GAN, False, True, False, "and generated images"),
    Arm(BOTH, True, True, False, "and changed copies and generated images"),
    Arm(GAN + FILTERED, False, True, True, "as gan, without copies of training images"),
    Arm(BOTH + FILTERED, True, True, True, "as both, without copies of training images"),
)

Pair = tuple[str, str]

PRIMARY_PAIR: Pair = (GAN, CLASSICAL)
"""The comparison that the study is for."""
PAIRS: Sequence[Pair] = (PRIMARY_PAIR, (BOTH, CLASSICAL), (GAN, NONE), (CLASSICAL, NONE), (BOTH, NONE))
"""One family of comparisons for each size and score."""
FILTER_PAIRS: Sequence[Pair] = ((GAN + FILTERED, GAN), (BOTH + FILTERED, BOTH))
"""Another family: what leaving copies out does."""
