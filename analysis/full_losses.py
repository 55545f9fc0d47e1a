"""Full trainings of several losses in several models, on paired seeds: which loss is better where it counts?

    python -m analysis.full_losses DIR --config xray-64 --data npz:chest_xray128.npz --steps 1500 \
        --models msg-gan msg-sagan --losses relativistic-hinge ganetic best.json --seeds 3 [--workers 2]

Trains every arm (a model with a loss) on every seed into DIR, evaluates each averaged generator after the last step,
and goes on where it was stopped, in the middle of a training, too. Arms of one seed begin with the same weights and see
the same images and latents. Losses are compared on ln fd within each model, with the statistics of `ganetic compare`;
with few seeds the table describes these trainings and proves nothing. A training that fails, by the rules of
`ganetic train --stop-when-failed`, has the untrained generator's fd; `ill` counts those that the last measurement finds
something wrong with.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import geometric_mean
from typing import Any, NamedTuple

import pandas as pd
from rich.console import Console
from rich.table import Table

from ganetic.errors import UserError, run_script
from ganetic.evolution.seeds import training_seed
from ganetic.full.checkpoint import checkpoints_in
from ganetic.full.config import TrainConfig, load_config, overridden
from ganetic.full.diagnosis import has_failed
from ganetic.full.judge import judge
from ganetic.full.run_files import is_training
from ganetic.full.train import resume_training, train
from ganetic.jobs.grid import Cell, GridProgress, read_grid, run_grid
from ganetic.jobs.lock import run_lock
from ganetic.jobs.ray_executor import RayExecutor
from ganetic.loss.card import resolve_loss
from ganetic.studies.ratios import Pair, Ratio, default_reference, ratios
from ganetic.studies.wording import ratio_number

JOURNAL = "study.db"
MEASURES = ("ms_ssim_difference", "precision", "recall")
HOURS = 12.0


class Arm(NamedTuple):
    """A model with a loss."""

    model: str
    name: str
    text: str


def work(context: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Train one arm on one seed in a directory of its own, and evaluate it: the job of an executor."""
    run = Path(context) / "trainings" / payload["name"]
    config = TrainConfig.model_validate(payload["config"])
    training = resume_training(run) if is_training(run) else train(config, payload["formula"], run)
    start, last, ills = training.standing.trace[0][1], training.standing.trace[-1][1], training.standing.ills
    failed = training.status == "failed" or has_failed(ills)
    record: dict[str, Any] = {
        "state": "failed" if failed else "completed",
        "reason": training.reason or (ills[-1] if failed else None),
        "ill": ills[-1] if ills else None,
        "fd": start if failed else last,
        "seconds": _seconds(run),
    }
    if training.status == "finished":
        evaluation = judge(checkpoints_in(run)[-1])
        record |= {name.value: evaluation.measure(name).value for name in MEASURES}
        record["flags"] = [flag.fault.value for flag in evaluation.flags]
    return record


def _seconds(run: Path) -> float:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return max((line["seconds"] for line in lines if "seconds" in line), default=0.0)


def cells(config: TrainConfig, arms: Sequence[Arm], seeds: Sequence[int]) -> list[Cell]:
    """Every arm on one seed before the next seed."""
    return [
        Cell(
            subject=place,
            text=f"{arm.model} {arm.text}",
            payload={
                "name": f"{arm.model}-{arm.name}-s{number}",
                "formula": arm.text,
                "config": of_arm(config, arm, seed).model_dump(mode="json"),
            },
        )
        for number, seed in enumerate(seeds)
        for place, arm in enumerate(arms)
    ]


def of_arm(config: TrainConfig, arm: Arm, seed: int) -> TrainConfig:
    """The configuration with an arm's model, of the same width."""
    return overridden(config, {"model.name": arm.model, "model.width": config.model.width, "seed": seed})


def tables(records: Sequence[Mapping[str, Any] | None], arms: Sequence[Arm], value: str) -> dict[str, pd.DataFrame]:
    """By model, fd or whether the training failed, with a row a seed and a column a loss."""
    rows = [
        {"model": arm.model, "loss": arm.name, "seed": place // len(arms), **measured}
        for place, record in enumerate(records)
        if record is not None
        for arm in [arms[place % len(arms)]]
        for measured in [{"fd": record["fd"], "failed": record["state"] == "failed"}]
    ]
    found = pd.DataFrame(rows)
    return {
        str(model): group.pivot(index="seed", columns="loss", values=value)
        for model, group in found.groupby("model", sort=False)
    }


def arm_table(records: Sequence[Mapping[str, Any] | None], arms: Sequence[Arm]) -> Table:
    """A row an arm: means over its seeds, of fd the geometric one, and its least and most."""
    laid = Table(box=None, pad_edge=False, header_style="dim")
    heads = ("model", "loss", "fd", "range", "ΔMS-SSIM", "prec.", "recall", "ill", "failed", "min")
    for head in heads:
        laid.add_column(head, justify="left" if head in ("model", "loss") else "right")
    for place, arm in enumerate(arms):
        mine = [record for record in records[place :: len(arms)] if record is not None]
        if not mine:
            continue
        fds = [record["fd"] for record in mine]
        means = [_mean([record[name] for record in mine if name in record]) for name in map(str, MEASURES)]
        lost = records[place :: len(arms)].count(None)
        failed = lost + sum(record["state"] == "failed" for record in mine)
        minutes = sum(record["seconds"] for record in mine) / len(mine) / 60
        spread = f"{min(fds):.0f}…{max(fds):.0f}"
        ill = sum(record["ill"] is not None for record in mine)
        cells = [f"{geometric_mean(fds):.1f}", spread, *(f"{mean:.2f}" for mean in means)]
        counts = [f"{count}/{len(mine) + lost}" for count in (ill, failed)]
        laid.add_row(arm.model, arm.name, *cells, *counts, f"{minutes:.1f}")
    return laid


def ratio_table(found: Sequence[Ratio]) -> Table:
    """A row a comparison."""
    laid = Table(box=None, pad_edge=False, header_style="dim")
    for head in ("model", "losses", "fd ratio (95 %)", "Holm p", "detectable"):
        laid.add_column(head, justify="left" if head in ("model", "losses") else "right")
    for one in found:
        interval = f"{one.ratio:.2f} ({one.low:.2f}-{one.high:.2f})"
        laid.add_row(
            one.proxy, f"{one.first} / {one.second}", interval, f"{one.holm_p:.2g}", ratio_number(one.detectable)
        )
    return laid


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


def show(progress: GridProgress) -> None:
    """Nothing between the lines of the workers: trainings take minutes."""
    del progress


def main() -> None:
    """Train what is missing, and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--config", default="xray-64")
    parser.add_argument("--data")
    parser.add_argument("--size", type=int)
    parser.add_argument("--classes", nargs="+")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--width", type=int)
    parser.add_argument("--checkpoint-every", type=int)
    parser.add_argument("--models", nargs="+", default=["msg-gan", "msg-sagan"])
    parser.add_argument("--losses", nargs="+", default=["relativistic-hinge", "ganetic"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    changes = {
        "data.name": options.data,
        "data.size": options.size,
        "data.classes": options.classes,
        "steps": options.steps,
        "batch": options.batch,
        "model.width": options.width,
        "checkpoint_every": options.checkpoint_every,
    }
    config = overridden(load_config(options.config), changes)
    losses = {name: formula.text for name, formula in map(resolve_loss, options.losses)}
    if len(losses) < len(options.losses):
        raise UserError(f"--losses names {', '.join(options.losses)}, of which some share a name; rename a card")
    arms = [Arm(model, name, text) for model in options.models for name, text in losses.items()]
    seeds = [training_seed(0, "confirmation", number) for number in range(options.seeds)]
    grid = cells(config, arms, seeds)
    options.directory.mkdir(parents=True, exist_ok=True)
    path, place = options.directory / JOURNAL, str(options.directory.resolve())
    runner = RayExecutor(work, place, workers=options.workers, wall_seconds=3600 * HOURS)
    with run_lock(options.directory), runner as executor:
        run_grid(path, {"config": config.model_dump(mode="json")}, grid, executor, show)
    ended = read_grid(path)[2]
    records = [record.record for record in ended]
    reference = default_reference(list(losses))
    pairs = [Pair(name, reference) for name in losses if name != reference]
    console = Console()
    for record in (record for record in ended if record.record is None):
        console.print(f"{record.state}: {grid[record.number].payload['name']}: {record.error}", markup=False)
    console.print(arm_table(records, arms), markup=False, highlight=False)
    fd, failed = (tables(records, arms, value) for value in ("fd", "failed"))
    console.print(ratio_table(ratios(fd, pairs, failed)), markup=False, highlight=False)
    console.print(f"{options.seeds} paired seeds, {config.steps} steps: descriptive.", highlight=False)


if __name__ == "__main__":
    run_script(main)
