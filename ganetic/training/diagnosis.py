"""What is wrong with a training that is still running: the rules of the proxy, as far as they apply before the end."""

from collections.abc import Sequence

from ganetic.metrics.diversity import Diversity, collapsed
from ganetic.training.failure_modes import FailureMode, diagnose, vanished

GRACE = 0.1
"""Share of the steps in which only a vanished gradient is a failure: a young generator's images are all alike."""
PATIENCE = 3
"""A training has failed when so many measurements in a row found something wrong."""


def failure_so_far(
    trace: Sequence[tuple[int, float]],
    steps: int,
    floor_fd: float,
    updates: Sequence[float],
    generated: Diversity,
    real: Diversity,
) -> FailureMode | None:
    """Name what is wrong at a measurement, or return None.

    Where other real images are no nearer to the held-out ones than the untrained generator's, as among a few of them,
    distances tell nothing, and only a vanished gradient is a failure.

    Saad, Rehmani & O'Reilly (https://arxiv.org/abs/2201.07646) name three: mode collapse, non-convergence and vanishing
    gradient; the rules and their thresholds are those of `ganetic.training.failure_modes`.

    Args:
        trace: (step, fd) from step 0 to now.
        steps: of the whole training.
        floor_fd: the distance between two samples of real images.
        updates: the generator's since the last measurement, in shares of a full Adam step.
        generated: of the averaged generator's images.
        real: of held-out images.
    """
    if floor_fd >= trace[0][1]:
        return FailureMode.VANISHING_GRADIENT if vanished(updates) else None
    failure = diagnose(trace, floor_fd, updates, collapsed(generated, real))
    return failure if trace[-1][0] > GRACE * steps or failure is FailureMode.VANISHING_GRADIENT else None


def has_failed(failures: Sequence[str | None]) -> bool:
    """Return whether the latest measurements, one after the other, all found something wrong."""
    return len(failures) >= PATIENCE and all(failures[-PATIENCE:])
