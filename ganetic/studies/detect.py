"""Losses and baselines at finding anomalies: GANs of normal images, paired seeds, one split for all."""

import logging
import os
import time
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ganetic.callbacks import NullProgressCallback, Progress, ProgressCallback, progress_of
from ganetic.config import Config
from ganetic.data import ImageSet, load_images, load_judged
from ganetic.data.changes import resize
from ganetic.detection.baselines.scores import PATCH_MAP, baseline_scores
from ganetic.detection.encoder import EncoderConfig
from ganetic.detection.job import DetectionContext, detection_job
from ganetic.detection.masks import Masks, find_masks
from ganetic.detection.pace import seconds_a_step
from ganetic.detection.split import DetectionSplit, split_for_detection
from ganetic.errors import UserError, unknown
from ganetic.evolution.config import differences
from ganetic.evolution.resources import Runtime
from ganetic.evolution.seeds import SEEDS_A_ROLE, refuse_bad_seed, training_seed
from ganetic.files import make_directory, refuse_impossible_directory, whole
from ganetic.jobs.executor import Executor
from ganetic.jobs.grid import Cell, read_grid, run_grid
from ganetic.jobs.lock import run_lock
from ganetic.jobs.ray_executor import RayExecutor
from ganetic.loss.formula import Formula
from ganetic.reproducible import versions
from ganetic.studies.compare import entries_of
from ganetic.studies.config import MADE_WITH, Entry, FullSetup
from ganetic.studies.detection import (
    BASELINES,
    DETECTION,
    JOURNAL,
    STUDY_NAME,
    TEST,
    Detection,
    DetectionSettings,
    open_detection,
    settings_in,
)
from ganetic.studies.detection_page import detection_page
from ganetic.studies.grounds import WALL_SECONDS_A_FULL_STEP
from ganetic.studies.ratios import default_reference
from ganetic.studies.study import STUDIES, Study, StudyPage, Surroundings
from ganetic.training.config import TrainConfig, configured
from ganetic.training.job import Prepared, TrainingContext
from ganetic.training.setup import prepare

if TYPE_CHECKING:
    from ganetic.evolution.resources import Context

NORMAL = "normal.npz"
"""The normal images that train, as side 0 of a split, and those that validate, as side 1: all that a GAN may see."""

_logger = logging.getLogger(__name__)


class DetectConfig(Config):
    """What a study of detection is a function of."""

    losses: tuple[str, ...]
    """Two or more of: published losses or all, paths of cards, expressions."""
    data: str
    """A data set with classes."""
    normal: tuple[str, ...]
    """Classes that are normal; GANs see no others."""
    anomalous: tuple[str, ...] = ()
    """Classes that are not; none: all others."""
    config: str = "dcgan-32"
    """A preset, or a TOML file, of full training, in which the losses are trained."""
    model: str | None = None
    """Its model; None for its own."""
    size: Annotated[int, Field(ge=8, le=1024)] | None = None
    """Side in pixels of what GANs see; None for the configuration's. Baselines see images as they are."""
    steps: Annotated[int, Field(ge=1)] | None = None
    """Updates of each player in a training; None for the configuration's."""
    seeds: Annotated[int, Field(ge=1, le=SEEDS_A_ROLE)] = 5
    """Trainings of each loss, the same seeds for all."""
    reference: str | None = None
    """The loss that all others are compared with; None for bce, or the first."""
    encoder: EncoderConfig = EncoderConfig()
    """How the encoder is trained on each GAN."""
    seed: int = 0
    """All seeds and the split follow from it."""


@dataclass(frozen=True, eq=False)
class _Plan:
    """A study before anything is trained.

    Attributes:
        config: what was asked for.
        losses: what is trained.
        images: as baselines see them.
        split: of them.
        masks: where anomalies are, or None.
    """

    config: DetectConfig
    losses: tuple[Entry, ...]
    images: ImageSet
    split: DetectionSplit
    masks: Masks | None

    @property
    def reference(self) -> str:
        """The loss that others are compared with."""
        names = [loss.name for loss in self.losses]
        reference = self.config.reference or default_reference(names)
        if reference not in names:
            raise unknown("reference", reference, names)
        return reference

    @property
    def formula(self) -> Formula:
        """One of the losses."""
        return Formula.from_text(self.losses[0].text)

    def training_config(self, folder: Path) -> TrainConfig:
        """The configuration of the trainings, on the normal images in the directory of the study."""
        data = f"npz:{(folder / NORMAL).resolve()}"
        asked = self.config
        given = {"model": asked.model, "size": asked.size, "steps": asked.steps}
        found = configured(asked.config, data=data, classes=[], seed=0, stop_when_failed=False, **given)  # type: ignore[arg-type]
        return found if found.data.size is not None else configured(found, size=self.images.images.shape[1])

    def settings(self, folder: Path) -> DetectionSettings:
        """All that decides the study."""
        config = self.training_config(folder)
        setup = config.model_dump(mode="json")
        setup["data"]["name"] = f"npz:{NORMAL}"  # the directory may be moved
        assert self.images.labels is not None
        tested = np.unique(self.images.labels[self.split.test[self.split.anomalous]])
        masks = self.masks
        said = (
            ()
            if masks is None
            else (f"masks: {len(masks.known)} test images; {masks.missing} anomalous ones lack one",)
        )
        return DetectionSettings(
            losses=self.losses,
            reference=self.reference,
            data=self.images.source or self.images.name,
            fingerprint=self.images.fingerprint,
            normal=self.config.normal,
            anomalous=tuple(self.images.class_names[number] for number in tested),
            setup=FullSetup(name=config.model.name, config=setup),
            encoder=self.config.encoder.model_dump(mode="json"),
            seeds=tuple(training_seed(self.config.seed, "confirmation", n) for n in range(self.config.seeds)),
            split=self.split.sha256,
            sentences=(*self.split.sentences, *said),
        )


def detect(
    config: DetectConfig,
    directory: Path | None = None,
    runtime: Runtime | None = None,
    callback: ProgressCallback[Progress] | None = None,
) -> Detection:
    """Train GANs of normal images with several losses, and compare them and baselines at finding the other images.

    Killed at any moment, a study goes on where it was when it is called again with its directory.

    Args:
        config: what it is a function of.
        directory: a new one, or that of a study to go on with; None makes one under ``runs/``.
        runtime: where.
        callback: is told where the jobs stand; sentences go to `logging`.

    Raises:
        UserError: something given is wrong, and nothing was trained then.
    """
    callback, runtime = callback or NullProgressCallback(), runtime or Runtime()
    plan = plan_of(config, runtime.download)
    folder = directory or _new_directory(plan)
    _refuse_other_content(folder)
    settings = plan.settings(folder)
    make_directory(folder)
    with run_lock(folder):
        meta = _meta(folder, settings)
        _logger.info(f"study directory {folder}")
        _write_inputs(folder, plan)
        if not _is_complete(folder, settings):
            with _executor(folder, plan, runtime) as executor:
                cells = _cells(settings)
                run_grid(
                    folder / JOURNAL, meta, cells, executor, lambda grid: callback.update(progress_of("training", grid))
                )
    return open_detection(folder)


def estimate(config: DetectConfig, runtime: Runtime | None = None) -> dict[str, Any]:
    """Say what a study would be, and how long it would take, after a few steps of a GAN and of its encoder.

    Raises:
        UserError: something given is wrong.
    """
    runtime = runtime or Runtime()
    plan = plan_of(config, runtime.download)
    with TemporaryDirectory(prefix="ganetic-detect-") as place:
        folder = Path(place)
        settings = plan.settings(folder)
        _write_normal(folder, plan)
        context = _context(folder, plan, runtime.download)
        gan, encoder = seconds_a_step(context, plan.training_config(folder), plan.formula, config.encoder)
    steps = settings.setup.config["steps"]
    seconds = steps * gan + config.encoder.steps * encoder
    jobs = len(settings.losses) * len(settings.seeds)
    workers = min(runtime.workers or os.cpu_count() or 1, jobs)
    return {
        "settings": settings.model_dump(mode="json"),
        "jobs": jobs,
        "seconds_a_gan_step": round(gan, 4),
        "seconds_an_encoder_step": round(encoder, 4),
        "seconds_a_job": round(seconds, 1),
        "workers": workers,
        "hours": round(ceil(jobs / workers) * seconds / 3600, 3),
    }


def plan_of(config: DetectConfig, download: bool = False) -> _Plan:
    """Load the images, divide them, and find masks.

    Raises:
        UserError: something given is wrong.
    """
    refuse_bad_seed(config.seed)
    losses = entries_of(config.losses)
    classes = (*config.normal, *config.anomalous) if config.anomalous else ()
    if both := set(config.normal) & set(config.anomalous):
        raise UserError(f'class "{min(both)}" is called normal and anomalous; expected each class once')
    images = load_images(config.data, download, classes=classes)
    split = split_for_detection(images, config.normal, config.seed)
    images = load_judged(images, config.data, split.training, download, classes)
    for sentence in (*images.notes, *split.sentences):
        _logger.info(sentence)
    side = images.images.shape[1]
    masks = None if classes else find_masks(config.data, images.count, side, split.test, split.anomalous)
    plan = _Plan(config, losses, images, split, masks)
    plan.training_config(Path())
    _ = plan.reference
    return plan


def _write_inputs(folder: Path, plan: _Plan) -> None:
    """Write what GANs see, and score the test images by the baselines."""
    images, split = plan.images.images, plan.split
    if not (folder / NORMAL).is_file():
        _write_normal(folder, plan)
    _logger.info("baselines: the ImageNet net looks at all images, once")
    scores = baseline_scores(images[split.training], images[split.test], folder / BASELINES)
    found = np.nan if plan.masks is None else _patches_aupro(plan.masks, scores[PATCH_MAP])
    with whole(folder / TEST) as aside:
        np.savez(aside, index=split.test, anomalous=split.anomalous, groups=split.test_groups, aupro=found)


def _write_normal(folder: Path, plan: _Plan) -> None:
    split = plan.split
    seen = np.concatenate([split.training, split.validation])
    sides = np.repeat([0, 1], [len(split.training), len(split.validation)])
    with whole(folder / NORMAL) as aside:
        np.savez_compressed(aside, images=plan.images.images[seen], split=sides)


def _patches_aupro(masks: Masks, patches: NDArray[np.float64]) -> float:
    side = round(patches.shape[1] ** 0.5)
    return masks.aupro(patches[masks.known].reshape(-1, side, side))


def _meta(folder: Path, settings: DetectionSettings) -> dict[str, Any]:
    """What the journal says of the study: as it was begun, where it was.

    Raises:
        UserError: another study was begun there.
    """
    path = folder / JOURNAL
    if not path.exists():
        return DETECTION.stamped({"study": STUDY_NAME, **settings.model_dump(mode="json"), MADE_WITH: versions()})
    meta, _, records = read_grid(path)
    if changes := differences(settings_in(meta, path), settings):
        more = f" and {len(changes) - 3} more" if len(changes) > 3 else ""
        raise UserError(
            f"{path}: this is not the study that was begun: {'; '.join(changes[:3])}{more}; undo the change, or name a "
            "new directory"
        )
    _logger.info(f"{folder}: {len(records)} jobs have ended already")
    return meta


def _is_complete(folder: Path, settings: DetectionSettings) -> bool:
    path = folder / JOURNAL
    return path.exists() and len(read_grid(path)[2]) == len(settings.losses) * len(settings.seeds)


def _cells(settings: DetectionSettings) -> list[Cell]:
    """A job for each loss and seed: all losses on one seed before the next."""
    setup = settings.setup
    return [
        Cell(
            place,
            loss.text,
            {
                "name": f"{loss.name}-s{number}",
                "setup": setup.name,
                "loss": loss.name,
                "formula": loss.text,
                "config": {**setup.config, "seed": seed},
                "encoder": settings.encoder,
                "is_kept": True,
            },
        )
        for number, seed in enumerate(settings.seeds)
        for place, loss in enumerate(settings.losses)
    ]


def _executor(folder: Path, plan: _Plan, runtime: Runtime) -> Executor:
    context = _context(folder, plan, runtime.download)
    if runtime.make_executor is not None:
        return runtime.make_executor(cast("Context", context))
    steps = plan.training_config(folder).steps + plan.config.encoder.steps
    return RayExecutor(
        detection_job,
        context,
        workers=runtime.workers,
        address=runtime.address,
        gpus_per_job=runtime.gpus_per_trial,
        wall_seconds=3600 + WALL_SECONDS_A_FULL_STEP * steps,
    )


def _context(folder: Path, plan: _Plan, download: bool) -> DetectionContext:
    config = plan.training_config(folder)
    setup = prepare(config, plan.formula, download)
    data = setup.training_data
    # Losses are not compared by fd here: what it says of few validation images is no reason to refuse them.
    prepared = Prepared(data, setup.monitor.reference_statistics, float("nan"))
    split = data.images.split
    assert split is not None
    tested = replace(plan.images, images=plan.images.images[plan.split.test])
    return DetectionContext(
        training=TrainingContext(str(folder.resolve()), {config.model.name: prepared}),
        images=data.images.images,
        validates=split == 1,
        test=resize(tested, data.images.images.shape[1]).images,
        masks=plan.masks,
    )


def _refuse_other_content(folder: Path) -> None:
    refuse_impossible_directory(folder)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is a file; name a new directory, or that of a study to go on with")
    own = {JOURNAL, NORMAL, TEST, BASELINES, "lock"}
    if folder.is_dir() and not (folder / JOURNAL).is_file():
        others = [path.name for path in folder.iterdir() if path.name not in own and not path.name.startswith(".")]
        if others:
            raise UserError(f"{folder}: holds something else; name a new directory, or that of a study to go on with")


def _new_directory(plan: _Plan) -> Path:
    return Path("runs") / f"{time.strftime('%Y%m%d-%H%M%S')}-detect-{plan.images.name}"


@STUDIES.register("detect")
class DetectStudy(Study[DetectConfig, Detection]):
    """Losses and baselines at finding anomalies."""

    config = DetectConfig

    def run(self, config: DetectConfig, folder: Path, surroundings: Surroundings) -> Detection:
        """Train GANs of normal images, fit detectors, and score the test images."""
        return detect(config, folder, surroundings.runtime, surroundings.callback)

    def read(self, folder: Path) -> Detection:
        """Open a study, also while it runs."""
        return open_detection(folder)

    def page(self, results: Detection) -> StudyPage:
        """Say how well each method finds anomalies, and what may be claimed of losses."""
        return detection_page(results)
