"""Train what a study trains, and go on with one that was stopped or killed."""

import logging
from pathlib import Path

from ganetic.callbacks import Phase, Progress, ProgressCallback, progress_of
from ganetic.errors import UserError
from ganetic.evolution.config import differences
from ganetic.jobs.executor import Executor
from ganetic.jobs.grid import read_grid, run_grid
from ganetic.reproducible import versions
from ganetic.studies.config import MADE_WITH, STUDY, Kind, StudyConfig, settings_in

_logger = logging.getLogger(__name__)


def is_complete(path: Path, settings: StudyConfig) -> bool:
    """Return whether all trainings of a study have ended already.

    Raises:
        UserError: the journal there is of another study, or cannot be used.
    """
    if not path.exists():
        return False
    meta, submissions, records = read_grid(path)
    _refuse_another(path, settings_in(meta, settings.kind, path), settings)
    return bool(submissions) and len(records) == len(submissions)


def begun_settings(path: Path, kind: Kind) -> StudyConfig | None:
    """The settings of a study that was begun; None where there is none.

    Raises:
        UserError: the journal there is of something else, or cannot be used.
    """
    return settings_in(read_grid(path)[0], kind, path) if path.exists() else None


def train(
    path: Path,
    settings: StudyConfig,
    executor: Executor,
    callback: ProgressCallback[Progress],
    phase: Phase = "training",
) -> None:
    """Run the trainings of a study that have not ended yet; each is in the journal once it has.

    Hold `ganetic.jobs.lock.run_lock`.

    Args:
        path: the journal, begun by a study with the same settings, or new.
        settings: of the study.
        executor: for trials on the proxies of the study.
        callback: is told where the trainings stand.
        phase: what is shown to be done.

    Raises:
        UserError: the journal there is of another study, or cannot be used.
    """
    meta = STUDY.stamped({**settings.meta(), MADE_WITH: versions()})
    if path.exists():
        begun, _, records = read_grid(path)
        _refuse_another(path, settings_in(begun, settings.kind, path), settings)
        _tell_of_versions(begun.get(MADE_WITH, {}), meta[MADE_WITH])
        _logger.info(f"{path.parent}: {len(records)} trainings are there already")
        meta = begun  # the same study, in the format and with the versions that it was begun with
    run_grid(
        path,
        meta,
        settings.cells(),
        executor,
        lambda grid: callback.update(progress_of(phase, grid)),
    )


def _refuse_another(path: Path, begun: StudyConfig, asked: StudyConfig) -> None:
    if changes := differences(begun, asked):
        more = f" and {len(changes) - 3} more" if len(changes) > 3 else ""
        raise UserError(
            f"{path}: this is not the {begun.kind} that was begun: {'; '.join(changes[:3])}{more}; "
            "undo the change, or name a new directory"
        )


def _tell_of_versions(then: dict[str, str], now: dict[str, str]) -> None:
    for key, value in now.items():
        if then.get(key) != value:
            _logger.warning(f"begun with {key} {then.get(key)}, goes on with {value}: results may differ")
