"""Fitness, written a second time from its definition, with arrays instead of lists of points."""

import numpy as np


def fitness(
    traces: list[tuple[bool, list[tuple[int, float]]]], start_fd: float, floor_fd: float
) -> tuple[float, float, int]:
    way = np.log(np.float64(start_fd)) - np.log(np.float64(floor_fd))
    finals = np.array([start_fd if failed else points[-1][1] for failed, points in traces], np.float64)
    fd = np.prod(finals ** (1.0 / len(finals)))
    gaps, rises, ends = [], [], []
    for failed, points in traces:
        if failed:
            continue
        steps, values = np.array(points, np.float64).T
        logs = np.log(values)
        ends.append(logs[-1])
        gaps.append(np.log(values[-1] / values.min()))
        late = np.diff(logs)[steps[1:] > steps[-1] / 2]
        rises.append(np.sqrt(np.mean(np.square(np.where(late > 0, late, 0)))) if late.size else 0.0)
    rate = 1 - len(ends) / len(traces)
    spread = np.sqrt(np.square(np.array(ends) - np.mean(ends)).sum() / (len(ends) - 1)) if len(ends) > 1 else 0.0
    instability = way * rate + spread
    if ends:
        instability += np.mean(gaps) + np.mean(rises)
    return float(fd), float(instability), len(traces) - len(ends)
