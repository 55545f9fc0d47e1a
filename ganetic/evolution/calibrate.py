"""Calibrate a proxy on a data set: train the published losses there, and keep what a search wants to know.

A calibration is computed once for each data set and proxy: what comes with the package is used first, then what the
cache has, and only then is anything trained.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from ganetic.callbacks import NullProgressCallback, Progress, ProgressCallback, progress_of
from ganetic.errors import UserError
from ganetic.evolution.calibration import Calibration, Conditions, ReferenceTraining, rounded
from ganetic.evolution.calibration_store import FILE, Kept, calibration_directory, find, keep
from ganetic.evolution.chosen import as_known
from ganetic.evolution.records import JOURNAL
from ganetic.evolution.resources import Runtime
from ganetic.evolution.seeds import SEEDS_A_ROLE, training_seed
from ganetic.evolution.space import SearchSpace, load_space
from ganetic.evolution.trial_queue import trial_result
from ganetic.files import is_writable, make_directory
from ganetic.jobs.disk import refuse_network_disk
from ganetic.jobs.grid import Cell, run_grid
from ganetic.jobs.journal import Record
from ganetic.jobs.lock import run_lock
from ganetic.loss.library import LIBRARY
from ganetic.reproducible import versions
from ganetic.training.proxy_data import ProxyData
from ganetic.training.spec import ProxySpec, PruningRule, TrialSpec

_logger = logging.getLogger(__name__)

__all__ = ["Calibration", "Kept", "calibrate", "calibration_for", "checkpoints_of", "kill_rules", "train_references"]

SEEDS = 5
"""Of each loss in a calibration that is made, unless more or fewer are asked for …"""

SEEDS_OF_A_SEARCH = 3
"""… or a search makes it, which wants to begin."""


def calibrate(
    space: str | Path | SearchSpace = "quick",
    data: str | None = None,
    seeds: int | None = None,
    runtime: Runtime | None = None,
    callback: ProgressCallback[Progress] | None = None,
    steps: int | None = None,
    directory: Path | str | None = None,
) -> dict[str, Kept]:
    """Find or make the calibration of each proxy of a space, on seeds that no search uses.

    Killed at any moment, the same call goes on where it was.

    Args:
        space: a file, the name of a shipped space, or a space.
        data: a data set; None for the space's own.
        seeds: of each published loss, at most 100; a calibration with more serves as well. None: whatever a
            calibration has serves, and 5 where one must be made.
        runtime: where.
        callback: its ``update`` is told where the calibration stands; sentences go to `logging`, see
            `ganetic.callbacks`.
        steps: of a training; None for those of the space's last rung.
        directory: where calibrations are kept; None for the cache.

    Returns:
        By the proxies' names.

    Raises:
        UserError: something given is wrong.
    """
    callback, runtime = callback or NullProgressCallback(), runtime or Runtime()
    space = space if isinstance(space, SearchSpace) else load_space(space)
    if seeds is not None and not 1 <= seeds <= SEEDS_A_ROLE:
        raise UserError(f"seeds is {seeds}; expected 1 to {SEEDS_A_ROLE}")
    if steps is not None and steps < 1:
        raise UserError(f"steps is {steps}; expected at least 1")
    directory = None if directory is None else Path(directory)
    space, data = as_known(space, data or space.data, runtime)
    found = {}
    for proxy in space.proxies:
        proxy_data = runtime.proxy_data(proxy.data or data, proxy.spec)
        found[proxy.name] = calibration_for(
            proxy_data, proxy.spec, space, runtime, callback, seeds, steps, directory, made_with=SEEDS
        )
    return found


def kill_rules(
    proxy_data: ProxyData,
    data: str,
    proxy: ProxySpec,
    space: SearchSpace,
    runtime: Runtime,
    callback: ProgressCallback[Progress],
) -> tuple[PruningRule, ...]:
    """The kill rules of a proxy for a search whose space leaves them to calibration.

    Args:
        proxy_data: the images, prepared.
        data: its name, for what is logged.
        proxy: the proxy.
        space: whose first rung ranks.
        runtime: where to train the published losses if there is no calibration.
        callback: its ``update`` is told where the trainings stand.
    """
    calibration, first = calibration_for(proxy_data, proxy, space, runtime, callback).calibration, space.rungs[0].steps
    thresholds = calibration.kill_thresholds(space.checkpoints(first))
    said = ", ".join(f"above {one.rule.above:g} of the start at step {one.rule.step}" for one in thresholds)
    _logger.info(f"{data}: a trial is stopped {said}" if said else f"{data}: the references allow no kill rule")
    for warning in _warnings(calibration, first):
        _logger.warning(f"{data}: {warning}")
    return tuple(one.rule for one in thresholds)


def calibration_for(
    proxy_data: ProxyData,
    proxy: ProxySpec,
    space: SearchSpace,
    runtime: Runtime,
    callback: ProgressCallback[Progress],
    seeds: int | None = None,
    steps: int | None = None,
    directory: Path | None = None,
    made_with: int = SEEDS_OF_A_SEARCH,
) -> Kept:
    """Find the calibration of one proxy, or make it and keep it in the cache, if that can be written.

    Args:
        proxy_data: the images, prepared.
        proxy: the proxy.
        space: its rungs say how long to train, and where to measure.
        runtime: where.
        callback: its ``update`` is told where the trainings stand.
        seeds: of each loss; None: whatever a calibration has serves.
        steps: of a training; None for those of the space's last rung.
        directory: where calibrations are kept; None for the cache.
        made_with: seeds of each loss where `seeds` does not say and one must be made.

    Raises:
        UserError: a file of the cache cannot be used.
    """
    steps = steps or space.rungs[-1].steps
    losses = {name: loss.formula.text for name, loss in LIBRARY.items()}
    conditions = _conditions(proxy_data, proxy, checkpoints_of(space, steps), losses)
    if kept := find(conditions, seeds or 1, directory):
        _logger.info(f"calibration {kept.place}: {len(kept.calibration.seeds)} seeds")
        return kept
    numbers = [training_seed(0, "calibration", number) for number in range(seeds or made_with)]
    _logger.info(
        f"no calibration for {conditions.data} and this proxy yet: training {len(losses)} published losses on "
        f"{len(numbers)} seed{'s' * (len(numbers) > 1)} for {steps} steps"
    )
    place = Path(directory) if directory is not None else calibration_directory()
    if directory is None and not is_writable(place):
        _logger.warning(f"{place}: cannot be written: this calibration is not kept; GANETIC_CACHE names another place")
        with TemporaryDirectory(prefix="ganetic-") as vanishing:
            return Kept(train_references(conditions, numbers, proxy_data, runtime, callback, Path(vanishing)), None)
    folder = place / conditions.name
    calibration = train_references(conditions, numbers, proxy_data, runtime, callback, folder)
    kept = keep(calibration, folder / FILE)
    (folder / _journal(numbers)).unlink()
    return kept


def checkpoints_of(space: SearchSpace, steps: int) -> tuple[int, ...]:
    """Where the references are measured: as often as trials are, once earlier, and at every rung."""
    every = space.checkpoint_every
    marks = {every // 2, *range(every, steps, every), *(rung.steps for rung in space.rungs), steps}
    return tuple(sorted(mark for mark in marks if 1 <= mark <= steps))


def train_references(
    conditions: Conditions,
    seeds: Sequence[int],
    proxy_data: ProxyData,
    runtime: Runtime,
    callback: ProgressCallback[Progress],
    folder: Path,
) -> Calibration:
    """Train every loss on every seed, without kill rules.

    What has ended stands in a journal in the folder, so that the same call goes on where another one was killed.

    Args:
        conditions: losses, proxy and checkpoints.
        seeds: of the trainings.
        proxy_data: the images, prepared.
        runtime: where.
        callback: its ``update`` is told where the trainings stand.
        folder: of the journal; made where there is none.

    Raises:
        UserError: the folder cannot be used, or another process works there.
    """
    trials = _trials(conditions, seeds)
    names = list(conditions.losses)
    cells = [Cell(names.index(loss), loss, trial.model_dump(mode="json")) for loss, trial in trials]
    path = folder / _journal(seeds)
    refuse_network_disk(path)
    make_directory(folder)
    with run_lock(folder), runtime.executor(proxy_data, conditions.steps) as executor:
        records = run_grid(
            path,
            {"calibration": conditions.key},
            cells,
            executor,
            lambda grid: callback.update(progress_of("calibrating", grid)),
        )
    return Calibration(
        conditions=conditions,
        features=proxy_data.features_hash,
        start_fd=proxy_data.start_fd,
        floor_fd=proxy_data.floor_fd,
        made_with=versions(),
        trainings=tuple(
            _training(loss, trial.seed, record, path) for (loss, trial), record in zip(trials, records, strict=True)
        ),
    )


def _trials(conditions: Conditions, seeds: Sequence[int]) -> list[tuple[str, TrialSpec]]:
    """Every loss on every seed, seed by seed, so that what there is early on is of all losses."""
    return [
        (
            loss,
            TrialSpec(
                formula=text,
                seed=seed,
                steps=conditions.steps,
                checkpoints=conditions.checkpoints,
                proxy=conditions.proxy,
            ),
        )
        for seed in seeds
        for loss, text in conditions.losses.items()
    ]


def _warnings(calibration: Calibration, first_rung: int) -> list[str]:
    """What a search on this proxy should know before it spends its budget."""
    viable, losses, ranks = len(calibration.viable), len(calibration.conditions.losses), calibration.first_ranking_step
    if viable <= losses / 2:
        return [f"only {viable} of {losses} published losses train on this proxy: train longer, or choose another one"]
    if ranks is not None and ranks > first_rung:
        return [f"published losses rank as in the end from {ranks} steps on, but rungs[0] ranks at {first_rung}"]
    return []


def _conditions(
    proxy_data: ProxyData, proxy: ProxySpec, checkpoints: tuple[int, ...], losses: Mapping[str, str]
) -> Conditions:
    return Conditions(
        metric=proxy_data.protocol, data=proxy_data.data, proxy=proxy, checkpoints=checkpoints, losses=dict(losses)
    )


def _journal(seeds: Sequence[int]) -> str:
    """The journal's name: one with more seeds is another grid."""
    return f"{len(seeds)}-seeds-{JOURNAL}"


def _training(loss: str, seed: int, record: Record, path: Path) -> ReferenceTraining:
    if record.status == "raised":
        raise RuntimeError(f"a training of {loss} on seed {seed} raised; remove {path} to try again:\n{record.error}")
    result = trial_result(record.state, record.record, record.seconds)
    return ReferenceTraining(
        loss=loss,
        seed=seed,
        state=result.state,
        reason=result.reason,
        fd=rounded(fd for _, fd in result.trace),
        seconds=round(result.seconds, 2),
    )
