"""Who may stand on the front of a long run, told from how its trials ended, before their records are read.

Of 100,000 trials the front then takes 0.36 s of the processor instead of 1.37, and `ganetic show` keeps within the
2.5 s that it may take (analysis/bench_show.py).
"""

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence

from ganetic.evolution.individual import Individual, Scales
from ganetic.evolution.ranking import Objectives, fronts
from ganetic.evolution.space import Rung
from ganetic.jobs.journal import Ending
from ganetic.metrics.stability import deviation
from ganetic.proxy.result import TrialState

_SLACK = 1e-9
"""Far above rounding errors of ln fd and instability."""


def contenders(
    rungs: Sequence[Rung],
    scales: Scales,
    endings: Iterable[Ending],
    assess: Callable[[Collection[int]], list[Individual]],
) -> set[int]:
    """The numbers of a few individuals, among them the whole front of the highest rung.

    The last values of an individual's trials tell what neither of its objectives can be below. Whoever is worse even so
    than an individual that is known exactly is dominated.

    Args:
        rungs: of the space.
        scales: of its proxies.
        endings: of all trials of the individuals in question, finals left out.
        assess: gives individuals by number, in any order.
    """
    trials: dict[int, list[Ending]] = defaultdict(list)
    for ending in endings:
        trials[ending.subject].append(ending)
    found: set[int] = set()
    levels: dict[int, dict[int, Objectives]] = defaultdict(dict)
    for number, own in trials.items():
        rung = _rung(rungs, len(scales), own)
        if rung is None:
            found.add(number)
        else:
            levels[rung][number] = _bounds([one for one in own if one.steps == rungs[rung].steps], scales)
    for rung in sorted(levels, reverse=True):
        bounds = levels[rung]
        promising = {list(bounds)[i] for i in next(fronts(list(bounds.values())))}
        known = [one.climb[rung] for one in assess(promising) if one.viable and one.rung == rung]
        found |= promising | {number for number, bound in bounds.items() if not _dominated(bound, known)}
        if known:
            break  # the front is here or higher
    return found


def _rung(rungs: Sequence[Rung], proxies: int, own: Sequence[Ending]) -> int | None:
    """The rung whose trials are the longest ones that there are; None where that is not plain to see."""
    longest = max(one.steps for one in own)
    count = sum(one.steps == longest for one in own)
    if any(one.state is None or (one.state == TrialState.COMPLETED and one.fd is None) for one in own):
        return None
    matching = [i for i, rung in enumerate(rungs) if (rung.steps, rung.seeds * proxies) == (longest, count)]
    return matching[0] if matching else None


def _bounds(own: Sequence[Ending], scales: Scales) -> Objectives:
    """What ln fd and instability are at least; see `ganetic.metrics.stability.fitness` for their parts."""
    ends = [math.log(one.fd) for one in own if one.state == TrialState.COMPLETED and one.fd is not None]
    failed = len(own) - len(ends)
    log_fd = (sum(ends) + failed * min(math.log(scale.start_fd) for scale in scales)) / len(own)
    instability = failed / len(own) * min(math.log(scale.start_fd / scale.floor_fd) for scale in scales)
    if len(scales) == 1 and ends:
        instability += deviation(ends)
    return log_fd - _SLACK, instability - _SLACK


def _dominated(bound: Objectives, known: Sequence[Objectives]) -> bool:
    return any(exact[0] < bound[0] and exact[1] < bound[1] for exact in known)
