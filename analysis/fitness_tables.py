"""What `analysis.fitness_trainings` recorded, as tables: today's fitness and others, on the same trainings.

    python -m analysis.fitness_tables FOLDER

A row is a metric: the features (`cnn` that learns from the data, or ImageNet's at 32 or 64 pixels) and the generator
that is measured (raw, or an average with the decay named). The columns are of ln fd:

- up: root mean square of the upward moves between checkpoints in the second half;
- sd: of the last checkpoint between the seeds of a loss; noise: what of it equal seeds do not take out;
- signal: between the losses, less what the noise adds; s/n: signal over noise;
- far: trainings that end above twice their best;
- gap: BCE at 300 steps against 400, over the noise;
- early: rank correlation of the losses at 200 steps with those at 400;
- n.9: seeds with which a ratio of 0.9 between two losses is found in 80 % of studies; cpu.9: processor seconds for
  them, of both losses, measurements at eight checkpoints included;
- share: the part of a trial that measuring takes;
- swing: in how many pairs of a planted swing and BCE the instability of the swing is the larger, of the same seed.
"""

import json
import math
import sys
from collections import defaultdict
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from analysis.fitness_trainings import EVERY, IMAGES, LOSSES, SETS, STEPS, SWINGING
from ganetic.errors import UserError, run_script
from ganetic.evolution.signal import rank_correlation, spread
from ganetic.stats import detectable_effect

MILLISECONDS = {"cnn": 0.04, "i32": 0.24, "i64": 1.54}
"""Processor time an image on one thread, from analysis/feature_blocks.md."""
CHECKPOINTS = STEPS // EVERY
METRICS = (
    "cnn raw",
    "cnn 0.95",
    "cnn 0.98",
    "cnn 0.99",
    "i32 raw",
    "i32 0.95",
    "i32 0.98",
    "i32 0.99",
    "i64 raw",
    "i64 0.98",
)
BEFORE_AND_AFTER = ("cnn raw", "i32 0.98")
RATIO = 0.9
MOST_SEEDS = 200

Rows = dict[tuple[str, str], dict[int, dict[str, Any]]]


def read(folder: Path) -> Rows:
    """Trainings by set and loss, then by seed."""
    rows: Rows = defaultdict(dict)
    for path in sorted(folder.glob("*.jsonl")):
        for row in map(json.loads, path.read_text().splitlines()):
            rows[row["set"], row["loss"]][row["seed"]] = row
    if not rows:
        raise UserError(f"{folder}: no trainings; record some with `python -m analysis.fitness_trainings`")
    return rows


def table_at(rows: Rows, name: str, metric: str, step: int, seeds: Sequence[int]) -> NDArray[np.float64]:
    """Ln fd, ``(losses, seeds)``; NaN where a training is not finite."""
    place = step // EVERY
    values = [
        [
            math.log(row["fd"][metric][place]) if "failed" not in row else math.nan
            for row in _of(rows, name, loss, seeds)
        ]
        for loss in LOSSES
        if loss != SWINGING
    ]
    return np.array(values)


def upward(trace: Sequence[float]) -> float:
    """Root mean square of the upward moves of ln fd that end in the second half."""
    logs = np.log(trace)
    moves = np.maximum(0, np.diff(logs))[len(logs) // 2 :]
    return float(np.sqrt((moves**2).mean()))


def wobble(trace: Sequence[float]) -> float:
    """What one seed adds to the instability: upward moves, and the end over the best."""
    return upward(trace) + math.log(trace[-1] / min(trace))


def seeds_to_detect(noise_sd: float) -> float:
    """The fewest seeds that find the ratio; infinite above `MOST_SEEDS`."""
    for seeds in range(2, MOST_SEEDS + 1):
        if detectable_effect(seeds) * math.sqrt(2) * noise_sd <= -math.log(RATIO):
            return seeds
    return math.inf


def describe(rows: Rows, name: str, metric: str) -> dict[str, float]:
    """All columns of one set and metric, over the seeds that all losses have."""
    seeds = common_seeds(rows, name)
    last, earlier = (table_at(rows, name, metric, step, seeds) for step in (STEPS, 300))
    parts = spread(last)
    trainings = [row for loss in LOSSES if loss != SWINGING for row in _of(rows, name, loss, seeds)]
    alive = [row for row in trainings if "failed" not in row]
    traces = [row["fd"][metric] for row in alive]
    gap = float(np.nanmean(earlier[0] - last[0])) / parts.noise_sd
    training = float(np.mean([row["training_seconds"] for row in alive]))
    views = 2 if "raw" not in metric else 1  # beside an average the trained generator is measured as well
    measuring = MILLISECONDS[metric.split(maxsplit=1)[0]] * IMAGES * CHECKPOINTS * views / 1000
    needed = seeds_to_detect(parts.noise_sd)
    swings = [
        wobble(swing["fd"][metric]) > wobble(still["fd"][metric])
        for swing, still in zip(_of(rows, name, SWINGING, seeds), _of(rows, name, "bce", seeds), strict=True)
        if "failed" not in swing
    ]
    return {
        "up": float(np.mean([upward(trace) for trace in traces])),
        "sd": parts.seed_sd,
        "noise": parts.noise_sd,
        "signal": parts.signal_sd,
        "s/n": parts.signal_to_noise,
        "far": sum(trace[-1] > 2 * min(trace) for trace in traces) + len(trainings) - len(alive),
        "gap": gap,
        "early": rank_correlation(table_at(rows, name, metric, 200, seeds), last),
        "n.9": needed,
        "cpu.9": 2 * needed * (training + measuring),
        "share": measuring / (training + measuring),
        "swing": float(np.mean(swings)) if swings else math.nan,
    }


def _of(rows: Rows, name: str, loss: str, seeds: Sequence[int]) -> list[dict[str, Any]]:
    return [rows[name, loss][seed] for seed in seeds]


def common_seeds(rows: Rows, name: str) -> list[int]:
    """The seeds on which all losses of a set were trained."""
    return sorted(set.intersection(*(set(rows[name, loss]) for loss in LOSSES)))


def main() -> None:
    """Print what was before and what is now, then all metrics of each set."""
    if len(sys.argv) != 2:
        raise UserError("expected the folder of the trainings")
    rows, console = read(Path(sys.argv[1])), Console(width=130)
    sets = [name for name in SETS if len(common_seeds(rows, name)) >= 2]
    console.print(_table(rows, list(product(sets, BEFORE_AND_AFTER)), "before and after"))
    for name in sets:
        console.print()
        console.print(_table(rows, [(name, metric) for metric in METRICS], name))


def _table(rows: Rows, wanted: Sequence[tuple[str, str]], title: str) -> Table:
    drawn = Table(title=f"{title}, {len(LOSSES) - 1} losses", box=None, pad_edge=False)
    for number, (name, metric) in enumerate(wanted):
        values, seeds = describe(rows, name, metric), common_seeds(rows, name)
        if number == 0:
            for head in ("set", "seeds", "metric", *values):
                drawn.add_column(head, justify="left" if head in ("set", "metric") else "right", no_wrap=True)
        drawn.add_row(name.partition("?")[0], str(len(seeds)), metric, *(f"{value:.3g}" for value in values.values()))
    return drawn


if __name__ == "__main__":
    run_script(main)
