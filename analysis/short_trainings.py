"""Which settings of the multi-scale nets learn anything in a thousand steps? The preset `msg-sagan-32`, varied.

    python -m analysis.short_trainings DIR [--steps 1000] [--seeds 2] [--workers 2]

Every setting trains on every seed into DIR and is measured four times. With two seeds the table describes these
trainings; what it says is which settings collapse.
"""

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ganetic.errors import run_script
from ganetic.jobs.grid import Cell, GridProgress, read_grid, run_grid
from ganetic.jobs.lock import run_lock
from ganetic.jobs.ray_executor import RayExecutor
from ganetic.training.config import TrainConfig, load_config
from ganetic.training.metadata import is_training
from ganetic.training.train import resume_training, train

LOSS = "hinge"
PLAIN: dict[str, Any] = {"equalised": False, "pixel_norm": False, "batch_norm": True}
PROGRESSIVE: dict[str, Any] = {"equalised": True, "pixel_norm": True, "batch_norm": False}


def optimizer(rate: float, beta1: float) -> dict[str, float]:
    """One rate for both players."""
    return {"generator_lr": rate, "discriminator_lr": rate, "beta1": beta1, "beta2": 0.99}


def settings() -> dict[str, dict[str, Any]]:
    """What differs from `msg-sagan-32`, by name."""
    return {
        "batch norm, 5e-4, β₁ 0.5 (demo)": {"model": PLAIN, "optimizer": optimizer(5e-4, 0.5)},
        "batch norm, 1e-3, β₁ 0.5": {"model": PLAIN, "optimizer": optimizer(1e-3, 0.5)},
        "pixel norm, equalised, 3e-3, β₁ 0 (MSG-GAN)": {"model": PROGRESSIVE, "optimizer": optimizer(3e-3, 0.0)},
        "pixel norm, equalised, 5e-4, β₁ 0": {"model": PROGRESSIVE, "optimizer": optimizer(5e-4, 0.0)},
        "pixel norm, equalised, 1e-3, β₁ 0.5": {"model": PROGRESSIVE, "optimizer": optimizer(1e-3, 0.5)},
        "pixel norm, equalised, 3e-3, β₁ 0, R1 0.1": {
            "model": PROGRESSIVE,
            "optimizer": optimizer(3e-3, 0.0),
            "regulariser": {"r1": 0.1},
        },
        "pixel norm, 3e-4, β₁ 0.5": {
            "model": {**PROGRESSIVE, "equalised": False},
            "optimizer": optimizer(3e-4, 0.5),
        },
    }


def varied(changes: dict[str, Any], steps: int, seed: int) -> TrainConfig:
    """The preset with a setting's changes."""
    data = load_config("msg-sagan-32").model_dump(mode="json")
    for table, keys in changes.items():
        data[table] = {**data[table], **keys}
    return TrainConfig.model_validate(
        {**data, "steps": steps, "seed": seed, "keep_last": 1, "checkpoint_every": steps // 4}
    )


def work(context: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Train one setting on one seed, or go on with it: the job of an executor."""
    run = Path(context) / payload["name"]
    config = TrainConfig.model_validate(payload["config"])
    training = resume_training(run) if is_training(run) else train(config, LOSS, run)
    return {"trace": training.train_state.trace, "ills": training.train_state.ills, "status": training.status}


def ignore(progress: GridProgress) -> None:
    """Trainings say nothing between their ends."""
    del progress


def main() -> None:
    """Train what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    found = settings()
    cells = [
        Cell(
            subject=place,
            text=name,
            payload={
                "name": f"setting-{place}-s{seed}",
                "config": varied(changes, options.steps, seed).model_dump(mode="json"),
            },
        )
        for seed in range(options.seeds)
        for place, (name, changes) in enumerate(found.items())
    ]
    options.directory.mkdir(parents=True, exist_ok=True)
    journal = options.directory / "study.db"
    runner = RayExecutor(work, str(options.directory.resolve()), workers=options.workers, wall_seconds=36_000)
    with run_lock(options.directory), runner as executor:
        run_grid(journal, {"steps": options.steps}, cells, executor, ignore)
    records = [record.record for record in read_grid(journal)[2]]
    table = Table(box=None, pad_edge=False, header_style="dim")
    for head in (f"{LOSS}, fd after {options.steps} steps", "lowest fd", "last found ill"):
        table.add_column(head, justify="left" if head.startswith(LOSS) else "right")
    for place, name in enumerate(found):
        mine = [record for record in records[place :: len(found)] if record is not None]
        last = ", ".join(f"{record['trace'][-1][1]:.0f}" for record in mine)
        best = ", ".join(f"{min(fd for _, fd in record['trace'][1:]):.0f}" for record in mine)
        ills = ", ".join(str(record["ills"][-1] or "none").replace("_", " ") for record in mine if record["ills"])
        table.add_row(f"{name}: {last}", best, ills)
    Console().print(table, markup=False, highlight=False)


if __name__ == "__main__":
    run_script(main)
