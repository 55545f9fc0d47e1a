"""What adaptive augmentation is good for on small X-ray sets, in two models; then which loss goes best with it.

    GANETIC_DATA=DIR python -m analysis.small_sets train FOLDER [--only NAME ...] [--workers 2] [--steps N]
    python -m analysis.small_sets tables FOLDER

The plan, written before the first training:

- Sets at 32 pixels: chest_xray128 without Covid-19, which has too few images and another source, with 100 and with 250
  images a class, patients kept together, and pneumoniamnist28 with 500 a class. Held-out images and the net that
  measures are those of the whole set.
- Arms: no augmentation, changes with a fixed p of 0.6, and adaptive ones (profile ``xray``), each in `msg-sagan` and
  `stylegan2`. The logistic loss (bce), three paired seeds, 1,500 steps of 16 images: 24,000 images, in which p can rise
  from 0 to 1 in 12,000 at the fastest.
- Seven comparisons of fd a set, all sets in one Holm family: in each model fixed and adaptive against none, and
  `stylegan2` against `msg-sagan` with each kind. Once after all steps, which is at equal images, and once at equal
  seconds; and, at equal images, once more by fd in the features of EfficientNet-Lite0, which searches on X-rays measure
  in, without trainings that failed. Means of what else is measured stand beside them. Three seeds are few: the tables
  describe these trainings.
- An arm counts as adaptive where p moved above 0.2.
- Losses: bce, hinge, GANetic and the loss that a search on these chest X-rays found, in `stylegan2` with adaptive
  augmentation, on the chest X-rays with 250 a class, with the same seeds and rates; four losses, compared with bce.

A step took 0.10 s of a processor in `stylegan2` and 0.06 s in `msg-sagan` on two nearly idle cores of a virtual machine
(with adaptive augmentation 4 and 1 % more), and up to 1.7 times that beside many other programs: 54 trainings with arms
and 12 with losses are about 1.5 hours of two idle cores, and 2.5 of busy ones, with measurements.
Killed at any moment, the command goes on where it was.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from ganetic.errors import UserError, run_script
from ganetic.evolution.resources import Runtime
from ganetic.plots.arms import write_samples
from ganetic.plots.comparison import write_figures
from ganetic.report.comparison import comparison_page, write_tables
from ganetic.report.progress.search import progress_on
from ganetic.report.progress.sentences import sentences_on
from ganetic.report.ratio_table import ARM, ratio_table
from ganetic.report.renderers.terminal import print_page
from ganetic.report.table import Page, Table
from ganetic.studies.compare import compare
from ganetic.studies.comparison import JOURNAL, Comparison, open_comparison
from ganetic.studies.equal_seconds import equal_seconds
from ganetic.studies.ratios import Pair, Ratio, ratios
from ganetic.training.config import TrainConfig
from ganetic.training.result import TrialState

STEPS, BATCH, SEEDS = 1500, 16, 3
MEASURED = 10
"""Times that a training is measured."""
LOSS = "bce"
OTHER_FD = "pretrained_fd"
WINNER = str(Path(__file__).parents[1] / "runs" / "reference" / "better-loss" / "xray-s7101-91.json")
"""What was found and confirmed on chest X-rays, see analysis/better_loss.md."""
LOSSES = (LOSS, "hinge", "ganetic", WINNER)
LOSSES_ON = "chest-250"


@dataclass(frozen=True)
class SmallSet:
    """Some images of a set.

    Attributes:
        data: as `--data` names it, in the folder of the data.
        per_class: images of each class that train.
        classes: that are taken; none for all.
    """

    data: str
    per_class: int
    classes: tuple[str, ...] = ()


NIH = ("No_findings", "Pneumonia")
"""Classes of the chest X-rays that come from one source; Covid-19 comes from another."""


SETS = {
    "chest-100": SmallSet("npz:{}/chest_xray128/chest_xray128.npz", 100, NIH),
    "chest-250": SmallSet("npz:{}/chest_xray128/chest_xray128.npz", 250, NIH),
    "pneumonia-500": SmallSet("npz:{}/pneumoniamnist28/pneumoniamnist28.npz", 500),
}
MODELS: dict[str, dict[str, Any]] = {
    "msg-sagan": {
        "model": {
            **{"name": "msg-sagan", "width": 8, "latent": 64, "attention": 16},
            **{"batch_norm": True, "pixel_norm": False, "equalised": False},
        },
        "optimizer": {"generator_lr": 1e-3, "discriminator_lr": 1e-3, "beta1": 0.5, "beta2": 0.99},
        "ema_decay": 0.99,
    },
    "stylegan2": {
        "model": {
            **{"name": "stylegan2", "depth": "small", "width": 16, "max_channels": 128},
            **{"latent": 128, "mapping_layers": 2},
        },
        "optimizer": {"generator_lr": 2.5e-3, "discriminator_lr": 2.5e-3, "beta1": 0.0, "beta2": 0.99},
        "regulariser": {"r1": 0.033, "r1_every": 16},
        "ema_decay": 0.9978,
    },
}
"""As the presets `msg-sagan-32`, with the rates of analysis/full_losses.toml, and `small`."""
KINDS = ("none", "fixed", "ada")
PAIRS = (
    *(Pair(f"{model}-{kind}", f"{model}-none") for model in MODELS for kind in ("fixed", "ada")),
    *(Pair(f"stylegan2-{kind}", f"msg-sagan-{kind}") for kind in KINDS),
)


def configuration(name: str, model: str, kind: str, steps: int = STEPS) -> TrainConfig:
    """The training of an arm.

    Args:
        name: of the set.
        model: one of `MODELS`.
        kind: of augmentation.
        steps: of the training.

    Raises:
        UserError: the folder of the data is not known.
    """
    if "GANETIC_DATA" not in os.environ:
        raise UserError("GANETIC_DATA is not set; expected the folder of chest_xray128 and pneumoniamnist28")
    own = SETS[name]
    profile = {} if kind == "none" else {"profile": "xray"}
    adaptation = {"adaptation_images": max(BATCH * steps // 2, 80 * BATCH)} if kind == "ada" else {}
    return TrainConfig.model_validate(
        {
            **MODELS[model],
            "data": {
                "name": own.data.format(os.environ["GANETIC_DATA"]),
                "classes": own.classes,
                "size": 32,
                "per_class": own.per_class,
            },
            "augmentation": {"kind": kind, **profile, **adaptation},
            "batch": BATCH,
            "steps": steps,
            "checkpoint_every": max(steps // MEASURED, 10),
            "keep_last": 1,
            "eval_images": 500,
        }
    )


def arms(name: str, steps: int = STEPS) -> dict[str, TrainConfig]:
    """The arms of a set by their names, such as ``stylegan2-ada``."""
    return {f"{model}-{kind}": configuration(name, model, kind, steps) for model in MODELS for kind in KINDS}


def train(folder: Path, names: list[str], steps: int, seeds: int, workers: int | None) -> None:
    """Make the comparisons that are asked for, or go on with them; tables, figures and pictures lie in each."""
    screen = Console(stderr=True)
    with sentences_on(screen), progress_on(screen) as callback:
        for name in names:
            on_losses = name == "losses"
            config = configuration(LOSSES_ON, "stylegan2", "ada", steps) if on_losses else arms(name, steps)
            losses = list(LOSSES) if on_losses else [LOSS]
            runtime, directory = Runtime(workers), folder / name
            found = compare(losses, config=config, seeds=seeds, directory=directory, runtime=runtime, callback=callback)
            write_tables(found)
            write_figures(found)
            write_samples(found)


def comparisons(folder: Path) -> Iterator[tuple[str, Comparison]]:
    """The comparisons that were begun, by name."""
    for name in (*SETS, "losses"):
        if (folder / name / JOURNAL).is_file():
            yield name, open_comparison(folder / name)


def planned(folder: Path, in_equal_seconds: bool) -> list[Table]:
    """The comparisons of the plan, all sets in one family; none where no set was begun."""
    fds, failed = dict[str, pd.DataFrame](), dict[str, pd.DataFrame]()
    for name, comparison in comparisons(folder):
        equal = equal_seconds(comparison) if comparison.settings.has_arms else None
        if equal is None:
            continue
        runs = comparison.runs(equal.steps if in_equal_seconds else None)
        runs["failed"] = runs["state"] != TrialState.COMPLETED
        fds[name] = runs.pivot(index="seed", columns="proxy", values="counted_fd")
        failed[name] = runs.pivot(index="seed", columns="proxy", values="failed")
    return _tables(ratios(fds, PAIRS, failed), f"at equal {'seconds' if in_equal_seconds else 'images'}")


def in_other_features(folder: Path) -> list[Table]:
    """The same comparisons by fd in the features of EfficientNet-Lite0; pairs with a failed training are left out."""
    fds = dict[str, pd.DataFrame]()
    for name, comparison in comparisons(folder):
        found = comparison.measures()
        found = found[found["name"] == OTHER_FD]
        if len(found):
            fds[name] = found.pivot(index="seed", columns="proxy", values="value")
    return _tables(ratios(fds, PAIRS), "at equal images, in EfficientNet-Lite0's features")


def _tables(said: Sequence[Ratio], how: str) -> list[Table]:
    """A table for each set and each arm that others are compared with."""
    groups: dict[tuple[str, str], list[Ratio]] = {}
    for ratio in said:
        groups.setdefault((ratio.proxy, ratio.second), []).append(ratio)
    return [ratio_table(own, f" on {name} {how}", ARM) for (name, _), own in groups.items()]


def main() -> None:
    """Train what is missing, or print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("train", "tables"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="+", choices=(*SETS, "losses"), default=[*SETS, "losses"])
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    if options.what == "train":
        train(options.folder, options.only, options.steps, options.seeds, options.workers)
    console = Console()
    for name, comparison in comparisons(options.folder):
        console.rule(name)
        print_page(console, comparison_page(comparison))
    for in_equal_seconds in (False, True):
        print_page(console, Page(tuple(planned(options.folder, in_equal_seconds))))
    print_page(console, Page(tuple(in_other_features(options.folder))))


if __name__ == "__main__":
    run_script(main)
