import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganetic.callbacks import NullProgressCallback, Progress, ProgressCallback
from ganetic.data import load_images
from ganetic.errors import UserError
from ganetic.evolution import calibration_store
from ganetic.evolution.calibrate import calibrate, checkpoints_of, kill_rules
from ganetic.evolution.calibration import Calibration
from ganetic.evolution.calibration_store import FILE, read_calibration
from ganetic.evolution.resources import Context, Runtime
from ganetic.evolution.space import Rung, SearchSpace, SpaceProxy
from ganetic.jobs.executor import Payload, SerialExecutor
from ganetic.jobs.lock import run_lock
from ganetic.loss.library import LIBRARY
from ganetic.training.result import TrialState
from ganetic.training.spec import ProxySpec, PruningRule
from ganetic.training.trial import trial_job
from tests.evolution.fakes import PROXY_DATA, SPACE, mishap, noise, runtime, serial_with_mishaps

LONGER = SPACE.model_copy(update={"rungs": (Rung(steps=80, seeds=1), Rung(steps=160, seeds=3))})


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANETIC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(calibration_store, "shipped_folder", lambda: tmp_path / "package")
    return tmp_path / "cache" / "calibrations"


class Notes(ProgressCallback[Progress]):
    def __init__(self) -> None:
        self.seen: list[Progress] = []

    def update(self, progress: Progress) -> None:
        self.seen.append(progress)


class Trainer:
    """Trains nothing, and may be interrupted."""

    def __init__(self, most: int = 10**9) -> None:
        self.trained: list[tuple[str, int]] = []
        self.payloads: list[Payload] = []
        self._most = most

    def __call__(self, context: Context, payload: Payload) -> dict[str, Any]:
        if len(self.trained) == self._most:
            raise KeyboardInterrupt
        self.trained.append((payload["formula"], payload["seed"]))
        self.payloads.append(payload)
        return _record(payload)

    def runtime(self) -> Runtime:
        return runtime(lambda context: SerialExecutor(self, context))


def _record(payload: Payload) -> dict[str, Any]:
    formula, seed = payload["formula"], payload["seed"]
    if formula == LIBRARY["bce-minimax"].formula.text:
        trace = [(step, 900.0) for step in (0, *payload["checkpoints"])]
        return {"state": "failed", "reason": "learnt_nothing", "trace": trace, "steps": payload["steps"], "seconds": 2}
    end = 40 * math.exp(noise(formula) + 0.3 * noise(formula, seed))
    trace = [(step, end + (900 - end) * math.exp(-step / 10)) for step in (0, *payload["checkpoints"])]
    return {"state": "completed", "reason": None, "trace": trace, "steps": payload["steps"], "seconds": 2}


def only(space: SearchSpace = LONGER, trainer: Trainer | None = None, **options: Any) -> Calibration:
    (kept,) = calibrate(space, runtime=(trainer or Trainer()).runtime(), **options).values()
    return kept.calibration


def test_trains_the_library_without_rules_on_seeds_of_its_own() -> None:
    trainer = Trainer()
    calibration = only(trainer=trainer, seeds=4)
    assert calibration.seeds == (300, 301, 302, 303)
    assert sorted(set(trainer.trained)) == sorted(trainer.trained)
    assert {formula for formula, _ in trainer.trained} == {loss.formula.text for loss in LIBRARY.values()}
    assert len(trainer.trained) == 4 * len(LIBRARY)
    assert all(payload["kill"] == [] and payload["steps"] == 160 for payload in trainer.payloads)
    assert calibration.conditions.checkpoints == (5, *range(10, 170, 10))
    assert (calibration.start_fd, calibration.floor_fd) == (PROXY_DATA.start_fd, PROXY_DATA.floor_fd)
    assert calibration.failures["bce-minimax"] == 4
    assert "bce-minimax" not in calibration.viable


def test_is_made_once(cache: Path) -> None:
    first, second = Trainer(), Trainer()
    calibration = only(trainer=first, seeds=3)
    (path,) = cache.rglob("*.json")
    assert path.name == FILE
    assert read_calibration(path) == calibration
    assert not list(cache.rglob("*.db*")), "the journal has done its duty"
    assert only(trainer=second, seeds=2) == calibration
    assert second.trained == []
    assert len(only(trainer=second, seeds=4).seeds) == 4
    assert len(only(trainer=second, seeds=2).seeds) == 4, "more seeds replace fewer"


def test_shorter_trainings_are_made_where_they_are_asked_for() -> None:
    assert only(seeds=2, steps=40).conditions.steps == 40
    assert only(seeds=2).conditions.steps == 160
    assert only(seeds=2, steps=40).conditions.steps == 40


@pytest.mark.parametrize("most", [0, 1, 13, 29])
def test_goes_on_where_it_was_stopped(most: int, tmp_path: Path) -> None:
    whole = only(seeds=3, directory=tmp_path / "whole")
    first, second = Trainer(most), Trainer()
    with pytest.raises(KeyboardInterrupt):
        only(trainer=first, seeds=3)
    assert only(trainer=second, seeds=3) == whole
    assert len(first.trained) == most
    assert sorted(first.trained + second.trained) == sorted(set(first.trained + second.trained))
    assert len(first.trained + second.trained) == 3 * len(LIBRARY)


def test_each_proxy_of_a_space_has_its_own(cache: Path) -> None:
    proxies = (SpaceProxy(), SpaceProxy(name="bare", batch_norm=False))
    space = LONGER.model_copy(update={"proxies": proxies})
    found = calibrate(space, seeds=2, runtime=Trainer().runtime())
    assert list(found) == ["main", "bare"]
    assert [kept.calibration.conditions.proxy.batch_norm for kept in found.values()] == [True, False]
    assert len(list(cache.rglob(FILE))) == 2


def test_trainings_that_time_out_or_crash_have_failed() -> None:
    (kept,) = calibrate(LONGER, seeds=20, runtime=runtime(serial_with_mishaps)).values()
    ended = {
        TrialState(str(mishap({"formula": text, "seed": seed})))
        for text in kept.calibration.conditions.losses.values()
        for seed in kept.calibration.seeds
        if mishap({"formula": text, "seed": seed})
    }
    assert ended == {TrialState.TIMED_OUT, TrialState.CRASHED}
    for one in kept.calibration.trainings:
        fate = mishap({"formula": kept.calibration.conditions.losses[one.loss], "seed": one.seed})
        assert fate is None or (one.state == fate and one.fd == () and not one.completed)


def test_an_error_of_ours_is_raised() -> None:
    def broken(context: Context, payload: Payload) -> dict[str, Any]:
        raise ZeroDivisionError("ours")

    with pytest.raises(RuntimeError, match=r"of bce on seed 300 raised; remove .*\.db to try again(.|\n)*ours"):
        calibrate(LONGER, seeds=1, runtime=runtime(lambda context: SerialExecutor(broken, context)))


def test_two_do_not_make_the_same_one_at_once(cache: Path) -> None:
    only(seeds=1)
    (folder,) = cache.iterdir()
    with run_lock(folder), pytest.raises(UserError, match=folder.name):
        only(seeds=2)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"seeds": 0}, "seeds is 0; expected 1 to 100"), ({"seeds": 101}, "1 to 100"), ({"steps": 0}, "steps is 0")],
)
def test_bad_numbers_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        only(**options)


def test_progress_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ganetic")
    notes = Notes()
    calibrate(LONGER, seeds=1, runtime=Trainer().runtime(), callback=notes)
    last = notes.seen[-1]
    assert (last.phase, last.finished, last.target) == ("calibrating", len(LIBRARY), len(LIBRARY))
    assert "training 10 published losses on 1 seed for 160 steps" in caplog.text


@pytest.mark.parametrize(
    ("every", "steps", "marks"),
    [
        (50, 200, (25, 50, 80, 100, 150, 160, 200)),
        (30, 100, (15, 30, 60, 80, 90, 100)),
        (1, 3, (1, 2, 3)),
        (500, 40, (40,)),
    ],
)
def test_measures_early_and_at_rungs(every: int, steps: int, marks: tuple[int, ...]) -> None:
    assert checkpoints_of(LONGER.model_copy(update={"checkpoint_every": every}), steps) == marks


def test_a_search_gets_its_rules(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ganetic")
    trainer = Trainer()
    rules = kill_rules(PROXY_DATA, "nothing", ProxySpec(), LONGER, trainer.runtime(), NullProgressCallback())
    calibration = read_calibration(next(cache.rglob(FILE)))
    assert len(calibration.seeds) == 3
    assert rules == tuple(one.rule for one in calibration.kill_thresholds(LONGER.checkpoints(80)))
    assert [rule.step for rule in rules] == [20, 40]
    assert all(isinstance(rule, PruningRule) and rule.above < 1 for rule in rules)
    assert "nothing: a trial is stopped above" in caplog.text
    again = Trainer()
    assert kill_rules(PROXY_DATA, "nothing", ProxySpec(), LONGER, again.runtime(), NullProgressCallback()) == rules
    assert again.trained == []


def test_a_search_is_warned_of_a_proxy_on_which_nothing_trains(caplog: pytest.LogCaptureFixture) -> None:
    def failing(context: Context, payload: Payload) -> dict[str, Any]:
        return {**_record(payload), "state": "failed", "reason": "mode_collapse"}

    caplog.set_level(logging.INFO, "ganetic")
    where = runtime(lambda context: SerialExecutor(failing, context))
    rules = kill_rules(PROXY_DATA, "nothing", ProxySpec(), LONGER, where, NullProgressCallback())
    assert rules == ()
    assert "nothing: the references allow no kill rule" in caplog.messages
    assert "only 0 of 10 published losses train on this proxy" in caplog.text


def test_real_trainings_from_images_to_rules(tmp_path: Path) -> None:
    digits = load_images("digits")
    np.savez(tmp_path / "some.npz", images=digits.images[:200], labels=np.arange(200) % 2)
    space = LONGER.model_copy(
        update={
            "data": f"npz:{tmp_path / 'some.npz'}",
            "checkpoint_every": 2,
            "rungs": (Rung(steps=4, seeds=1),),
            "proxies": (SpaceProxy(width=2, batch=8, latent=4, images=64),),
        }
    )
    machine = Runtime(make_executor=lambda proxy_data: SerialExecutor(trial_job, proxy_data))
    (kept,) = calibrate(space, seeds=1, runtime=machine).values()
    calibration = kept.calibration
    assert calibration.conditions.metric == "fd@some-cnn64/64"
    assert calibration.conditions.checkpoints == (1, 2, 4)
    assert all(len(one.fd) == 4 for one in calibration.trainings)
    assert {one.fd[0] for one in calibration.trainings} == {calibration.trainings[0].fd[0]}, "one start for one seed"
