"""The fitness of a loss over several seeds: how good its images get, and how reliably."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class SeedTrace:
    """What one seed's training left.

    Attributes:
        failed: whether the training failed, from whatever cause.
        points: (step, fd) in order of steps, all finite and positive; read only where the training did not fail.
        raw: the same of the trained generator itself, where the points are of an averaged one, which swings less; else
            empty.
    """

    failed: bool
    points: tuple[tuple[int, float], ...]
    raw: tuple[tuple[int, float], ...] = ()

    @property
    def swings(self) -> tuple[tuple[int, float], ...]:
        """The points in which a training that swings shows."""
        return self.raw or self.points

    def until(self, steps: int) -> "SeedTrace":
        """The trace as it stood after so many steps."""
        if not self.points or self.points[-1][0] <= steps:
            return self
        cut = (tuple(point for point in points if point[0] <= steps) for points in (self.points, self.raw))
        return SeedTrace(self.failed, *cut)


@dataclass(frozen=True)
class Fitness:
    """Both objectives of a loss, to be minimised; finite always.

    Attributes:
        fd: geometric mean over seeds of the final Fréchet distance, a failed seed counting as the untrained generator.
        instability: a sum of four parts, see `fitness`.
        failed: number of failed seeds. A loss that failed on every seed is not viable, whatever the two numbers are.
    """

    fd: float
    instability: float
    failed: int


def fitness(traces: Sequence[SeedTrace], start_fd: float, floor_fd: float) -> Fitness:
    """Judge a loss by its traces.

    Instability is read from ln fd alone, because loss values and gradient norms do not compare between losses. It is
    the sum of: the sd over seeds of the final ln fd; the mean of ln(final/best); the mean root mean square of the
    upward moves between neighbouring checkpoints in the second half of the training; and λ times the share of failed
    seeds. The second and the third are read from the trained generator itself, also where fd is that of an averaged
    one, for an average hides what swings. λ = ln(start/floor) is the whole way that a training can go, so that failing
    weighs more than any wobble. The first three parts are over the seeds that did not fail; the sd of fewer than two
    is 0.

    Args:
        traces: one for each seed, at least one.
        start_fd: distance of an untrained generator.
        floor_fd: distance between two samples of real images, positive and below ``start_fd``.

    Raises:
        ValueError: there is no trace, a trace that did not fail is empty or not finite and positive, or start and floor
            are not in order.
    """
    if not traces or not 0 < floor_fd < start_fd < math.inf:
        raise ValueError(f"fitness of {len(traces)} traces between floor {floor_fd} and start {start_fd}")
    alive = [trace for trace in traces if not trace.failed]
    failed = len(traces) - len(alive)
    ends = [_log_points(trace.points)[-1][1] for trace in alive]
    swings = [_log_points(trace.swings) for trace in alive]
    log_fd = (sum(ends) + failed * math.log(start_fd)) / len(traces)
    instability = math.log(start_fd / floor_fd) * failed / len(traces)
    if alive:
        instability += deviation(ends)
        instability += math.fsum(points[-1][1] - min(value for _, value in points) for points in swings) / len(alive)
        instability += math.fsum(map(_upward_moves, swings)) / len(alive)
    return Fitness(fd=math.exp(log_fd), instability=instability, failed=failed)


def combined(fitnesses: Sequence[Fitness]) -> Fitness:
    """The fitness over several proxies that weigh alike: the geometric mean of fd, the mean of instability.

    At equal steps the geometric mean ranks losses exactly as the mean of ln(fd / reference fd) over the proxies does:
    the two differ by a constant factor, whatever the reference.
    """
    return (
        Fitness(
            fd=math.exp(math.fsum(math.log(one.fd) for one in fitnesses) / len(fitnesses)),
            instability=math.fsum(one.instability for one in fitnesses) / len(fitnesses),
            failed=sum(one.failed for one in fitnesses),
        )
        if len(fitnesses) > 1
        else fitnesses[0]
    )


def deviation(values: Sequence[float]) -> float:
    """The sample standard deviation; 0 of a single value. numpy's takes ten times as long for a handful."""
    if len(values) < 2:
        return 0.0
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def _log_points(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    if not points or not all(0 < fd < math.inf for _, fd in points):
        raise ValueError(f"a trace that did not fail has the points {points}")
    return [(step, math.log(fd)) for step, fd in points]


def _upward_moves(points: Sequence[tuple[int, float]]) -> float:
    """Root mean square of the positive moves of ln fd that end in the second half of the steps."""
    half = points[-1][0] / 2
    moves = [max(0.0, b - a) for (_, a), (step, b) in pairwise(points) if step > half]
    return math.sqrt(sum(move**2 for move in moves) / len(moves)) if moves else 0.0
