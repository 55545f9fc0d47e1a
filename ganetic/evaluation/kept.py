"""An evaluation as a directory: what was evaluated, the verdict, and the pictures of likely copies."""

import json
from pathlib import Path

from ganetic.config import Config, load_json
from ganetic.errors import UserError
from ganetic.evaluation.evaluate_path import evaluate_path
from ganetic.evaluation.results import Copy, Evaluation
from ganetic.files import make_directory, refuse_impossible_directory, whole, write_whole
from ganetic.formats import Format
from ganetic.reproducible import versions
from ganetic.training.checkpoint import CHECKPOINTS
from ganetic.training.generate import find_checkpoint
from ganetic.training.metadata import is_training

KEPT = "evaluation.json"
"""What the directory of an evaluation holds."""

EVALUATION = Format("evaluation")
"""How it is stored."""


class KeptEvaluation(Config):
    """An evaluation, and what it is of."""

    generated: str
    """What was evaluated, as it was named: a training, a checkpoint, or a folder of images."""
    loss: str = ""
    """The name of the loss that the generator was trained with; empty for a folder."""
    step: int | None = None
    """The step of the checkpoint; None for a folder."""
    data: str | None = None
    """The real images, where others than a training's own were named."""
    count: int | None = None
    """Images that were asked for; None where no number was given."""
    seed: int = 0
    """Of the images drawn."""
    inception_weights: str | None = None
    """The file of InceptionV3 weights, where there was one."""
    made_with: dict[str, str]
    """Versions and hardware."""
    evaluation: Evaluation
    """The verdict."""


def evaluate_and_keep(
    directory: Path,
    generated: Path,
    data: str | None = None,
    count: int | None = None,
    seed: int = 0,
    inception_weights: Path | None = None,
    download: bool = False,
) -> Evaluation:
    """Evaluate what a path holds, see `evaluate_path`, and write down what came of it.

    Args:
        directory: a new or empty one, such as ``evaluation`` in the directory of the training, where reports find it.
        generated: a training, for its best checkpoint; a checkpoint; or a folder of images.
        data: real images.
        count: images to draw.
        seed: of the images drawn.
        inception_weights: InceptionV3 weights, to measure FID and KID as well.
        download: allow a download of the data set.

    Raises:
        UserError: there is nothing to evaluate, or the directory holds something or cannot be written.
    """
    refuse_used(directory)
    loss, step, path = "", None, generated
    if is_training(generated) or generated.resolve().parent.name == CHECKPOINTS:
        checkpoint = find_checkpoint(generated)  # once: a training that goes on may have another best one soon
        loss, step, path = checkpoint.metadata.name, checkpoint.step, checkpoint.directory
    found = evaluate_path(path, data, count, seed, inception_weights, download)
    kept = KeptEvaluation(
        generated=str(generated),
        loss=loss,
        step=step,
        data=data,
        count=count,
        seed=seed,
        inception_weights=None if inception_weights is None else str(inception_weights),
        made_with=versions(),
        evaluation=found,
    )
    write_evaluation(directory, kept)
    return found


def refuse_used(directory: Path) -> None:
    """Refuse a place for an evaluation before the work is done.

    Raises:
        UserError: it is a file, holds files already, or cannot be made.
    """
    if directory.exists() and not directory.is_dir():
        raise UserError(f"{directory}: is a file; name a new directory")
    if directory.is_dir() and any(directory.iterdir()):
        raise UserError(f"{directory}: holds files already; name a new directory")
    refuse_impossible_directory(directory)


def write_evaluation(directory: Path, kept: KeptEvaluation) -> None:
    """Write an evaluation; its verdict last, so that a directory with one is whole.

    Raises:
        UserError: the place cannot be written.
    """
    make_directory(directory)
    for place, copy in enumerate(kept.evaluation.closest, start=1):
        with whole(_picture(directory, place)) as aside:
            aside.write_bytes(copy.picture)
    stored = EVALUATION.stamped(kept.model_dump(mode="json"))
    write_whole(directory / KEPT, json.dumps(stored, indent=1, ensure_ascii=False) + "\n")


def is_evaluation(directory: Path) -> bool:
    """Return whether a directory holds an evaluation."""
    return (directory / KEPT).is_file()


def read_evaluation(directory: Path) -> KeptEvaluation:
    """Read what `write_evaluation` wrote; a picture that is gone is left out.

    Raises:
        UserError: there is none, or it is damaged.
    """
    path = directory / KEPT
    data = load_json(path, "evaluate again")
    kept = EVALUATION.read(data, KeptEvaluation, where=str(path))
    closest = tuple(
        _with_picture(copy, _picture(directory, place)) for place, copy in enumerate(kept.evaluation.closest, start=1)
    )
    return kept.model_copy(update={"evaluation": kept.evaluation.model_copy(update={"closest": closest})})


def _with_picture(copy: Copy, path: Path) -> Copy:
    try:
        return copy.model_copy(update={"picture": path.read_bytes()})
    except OSError:
        return copy


def _picture(directory: Path, place: int) -> Path:
    return directory / f"closest-{place}.png"
