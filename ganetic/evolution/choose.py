"""Choose the proxy of a data set: train a shortlist of settings with published losses, and sift it.

A choice is made once for each data set, first proxy and shortlist, and kept in the cache; see
`ganetic.evolution.shortlist` for what is tried, and `ganetic.evolution.halving` for how it is sifted.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from ganetic.callbacks import Progress, ProgressCallback, progress_of
from ganetic.data import resolved, with_size
from ganetic.errors import UserError
from ganetic.evolution.choice_record import Choice, ChoiceConditions, Sifting
from ganetic.evolution.choice_store import FILE, KeptChoice, folder_for, folder_of, read_choice
from ganetic.evolution.cost import cost_sentence
from ganetic.evolution.halving import SettingTraining
from ganetic.evolution.look import look_at
from ganetic.evolution.records import JOURNAL
from ganetic.evolution.resources import Runtime
from ganetic.evolution.seeds import training_seed
from ganetic.evolution.shortlist import VERSION, Schedule, Setting, shortlist
from ganetic.evolution.space import SearchSpace
from ganetic.evolution.trial_queue import trial_result
from ganetic.files import make_directory, write_whole
from ganetic.gan.profiles import ProfileName
from ganetic.jobs.disk import refuse_network_disk
from ganetic.jobs.executor import Executor
from ganetic.jobs.grid import Cell, run_grid
from ganetic.jobs.journal import Record
from ganetic.jobs.lock import run_lock
from ganetic.loss.library import LIBRARY
from ganetic.metrics.feature_names import file_of
from ganetic.reproducible import versions
from ganetic.training.proxy_data import ProxyData
from ganetic.training.result import TrialState
from ganetic.training.spec import ProxySpec, TrialSpec

_logger = logging.getLogger(__name__)


def choose(
    space: SearchSpace,
    data: str | None,
    runtime: Runtime,
    callback: ProgressCallback[Progress],
    profile: ProfileName | None = None,
    schedule: Schedule | None = None,
    advice: str = "",
) -> KeptChoice:
    """Find the choice of a proxy for a data set, or make it and keep it in the cache, if that can be written.

    Killed at any moment, the same call goes on where it was.

    Args:
        space: whose first proxy without data of its own is the base of the shortlist.
        data: a data set; None for the space's own.
        runtime: where.
        callback: is told where the choice stands.
        profile: of the augmentation that is tried; None: by number and channels of the images.
        schedule: what is trained; None for that of `ganetic.evolution.shortlist`.
        advice: is added to what the choice will cost: how to leave it out.

    Raises:
        UserError: the data cannot be loaded, all settings fail too often, or a file of the cache cannot be used.
    """
    data = resolved(data or space.data)
    conditions = conditions_of(space, data, runtime, profile, schedule)
    if kept := find_choice(conditions, data):
        _logger.info(f"proxy for {conditions.data}: {kept.choice.chosen.name}, chosen before: {kept.place}")
        return kept
    with folder_for(conditions) as folder:
        choice = _made(conditions, data, runtime, callback, folder, advice)
        return _kept(choice, data, folder / FILE if folder == folder_of(conditions) else None)


def conditions_of(
    space: SearchSpace,
    data: str,
    runtime: Runtime,
    profile: ProfileName | None = None,
    schedule: Schedule | None = None,
) -> ChoiceConditions:
    """Say what a choice would try, without training anything; see `choose` for the arguments.

    Raises:
        UserError: the data cannot be loaded.
    """
    first = first_of(space)
    look = look_at(data, first, runtime.download)
    return ChoiceConditions(
        version=VERSION,
        data=look.data,
        side=look.side,
        inception=runtime.inception_weights is not None,
        weights=_digest(runtime.inception_weights or file_of(first.features)),
        schedule=schedule or Schedule(),
        settings=shortlist(first, look.count, look.channels, look.size, look.other_size, profile),
    )


def _digest(path: Path | str | None) -> str:
    """The beginning of a file's digest; empty where there is no file, which whoever reads it will say."""
    try:
        return "" if path is None else hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]
    except OSError:
        return ""


def first_of(space: SearchSpace) -> ProxySpec:
    """The proxy that a choice starts from: the first that names no data of its own."""
    return next((proxy for proxy in space.proxies if proxy.data is None), space.proxies[0]).spec


def find_choice(conditions: ChoiceConditions, data: str) -> KeptChoice | None:
    """Look for a choice in the cache.

    Args:
        conditions: what it must have been made under.
        data: name of the data set.

    Raises:
        UserError: the file there is not a choice.
    """
    path = folder_of(conditions) / FILE
    return _kept(read_choice(path), data, path) if path.is_file() else None


def _kept(choice: Choice, data: str, place: Path | None) -> KeptChoice:
    return KeptChoice(choice, with_size(data, choice.chosen.size), place)


def _made(
    conditions: ChoiceConditions,
    data: str,
    runtime: Runtime,
    callback: ProgressCallback[Progress],
    folder: Path,
    advice: str,
) -> Choice:
    """The choice, which stands in the folder then, in the place of the journals."""
    refuse_network_disk(folder)
    proxy_data = _proxy_data(conditions, data, runtime)
    make_directory(folder)
    journals = [folder / _journal(number) for number in range(len(conditions.schedule.seeds))]
    with run_lock(folder):
        if (folder / FILE).is_file():  # another process has made it while this one prepared
            return read_choice(folder / FILE)
        with runtime.executor(proxy_data, conditions.schedule.steps) as executor:
            payload = _payload(conditions, 0, conditions.schedule.gap_loss, 0)
            _logger.info(cost_sentence(conditions, payload, executor, journals, advice))
            sifting = _sifted(conditions, executor, callback, folder)
        if refusal := sifting.refusal():
            raise UserError(refusal)
        choice = Choice(
            conditions=conditions,
            metrics=tuple(dict.fromkeys(one.protocol for one in proxy_data.values())),
            made_with=versions(),
            trainings=sifting.trainings,
        )
        write_whole(folder / FILE, choice.text())
        for journal in journals:
            journal.unlink(missing_ok=True)
    return choice


def _proxy_data(conditions: ChoiceConditions, data: str, runtime: Runtime) -> Mapping[str, ProxyData]:
    """By the name under which trials ask for them: all settings of one size share one."""
    found: dict[str, ProxyData] = {}
    for setting in conditions.settings:
        if _name(setting) not in found:
            found[_name(setting)] = runtime.proxy_data(with_size(data, setting.size), setting.proxy)
    return found


def _sifted(
    conditions: ChoiceConditions, executor: Executor, callback: ProgressCallback[Progress], folder: Path
) -> Sifting:
    """Train round after round; the last of fewer rounds where all settings fail too often."""
    schedule = conditions.schedule
    sifting, left, before = Sifting(conditions=conditions, trainings=()), list(range(len(conditions.settings))), 0
    for number, seeds in enumerate(schedule.seeds):
        wanted = [
            (setting, loss, seed)
            for seed in range(before, before + seeds)
            for setting in left
            for loss in schedule.losses
        ]
        path = folder / _journal(number)
        records = run_grid(
            path,
            {"choice": conditions.key},
            [Cell(setting, loss, _payload(conditions, setting, loss, seed)) for setting, loss, seed in wanted],
            executor,
            lambda grid: callback.update(progress_of("choosing", grid)),
        )
        trained = [_training(conditions, *one, record, path) for one, record in zip(wanted, records, strict=True)]
        sifting = Sifting(conditions=conditions, trainings=(*sifting.trainings, *trained))
        left, before = sifting.staying(), before + seeds
        if not left:
            break
        if number + 1 < len(schedule.seeds):
            _logger.info(f"round {number + 1}: {_names(conditions, left)} go on")
    return sifting


def _payload(conditions: ChoiceConditions, setting: int, loss: str, seed: int) -> dict[str, object]:
    chosen, schedule = conditions.settings[setting], conditions.schedule
    return TrialSpec(
        formula=LIBRARY[loss].formula.text,
        seed=training_seed(0, "choice", seed),
        steps=schedule.steps,
        checkpoints=schedule.checkpoints,
        proxy=chosen.proxy,
        materials=_name(chosen),
    ).model_dump(mode="json")


def _training(
    conditions: ChoiceConditions, setting: int, loss: str, seed: int, record: Record, path: Path
) -> SettingTraining:
    if record.status == "raised":
        name = conditions.settings[setting].name
        raise RuntimeError(f"a training of {loss} with {name} raised; remove {path} to try again:\n{record.error}")
    result = trial_result(record.state, record.record, record.seconds)
    completed, trace = result.state == TrialState.COMPLETED, dict(result.trace)
    return SettingTraining(
        setting=setting,
        loss=loss,
        seed=training_seed(0, "choice", seed),
        state=result.state,
        reason=result.reason,
        early=float(f"{trace[conditions.schedule.early]:.5g}") if completed else None,
        last=float(f"{trace[conditions.schedule.steps]:.5g}") if completed else None,
        seconds=round(result.seconds, 2),
    )


def _names(conditions: ChoiceConditions, numbers: Sequence[int]) -> str:
    return " and ".join(f'"{conditions.settings[number].name}"' for number in numbers)


def _name(setting: Setting) -> str:
    return "own" if setting.size is None else str(setting.size)


def _journal(number: int) -> str:
    return f"round-{number + 1}-{JOURNAL}"
