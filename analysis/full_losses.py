"""Full trainings of several losses in several models, on paired seeds: which loss is better where it counts?

    python -m analysis.full_losses DIR --config xray-64 --data npz:chest_xray128.npz --steps 1500 \
        --models msg-gan msg-sagan --losses relativistic-hinge ganetic best.json --seeds 3 [--workers 2]
    python -m analysis.full_losses analysis/full_losses_journals/xray64.db

The first calls `ganetic compare --config` and evaluates each averaged generator after the last step; the second prints
the tables of a journal that was recorded before there was such a command. Losses are compared on ln fd within each
model; with few seeds the table describes these trainings and proves nothing. A training that fails, by the rules of
`ganetic train --stop-when-failed`, has the untrained generator's fd; `ill` counts those that the last measurement finds
something wrong with.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import geometric_mean
from typing import Any, NamedTuple

import pandas as pd
from rich.console import Console
from rich.table import Table

from ganetic.config import load_json, validate
from ganetic.errors import run_script
from ganetic.evaluation.evaluate_path import evaluate_path
from ganetic.evaluation.results import Evaluation
from ganetic.evolution.resources import Runtime
from ganetic.files import write_whole
from ganetic.jobs.grid import read_grid
from ganetic.report.progress.search import progress_on
from ganetic.report.progress.sentences import sentences_on
from ganetic.studies.compare import compare
from ganetic.studies.comparison import Comparison
from ganetic.studies.formatting import ratio_number
from ganetic.studies.ratios import Pair, Ratio, default_reference, ratios
from ganetic.training.checkpoint import checkpoints_in, read_train_state
from ganetic.training.config import TrainConfig, load_config, overridden
from ganetic.training.job import TRAININGS

MEASURES = ("ms_ssim_difference", "precision", "recall")
EVALUATION = "evaluation.json"


class Row(NamedTuple):
    """A training that has ended.

    Attributes:
        model: its nets.
        loss: its name.
        seed: number of the seed.
        fd: as it counts; None where an error of our own ended the training.
        failed: whether it failed.
        ill: whether its last measurement found something wrong.
        seconds: that it took.
        measures: what its last generator was found to be; empty where it has none.
    """

    model: str
    loss: str
    seed: int
    fd: float | None
    failed: bool
    ill: bool
    seconds: float
    measures: Mapping[str, float]


def recorded(journal: Path) -> list[Row]:
    """The trainings of a journal in which a record is a training with its evaluation."""
    _, submissions, records = read_grid(journal)
    payloads = {submission.number: submission.payload for submission in submissions}
    return [_recorded(payloads[record.number], record.record) for record in records]


def _recorded(payload: Mapping[str, Any], record: Mapping[str, Any] | None) -> Row:
    model = payload["config"]["model"]["name"]
    loss, _, seed = payload["name"].removeprefix(f"{model}-").rpartition("-s")
    if record is None:
        return Row(model, loss, int(seed), None, True, False, 0.0, {})
    measures = {name: record[name] for name in MEASURES if name in record}
    failed, ill = record["state"] == "failed", record["ill"] is not None
    return Row(model, loss, int(seed), record["fd"], failed, ill, record["seconds"], measures)


def trained(comparison: Comparison) -> list[Row]:
    """The trainings of a comparison, each evaluated after its last step; what was evaluated is read again."""
    seeds = list(comparison.settings.seeds)
    return [_trained(comparison.directory, seeds.index(row["seed"]), row) for row in _rows(comparison.runs())]


def _trained(directory: Path, seed: int, row: Mapping[str, Any]) -> Row:
    run = directory / TRAININGS / f"{row['proxy']}-{row['loss']}-s{seed}"
    raised = row["state"] == "raised"
    found = checkpoints_in(run)
    ills = read_train_state(found[-1]).ills if found else ()
    measures = _measures(run, found[-1]) if row["state"] == "completed" else {}
    fd, failed = None if raised else row["counted_fd"], row["state"] != "completed"
    return Row(row["proxy"], row["loss"], seed, fd, failed, bool(ills and ills[-1]), row["seconds"], measures)


def _measures(run: Path, checkpoint: Path) -> dict[str, float]:
    kept = run / EVALUATION
    if not kept.is_file():
        write_whole(kept, evaluate_path(checkpoint).model_dump_json(indent=1) + "\n")
    evaluation = validate(load_json(kept, "delete it"), Evaluation, str(kept))
    return {name: evaluation.measure(name).value for name in MEASURES}


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def table_of(rows: Sequence[Row], model: str, value: str) -> pd.DataFrame:
    """Of a model fd or whether a training failed, a row a seed and a column a loss."""
    table = pd.DataFrame([row._asdict() for row in rows if row.model == model and row.fd is not None])
    return table.pivot(index="seed", columns="loss", values=value)


def ratios_of(rows: Sequence[Row]) -> list[Ratio]:
    """Every loss against the reference within each model, as one family."""
    losses, models = list(dict.fromkeys(row.loss for row in rows)), list(dict.fromkeys(row.model for row in rows))
    reference = default_reference(losses)
    pairs = [Pair(name, reference) for name in losses if name != reference]
    fd, failed = ({model: table_of(rows, model, value) for model in models} for value in ("fd", "failed"))
    return ratios(fd, pairs, failed)


def arm_table(rows: Sequence[Row]) -> Table:
    """A row a model and loss: means over its seeds, of fd the geometric one, and its least and most."""
    laid = Table(box=None, pad_edge=False, header_style="dim")
    heads = ("model", "loss", "fd", "range", "ΔMS-SSIM", "prec.", "recall", "ill", "failed", "min")
    for head in heads:
        laid.add_column(head, justify="left" if head in ("model", "loss") else "right")
    for model, loss in dict.fromkeys((row.model, row.loss) for row in rows):
        laid.add_row(model, loss, *_cells([row for row in rows if (row.model, row.loss) == (model, loss)]))
    return laid


def _cells(mine: Sequence[Row]) -> list[str]:
    fds = [row.fd for row in mine if row.fd is not None]
    means = [_mean([row.measures[name] for row in mine if name in row.measures]) for name in MEASURES]
    minutes = sum(row.seconds for row in mine) / max(1, len(fds)) / 60
    counts = [f"{sum(flags)}/{len(mine)}" for flags in zip(*((row.ill, row.failed) for row in mine), strict=True)]
    fd = [f"{geometric_mean(fds):.1f}", f"{min(fds):.0f}…{max(fds):.0f}"] if fds else ["-", "-"]
    return [*fd, *(f"{mean:.2f}" for mean in means), *counts, f"{minutes:.1f}"]


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


def print_tables(console: Console, rows: Sequence[Row], steps: int) -> None:
    """Print both tables."""
    console.print(arm_table(rows), markup=False, highlight=False)
    console.print(ratio_table(ratios_of(rows)), markup=False, highlight=False)
    console.print(
        f"{len({row.seed for row in rows})} paired seeds, {steps} steps: descriptive.", highlight=False, soft_wrap=True
    )


def configuration(options: argparse.Namespace) -> TrainConfig:
    """The configuration that is asked for."""
    changes = {
        "data.name": options.data,
        "data.size": options.size,
        "steps": options.steps,
        "batch": options.batch,
    }
    return overridden(load_config(options.config), changes)


def main() -> None:
    """Train and evaluate what is missing, and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("directory", type=Path, metavar="DIR|JOURNAL")
    parser.add_argument("--config", default="xray-64")
    parser.add_argument("--data")
    parser.add_argument("--size", type=int)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--models", nargs="+", default=["msg-gan", "msg-sagan"])
    parser.add_argument("--losses", nargs="+", default=["relativistic-hinge", "ganetic"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    console = Console()
    if options.directory.is_file():
        steps = int(read_grid(options.directory)[0]["config"]["steps"])
        print_tables(console, recorded(options.directory), steps)
        return
    screen = Console(stderr=True)
    with sentences_on(screen), progress_on(screen) as callback:
        comparison = compare(
            options.losses,
            model=options.models,
            seeds=options.seeds,
            directory=options.directory,
            runtime=Runtime(workers=options.workers),
            callback=callback,
            config=configuration(options),
        )
    print_tables(console, trained(comparison), comparison.settings.steps)


if __name__ == "__main__":
    run_script(main)
