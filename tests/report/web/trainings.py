"""Trainings and evaluations to make pages of: a golden run, with samples and an evaluation that are made up."""

import json
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import torch

from ganetic.evaluation.kept import KeptEvaluation, write_evaluation
from ganetic.evaluation.pairs import with_pictures
from ganetic.evaluation.results import Copy
from ganetic.training.samples import beside, write_png
from tests.old_runs import RUNS
from tests.report.test_evaluation import WORST

SIZE = 8
STEPS = (0, 10, 20, 30)


def training_of(folder: Path, state: str = "finished", samples: bool = True) -> Path:
    """A copy of a golden training, whose samples were not kept."""
    run = copytree(RUNS / "training-2" / state, folder / "training")
    for step in STEPS if samples else ():
        add_samples(run, step)
    return run


def add_samples(run: Path, step: int, size: int = SIZE) -> None:
    """Draw a grid of samples: the generated images are as grey as the step is late, the real ones white."""
    generated = torch.full((64, size, size, 1), step % 256, dtype=torch.uint8)
    write_png(run / "samples" / f"step-{step:08d}.png", beside(generated, torch.full_like(generated, 255)))


def add_lines(run: Path, *lines: dict[str, Any]) -> None:
    """Go on with the numbers of a training."""
    with (run / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def replace_lines(run: Path, *lines: dict[str, Any]) -> None:
    """Give a training other numbers."""
    (run / "metrics.jsonl").write_text("")
    add_lines(run, *lines)


def kept_evaluation(**changes: Any) -> KeptEvaluation:
    """An evaluation that found every fault, with two pairs of which one is a copy."""
    images = np.arange(200 * SIZE * SIZE, dtype=np.uint8).reshape(200, SIZE, SIZE, 1)
    closest = with_pictures(
        (Copy(generated=3, training=103, ratio=0.21), Copy(generated=4, training=7, ratio=0.8)), images, images
    )
    evaluation = WORST.model_copy(update={"closest": closest})
    plain: dict[str, Any] = {"generated": "runs/one", "loss": "hinge", "step": 30, "made_with": {"torch": "2.14.1"}}
    return KeptEvaluation(**{**plain, "evaluation": evaluation, **changes})


def evaluation_in(directory: Path, **changes: Any) -> Path:
    """Keep the evaluation in a directory."""
    write_evaluation(directory, kept_evaluation(**changes))
    return directory
