"""When a training has failed, and from what. What a collapse is stands in ganetic.metrics.mode_test."""

import math
from collections.abc import Sequence
from enum import StrEnum
from statistics import median

LEARNT_LEAST = 0.1
"""Share of the way from the untrained generator to the floor, in ln fd, below which nothing was learnt."""
WORSE_THAN_BEST = 2.0
"""A final distance of this many times the best one on the way is no convergence."""
STILL = 1e-6
"""Share of a full Adam step, one learning rate for every parameter, below which the generator does not move."""
STILL_SHARE = 0.2
"""Share of the logged steps of the second half in which a generator with a gradient may stand still."""
FEEBLE = 0.01
"""Share of a full Adam step, in the median, below which a generator that learnt nothing had no gradient for it."""

# The thresholds were set on a few dozen trainings, on MNIST, of losses known to work or to fail, and touch no published
# loss that trains there. On noisier data they do: an end at twice the best befell 5 of 80 trainings of published losses
# on CIFAR-10 and X-rays (runs/reference/transfer). A living training takes about half of a full Adam step, the
# saturating loss of Goodfellow et al. (https://arxiv.org/abs/1406.2661) 0.001 to 0.004 where it saturates, a loss
# without a gradient exactly 0.


class FailureMode(StrEnum):
    """Why a trial failed."""

    NON_FINITE = "non_finite"
    VANISHING_GRADIENT = "vanishing_gradient"
    MODE_COLLAPSE = "mode_collapse"
    LEARNT_NOTHING = "learnt_nothing"
    NON_CONVERGENCE = "non_convergence"


def vanished(updates: Sequence[float]) -> bool:
    """Return whether the generator stood still in a fifth of the logged steps."""
    still = sum(not update >= STILL for update in updates)
    return bool(updates) and still >= STILL_SHARE * len(updates)


def learnt(start_fd: float, end_fd: float, floor_fd: float) -> float:
    """Return the share of the way from the untrained generator to the floor, in ln fd: (ln f₀ − ln f) / λ."""
    return math.log(start_fd / end_fd) / math.log(start_fd / floor_fd)


def diagnose(
    trace: Sequence[tuple[int, float]],
    floor_fd: float,
    updates: Sequence[float],
    is_collapsed: bool,
) -> FailureMode | None:
    """Name what is wrong with a training, or return None.

    Args:
        trace: (step, fd) from step 0 to the last, finite and positive.
        floor_fd: the distance between two samples of real images.
        updates: the generator's in the logged steps of the second half, in shares of a full Adam step.
        is_collapsed: whether the last images are all alike, or leave modes of the real ones out.
    """
    start, end, best = trace[0][1], trace[-1][1], min(fd for _, fd in trace)
    if vanished(updates):
        return FailureMode.VANISHING_GRADIENT
    if learnt(start, best, floor_fd) < LEARNT_LEAST:
        # An untrained generator's images are all alike as well: without learning there was no collapse.
        return FailureMode.VANISHING_GRADIENT if updates and median(updates) < FEEBLE else FailureMode.LEARNT_NOTHING
    if is_collapsed:
        return FailureMode.MODE_COLLAPSE
    if end > WORSE_THAN_BEST * best or learnt(start, end, floor_fd) < LEARNT_LEAST:
        return FailureMode.NON_CONVERGENCE
    return None
