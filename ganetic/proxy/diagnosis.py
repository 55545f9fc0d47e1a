"""When a training has failed, and from what. All thresholds stand here."""

import math
from collections.abc import Sequence
from enum import StrEnum
from statistics import median

import numpy as np

from ganetic.metrics.diversity import Diversity

LEARNT_LEAST = 0.1
"""Share of the way from the untrained generator to the floor, in ln fd, below which nothing was learnt."""
WORSE_THAN_BEST = 2.0
"""A final distance of this many times the best one on the way is no convergence."""
COVERED_LEAST = 0.8
"""Share of the real classes that must occur among the generated images; each by 1 % of them."""
CLASS_OCCURS = 0.01
DIVERGENCE_MOST = 1.0
"""Kullback-Leibler divergence of the generated classes from the real ones, in nats."""
SPREAD_LEAST = 0.25
"""Mean distance between two generated images' features, as a share of the real one."""
STILL = 1e-6
"""Share of a full Adam step, one learning rate for every parameter, below which the generator does not move."""
STILL_SHARE = 0.2
"""Share of the watched steps of the second half in which a generator with a gradient may stand still."""
FEEBLE = 0.01
"""Share of a full Adam step, in the median, below which a generator that learnt nothing had no gradient for it."""

# The thresholds were set on a few dozen trainings, on MNIST, of losses known to work or to fail; none of them touches a
# published loss that trains. A living training takes about half of a full Adam step, the saturating loss of Goodfellow
# et al. (https://arxiv.org/abs/1406.2661) 0.001 to 0.004 where it saturates, a loss without a gradient exactly 0.


class Ill(StrEnum):
    """Why a trial failed."""

    NON_FINITE = "non_finite"
    VANISHING_GRADIENT = "vanishing_gradient"
    MODE_COLLAPSE = "mode_collapse"
    LEARNT_NOTHING = "learnt_nothing"
    NON_CONVERGENCE = "non_convergence"


def collapsed(generated: Diversity, real: Diversity) -> bool:
    """Return whether the generated images miss classes or resemble each other too much."""
    if not generated.spread >= SPREAD_LEAST * real.spread:
        return True
    if generated.shares is None or real.shares is None:
        return False
    occurring = real.shares >= CLASS_OCCURS
    covered = (generated.shares[occurring] >= CLASS_OCCURS).mean()
    present = generated.shares > 0
    # A class that the classifier never gives to a real image counts as one image of a thousand, not as infinitely odd.
    expected = np.maximum(real.shares[present], 1e-3)
    divergence = float((generated.shares[present] * np.log(generated.shares[present] / expected)).sum())
    return bool(covered < COVERED_LEAST or divergence > DIVERGENCE_MOST)


def vanished(updates: Sequence[float]) -> bool:
    """Return whether the generator stood still in a fifth of the watched steps."""
    still = sum(not update >= STILL for update in updates)
    return bool(updates) and still >= STILL_SHARE * len(updates)


def learnt(start_fd: float, end_fd: float, floor_fd: float) -> float:
    """Return the share of the way from the untrained generator to the floor, in ln fd: (ln f₀ − ln f) / λ."""
    return math.log(start_fd / end_fd) / math.log(start_fd / floor_fd)


def diagnose(
    trace: Sequence[tuple[int, float]],
    floor_fd: float,
    updates: Sequence[float],
    generated: Diversity,
    real: Diversity,
) -> Ill | None:
    """Name what is wrong with a training, or return None.

    Args:
        trace: (step, fd) from step 0 to the last, finite and positive.
        floor_fd: the distance between two samples of real images.
        updates: the generator's in the watched steps of the second half, in shares of a full Adam step.
        generated: of the last images.
        real: of the reference images.
    """
    start, end, best = trace[0][1], trace[-1][1], min(fd for _, fd in trace)
    if vanished(updates):
        return Ill.VANISHING_GRADIENT
    if learnt(start, best, floor_fd) < LEARNT_LEAST:
        # An untrained generator's images are all alike as well: without learning there was no collapse.
        return Ill.VANISHING_GRADIENT if updates and median(updates) < FEEBLE else Ill.LEARNT_NOTHING
    if collapsed(generated, real):
        return Ill.MODE_COLLAPSE
    if end > WORSE_THAN_BEST * best or learnt(start, end, floor_fd) < LEARNT_LEAST:
        return Ill.NON_CONVERGENCE
    return None
