"""What a search asks for, as its journal keeps it: a trial of a new loss, or another one of a loss that climbs."""

from typing import Annotated, Literal

from pydantic import Field

from ganetic.config import Config
from ganetic.evolution.individual import Individual
from ganetic.training.rates import Rates


class TrialRequest(Config):
    """A trial to run.

    Attributes:
        kind: ``child``: a new individual; ``reseed``: more seeds or steps for one that climbs to a higher rung.
        individual: its number.
        text: the formula's one line.
        fingerprint: of its gradients.
        nodes: of all its expressions.
        rates: that it is trained with; None for those of the proxies.
        rung: the rung that the trial works towards.
        slot: with P proxies, seed slot // P on proxy slot % P. An individual's seeds count from 0; what a trial is
            seeded with is the run's business.
        steps: how long to train.
        prunable: whether the kill rules apply; they do not to losses of the library.
        origin: where a child came from, such as ``random``, ``library bce`` or ``crossover 3 8``.
        rejections: draws that were rejected before this one, by reason.
    """

    kind: Literal["child", "reseed"]
    individual: int
    text: str
    fingerprint: str
    nodes: int
    rung: int
    slot: int
    steps: int
    prunable: bool
    origin: str = ""
    rejections: dict[str, int] = Field(default_factory=dict)
    # Left out where there are none, as in the journals of searches without genes.
    rates: Annotated[Rates | None, Field(exclude_if=lambda rates: rates is None)] = None


def newcomer(number: int, proposal: TrialRequest) -> Individual:
    """The individual of this number that a proposal of a child makes."""
    return Individual(
        number, proposal.text, proposal.fingerprint, proposal.nodes, proposal.origin, rates=proposal.rates
    )
