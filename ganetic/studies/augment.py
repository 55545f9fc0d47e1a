"""Does it help a classifier to add generated images: against none, against classical augmentation, and with it."""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from ganetic.augmenting.classifiers import Lessons, train_classifiers
from ganetic.augmenting.classroom import needed
from ganetic.augmenting.config import ENOUGH_DRAWS, AugmentConfig
from ganetic.augmenting.division import Division, divide
from ganetic.augmenting.gan import MakeImages, train_and_draw
from ganetic.augmenting.images import classifier_images, drawn_in, source_of
from ganetic.augmenting.job import AugmentContext, augment_job
from ganetic.augmenting.scores import PRIMARY, SCORES
from ganetic.callbacks import NullProgressCallback, Progress, ProgressCallback, progress_of
from ganetic.data import ImageSet, load_images, load_judged
from ganetic.errors import UserError
from ganetic.evolution.resources import Context, Runtime
from ganetic.files import make_directory, refuse_impossible_directory
from ganetic.gan.regulariser import RegulariserSpec
from ganetic.jobs.executor import Executor
from ganetic.jobs.grid import Cell, read_grid, run_grid
from ganetic.jobs.lock import run_lock
from ganetic.jobs.ray_executor import RayExecutor
from ganetic.loss.card import resolve_loss
from ganetic.loss.formula import Formula
from ganetic.loss.screen import gradient_scale
from ganetic.reproducible import reproducible, versions
from ganetic.studies.augmentation import AUGMENTATION, JOURNAL, NAME, Augmentation, open_augmentation
from ganetic.studies.augmentation_words import head_lines, primary_lines, reading_notes
from ganetic.studies.config import MADE_WITH
from ganetic.studies.study import STUDIES, Study, StudyPage, Surroundings
from ganetic.training.config import TrainConfig, scales_of
from ganetic.training.labels import RealLabels
from ganetic.training.setup import full_trainer

FEATURES = "features.safetensors"
"""Features of the real images, in the directory of the study."""
WALL_SECONDS_A_STEP = 60.0
"""A net under the trainings of a job, not a budget."""
MEASURING_SECONDS = 5.0
"""Of one core, for a training besides its steps: the net that counts modes, distances, checkpoints and drawn images."""
CLASSIFYING_SECONDS = 2.0
"""Of one core, for 500 steps of all linear classifiers of a job, three seeds each."""
_TIMED_STEPS = 10
_TIMED_IMAGES = 8

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Grounds:
    """What a study trains on, with everything checked and nothing trained.

    Attributes:
        config: of the study; its data is named as it is loaded from anywhere.
        gan: of the GANs.
        loss: its name.
        formula: the loss.
        images: the set, at the size of the study.
        division: its parts.
    """

    config: AugmentConfig
    gan: TrainConfig
    loss: str
    formula: Formula
    images: ImageSet
    division: Division

    def meta(self) -> dict[str, Any]:
        """What decides the study, as plain data for a journal."""
        labels = self.images.labels
        assert labels is not None
        named = {
            "training side": self.division.pool,
            "validation": self.division.validation,
            "test": self.division.test,
        }
        counts = {
            name: dict(zip(self.images.class_names, np.bincount(labels[part]).tolist(), strict=True))
            for name, part in named.items()
        }
        return {
            "study": NAME,
            "config": self.config.model_dump(mode="json"),
            "gan": self.gan.model_dump(mode="json"),
            "loss": self.loss,
            "formula": self.formula.text,
            "images": f"{self.images.name}:{self.images.fingerprint}",
            "split": self.division.sha256,
            "are_patients_known": self.division.are_patients_known,
            "said_of_split": list(self.division.sentences),
            "parts": counts,
            "side": int(self.images.images.shape[1]),
        }

    def cells(self) -> list[Cell]:
        """The jobs: all sizes of one draw before the next draw, so that a part of them is a study, too."""
        plain = self.gan.model_dump(mode="json")
        return [
            Cell(
                draw,
                self.formula.text,
                {"draw": draw, "size": size, "gan": plain, "loss": self.loss, "formula": self.formula.text},
            )
            for draw in range(self.config.draws)
            for size in self.config.sizes
        ]


@dataclass(frozen=True)
class Estimate:
    """What a study takes.

    Attributes:
        jobs: draws times sizes.
        trainings: of GANs.
        step_seconds: measured, an update of both players.
        image_seconds: measured, to take the features of an image.
        workers: at once.
        hours: of the whole study.
        sentences: what is known before it begins.
    """

    jobs: int
    trainings: int
    step_seconds: float
    image_seconds: float
    workers: int
    hours: float
    sentences: tuple[str, ...]


def augment(
    config: AugmentConfig,
    directory: Path | str | None = None,
    runtime: Runtime | None = None,
    callback: ProgressCallback[Progress] | None = None,
    make: MakeImages = train_and_draw,
) -> Augmentation:
    """Measure whether generated images help a classifier, by the size of its training set.

    Killed at any moment, a study goes on where it was when it is called with the same configuration and its directory.

    Args:
        config: what it is a function of.
        directory: a new one, or that of a study to go on with; None makes one under ``runs/``.
        runtime: where.
        callback: its ``update`` is told where the draws stand; sentences go to `logging`, see `ganetic.callbacks`.
        make: what makes generated images of a training subset.

    Raises:
        UserError: something given is wrong, and no directory was made then.
    """
    callback, runtime = callback or NullProgressCallback(), runtime or Runtime()
    grounds = prepare(config, runtime.download)
    folder = Path(directory) if directory is not None else _new_directory(grounds)
    refuse_impossible_directory(folder)
    _refuse_other_content(folder)
    for sentence in sentences_of(grounds):
        _logger.info(sentence)
    make_directory(folder)
    with run_lock(folder):
        _logger.info(f"study directory {folder}")
        seen = classifier_images(grounds.images, grounds.division, grounds.config, folder / FEATURES)
        context = AugmentContext(str(folder.resolve()), grounds.config, grounds.images, grounds.division, seen, make)
        with _executor(context, grounds, runtime) as executor:
            run_grid(
                folder / JOURNAL,
                _meta(folder / JOURNAL, grounds),
                grounds.cells(),
                executor,
                lambda grid: callback.update(progress_of("training", grid)),
            )
    return open_augmentation(folder)


def prepare(config: AugmentConfig, download: bool = False) -> Grounds:
    """Load the images, split them, and check all that can be wrong.

    Raises:
        UserError: something given is wrong.
    """
    gan = config.gan()
    name, formula = resolve_loss(config.loss)
    images = load_images(config.data, download, classes=config.classes, size=gan.data.size)
    scales_of(gan, images.images.shape[1])
    if gan.regulariser != RegulariserSpec():
        gradient_scale(formula)
    division = divide(images, config)
    images = load_judged(images, config.data, division.pool, download, config.classes, gan.data.size)
    source_of(config.classifier)
    config = config.model_copy(update={"data": images.source})
    return Grounds(config, config.gan(), name, formula, images, division)


def sentences_of(grounds: Grounds) -> tuple[str, ...]:
    """What is known of a study before it begins."""
    images, division, config = grounds.images, grounds.division, grounds.config
    meta = grounds.meta()
    counted = "; ".join(
        f"{name} {', '.join(f'{count} {label}' for label, count in counts.items())}"
        for name, counts in meta["parts"].items()
    )
    few = (f"{config.draws} draws describe, and decide nothing; at least {ENOUGH_DRAWS} do",)
    return (
        f"{images.name} at {meta['side']} pixels: {counted}",
        f"split {division.sha256[:16]}",
        *division.sentences,
        *(few if config.draws < ENOUGH_DRAWS else ()),
    )


@reproducible()
def estimate(config: AugmentConfig, runtime: Runtime) -> Estimate:
    """Say how long a study takes on idle cores of this machine, from steps of its GAN and features of some images.

    Raises:
        UserError: something given is wrong.
    """
    grounds = prepare(config, runtime.download)
    step_seconds, image_seconds = _step_seconds(grounds), _image_seconds(grounds)
    classes, config = len(grounds.images.class_names), grounds.config
    workers = runtime.workers or len(os.sched_getaffinity(0))
    jobs = config.draws * len(config.sizes)
    generated = config.draws * sum(needed(config, size) for size in config.sizes) * classes
    drawn = len(drawn_in(grounds.images, grounds.division, config))
    real = (1 + config.copies) * drawn + len(grounds.division.judging)
    trainings = jobs * (1 if grounds.gan.data.conditional else classes)
    of_jobs = (
        trainings * (grounds.gan.steps * step_seconds + MEASURING_SECONDS)
        + generated * image_seconds
        + jobs * _classifying_seconds(grounds)
    )
    return Estimate(
        jobs=jobs,
        trainings=trainings,
        step_seconds=step_seconds,
        image_seconds=image_seconds,
        workers=workers,
        hours=(of_jobs / min(workers, jobs) + real * image_seconds) / 3600,
        sentences=sentences_of(grounds),
    )


def _step_seconds(grounds: Grounds) -> float:
    pixels = grounds.images.images[grounds.division.pool[: max(64, grounds.gan.batch)]]
    told = None
    if grounds.gan.data.conditional:
        numbers = np.arange(len(pixels)) % len(grounds.images.class_names)
        told = RealLabels(numbers, numbers)
    trainer = full_trainer(grounds.gan, grounds.formula, pixels, "cpu", held_out=pixels, labels=told)
    trainer.advance()
    return _timed(trainer.advance, _TIMED_STEPS)


def _image_seconds(grounds: Grounds) -> float:
    source = source_of(grounds.config.classifier)
    if source is None:
        return 0.0
    extractor, pixels = source.build("cpu"), torch.tensor(grounds.images.images[:_TIMED_IMAGES])
    extractor(pixels)
    return _timed(lambda: extractor(pixels), 1) / _TIMED_IMAGES


def _classifying_seconds(grounds: Grounds) -> float:
    """Seconds of the classifiers of a job: small nets are timed, as they are what takes long then."""
    config, spec = grounds.config, grounds.config.classifier
    if spec.kind == "features":
        return CLASSIFYING_SECONDS * spec.steps / 500 * spec.seeds / 3
    pixels = torch.tensor(grounds.images.images[: spec.batch])
    rows = np.arange(2 * len(pixels)).reshape(2, -1) % len(pixels)
    lessons = Lessons(pixels, [rows], np.zeros_like(rows), pixels, len(grounds.images.class_names))
    nets = spec.seeds * (2 + 2 * len(config.shares))
    return _timed(lambda: train_classifiers(spec, lessons, 0), 1) / len(rows) * spec.steps * nets


def _timed(call: Callable[[], object], times: int) -> float:
    """Seconds of one idle core: what other programs take of it meanwhile does not count."""
    began = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - began) / times


def _executor(context: AugmentContext, grounds: Grounds, runtime: Runtime) -> Executor:
    if runtime.make_executor is not None:
        return runtime.make_executor(cast("Context", context))
    return RayExecutor(
        augment_job,
        context,
        workers=runtime.workers,
        address=runtime.address,
        gpus_per_job=runtime.gpus_per_trial,
        wall_seconds=3600 + WALL_SECONDS_A_STEP * grounds.gan.steps * len(grounds.images.class_names),
    )


def _meta(path: Path, grounds: Grounds) -> dict[str, Any]:
    """What the journal says of the study; one that was begun keeps the versions that it was begun with."""
    meta = AUGMENTATION.stamped({**grounds.meta(), MADE_WITH: versions()})
    if not path.exists():
        return meta
    begun = read_grid(path)[0]
    if begun.get(MADE_WITH) != meta[MADE_WITH]:
        _logger.warning("begun with other versions or on other hardware: results may differ")
    return {**meta, MADE_WITH: begun.get(MADE_WITH)}


def _refuse_other_content(folder: Path) -> None:
    """Refuse a directory that holds anything but a study that was begun, or what a kill left of one."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is a file; name a new directory, or that of a study to go on with")
    if not folder.is_dir() or (folder / JOURNAL).is_file():
        return
    own = ("lock", FEATURES, f".{FEATURES}", f".{JOURNAL}")
    if not all(path.name.startswith(own) for path in folder.iterdir()):
        raise UserError(f"{folder}: holds something else; name a new directory, or that of a study to go on with")


def _new_directory(grounds: Grounds) -> Path:
    return Path("runs") / f"{time.strftime('%Y%m%d-%H%M%S')}-augment-{grounds.images.name}"


@STUDIES.register("augment")
class AugmentStudy(Study[AugmentConfig, Augmentation]):
    """None, classical, generated images and both, by the size of the training set."""

    config = AugmentConfig

    def run(self, config: AugmentConfig, folder: Path, surroundings: Surroundings) -> Augmentation:
        """Run all draws of all sizes."""
        return augment(config, folder, surroundings.runtime, surroundings.callback)

    def read(self, folder: Path) -> Augmentation:
        """Open it."""
        return open_augmentation(folder)

    def page(self, results: Augmentation) -> StudyPage:
        """Say what each arm scored, and how arms differ."""
        primary = SCORES[PRIMARY]
        curves = results.curves()
        means = curves[curves["score"] == PRIMARY][["size", "arm", "draws", "mean", "low", "high"]]
        found = results.differences()
        columns = ["size", "first", "second", "mean", "low", "high", "holm_p", "verdict"]
        return (
            *head_lines(results),
            *primary_lines(results),
            f"{primary} of each arm:",
            means,
            f"{primary}, first less second:",
            found.loc[found["score"] == PRIMARY, columns],
            *reading_notes(results),
        )
