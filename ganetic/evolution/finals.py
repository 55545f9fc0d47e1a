"""Finals: the best of the search and the references, trained again on seeds that chose none of them.

Where losses carry rates, each contestant's are chosen first, from the same list by as many trainings for all.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from ganetic.config import Config
from ganetic.evolution.individual import Individual, Scales
from ganetic.evolution.nsga2 import fronts
from ganetic.evolution.space import SearchSpace
from ganetic.evolution.trial_queue import ABOUT
from ganetic.evolution.trial_request import TrialRequest, newcomer
from ganetic.jobs.journal import Submission, collector_off
from ganetic.loss.equivalence import published_name
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.training.rates import Rates
from ganetic.training.result import TrialResult

Kind = Literal["tuning", "final"]
TUNING: Kind = "tuning"
FINAL: Kind = "final"
AFTER_SEARCH = (TUNING, FINAL)
"""Kinds of trials that come when a search has stopped: those that choose the contestants' rates, and the finals."""


class FinalTrial(Config):
    """What a trial after the search is for.

    Attributes:
        stop: how many trials the search had when it stopped; finals of an earlier stop are history.
        contestant: ``individual 12``, or the name of a reference.
        seed: counts the seeds of its kind from 0.
        proxy: counts the proxies from 0.
        rates: that it is trained with; None for those of the proxies.
    """

    stop: int
    contestant: str
    seed: int
    proxy: int
    # Left out where there are none, as in the journals of searches without genes.
    rates: Annotated[Rates | None, Field(exclude_if=lambda rates: rates is None)] = None


@dataclass(frozen=True)
class Contestant:
    """One who enters the finals.

    Attributes:
        name: ``individual 12``, or the name of a reference.
        individual: its number; -1 for a reference.
        text: the formula's one line.
        rates: that it is trained with; None for those of the proxies, or until they are chosen.
    """

    name: str
    individual: int
    text: str
    rates: Rates | None = None


@collector_off()
def assess(
    space: SearchSpace, scales: Scales, submissions: Iterable[Submission], results: Mapping[int, TrialResult]
) -> list[Individual]:
    """The individuals of these trials with everything that is known of them, whether evolution was told of it or not.

    Args:
        space: the search space.
        scales: of its proxies.
        submissions: in order of number: all trials of each of the individuals; those after the search are passed over.
        results: by number; more than these does no harm.

    Raises:
        ValueError: a trial says of itself that it is another individual's.
    """
    individuals: dict[int, Individual] = {}
    for submission in submissions:
        if submission.kind in AFTER_SEARCH:
            continue
        proposal = TrialRequest.model_validate(submission.payload[ABOUT])
        number = proposal.individual
        if number != submission.subject:
            raise ValueError(f"trial {submission.number} is of individual {submission.subject} and of {number}")
        if proposal.kind == "child":
            individuals[number] = newcomer(number, proposal)
        individual = individuals[number]
        individual.target = max(individual.target, proposal.rung)
        individual.submitted[proposal.slot] = proposal.steps
        if submission.number in results:
            individual.take(proposal.slot, proposal.steps, results[submission.number], space.rungs, scales)
    return list(individuals.values())


def leading(individuals: Sequence[Individual]) -> Iterator[Individual]:
    """The viable ones from best to worst: the highest rung first, there in NSGA-II's order."""
    viable = [individual for individual in individuals if individual.viable]
    for rung in sorted({individual.rung for individual in viable}, reverse=True):
        level = [individual for individual in viable if individual.rung == rung]
        for members in fronts([individual.objectives_by_rung[rung] for individual in level]):
            yield from (level[i] for i in members)


def front(individuals: Sequence[Individual]) -> list[Individual]:
    """The viable ones at the highest rung that anyone reached whom none there dominates, by rising fd."""
    viable = [individual for individual in individuals if individual.viable]
    top = max((individual.rung for individual in viable), default=0)
    level = [individual for individual in viable if individual.rung == top]
    best = next(fronts([individual.objectives_by_rung[top] for individual in level]), [])
    return sorted((level[i] for i in best), key=lambda one: one.fitness.fd)


def contestants(space: SearchSpace, individuals: Sequence[Individual]) -> list[Contestant]:
    """The finalists, best first, and the references of the space; a reference found again is no finalist.

    Of one loss with several rates the best stands for all.
    """
    references, finalists = space.finals.references, dict[str, Individual]()
    for one in leading(individuals):
        if len(finalists) == space.finals.finalists:
            break
        if one.fingerprint not in finalists and published_name(Formula.from_text(one.text)) not in references:
            finalists[one.fingerprint] = one
    return [
        *(Contestant(f"individual {one.number}", one.number, one.text) for one in finalists.values()),
        *(Contestant(name, -1, LIBRARY[name].formula.text) for name in space.finals.references),
    ]
