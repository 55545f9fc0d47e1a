import logging
import signal
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from ganetic.callbacks import Progress, ProgressCallback
from ganetic.errors import UserError
from ganetic.evolution import variation as breeding
from ganetic.evolution.resources import Context
from ganetic.evolution.results import open_run
from ganetic.evolution.search import resume, search
from ganetic.jobs.executor import Executor, Payload, SerialExecutor
from ganetic.jobs.lock import run_lock
from ganetic.training.proxy_data import ProxyData
from ganetic.training.spec import ProxySpec
from tests.evolution.fakes import (
    SPACE,
    FakeRuntime,
    Mishaps,
    eightfold,
    journal_of,
    runtime,
    searched,
    serial_with_mishaps,
    simulated,
    trials_of,
    work,
)
from tests.evolution.victim import Moment, drive_until, driver
from tests.jobs.simulated import SimulatedExecutor

MISHAPS = runtime(serial_with_mishaps)
FINALS = (SPACE.finals.finalists + len(SPACE.finals.references)) * SPACE.finals.seeds
TRIALS = SPACE.stop.max_trials


class Notes(ProgressCallback[Progress]):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.seen: list[Progress] = []

    def update(self, progress: Progress) -> None:
        self.seen.append(progress)


@cache
def uninterrupted() -> Path:
    """A finished run of seed 7 that nothing happened to."""
    return search(SPACE, run=Path(mkdtemp(prefix="ganetic-")) / "run", seed=7, runtime=MISHAPS).directory


@pytest.mark.parametrize("place", ["file/run", "file"])
def test_a_directory_that_cannot_be_made_is_refused_before_anything_is_prepared(
    place: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ganetic")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot be made: .*file is a file|exists already"):
        search(SPACE, run=tmp_path / place, runtime=MISHAPS)
    assert not caplog.messages


def test_of_two_searches_for_one_directory_the_later_leaves_the_other_alone(tmp_path: Path) -> None:
    directory = tmp_path / "run"

    class Second(FakeRuntime):
        """While it prepares its data, the first search begins."""

        def proxy_data(self, data: str, proxy: ProxySpec) -> ProxyData:
            search(SPACE, run=directory, seed=1, runtime=runtime(serial_with_mishaps, max_trials=10))
            return super().proxy_data(data, proxy)

    other = SPACE.model_copy(update={"name": "other", "checkpoint_every": 20})
    with pytest.raises(UserError, match="exists already"):
        search(other, run=directory, seed=2, runtime=Second(make_executor=serial_with_mishaps))
    run = resume(directory, runtime(serial_with_mishaps, max_trials=12))
    assert (run.status, run.config.seed, run.config.space.name) == ("finished", 1, SPACE.name)


def files_of(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.name != "lock"}


def test_a_search_ends_with_finals() -> None:
    journal = journal_of(uninterrupted())
    assert len(journal["submissions"]) == len(journal["records"]) == TRIALS + FINALS
    assert journal["events"] == [(TRIALS, "stop", {"reason": "max_trials"}), (TRIALS, "finished", {})]
    states = {record[2] for record in journal["records"]}
    assert states == {"completed", "pruned", "failed", "timed_out", "crashed"}
    for submission, trial in trials_of(uninterrupted()):
        assert (trial.kill == ()) == (submission.kind == "final")
        assert submission.payload.keys() == {"seed", "steps", "about"}
        assert (trial.seed, trial.steps) == (submission.payload["seed"], submission.payload["steps"])
    assert open_run(uninterrupted()).status == "finished"


@pytest.mark.parametrize("slots", [1, 2, 64])
@pytest.mark.parametrize("order", [0, 1])
def test_a_search_is_the_same_on_any_number_of_workers(slots: int, order: int, tmp_path: Path) -> None:
    def duration(number: int, payload: Payload) -> float:
        return eightfold(number + 1000 * order, payload)

    search(SPACE, run=tmp_path / "run", seed=7, runtime=runtime(simulated(slots, duration)))
    assert journal_of(tmp_path / "run") == journal_of(uninterrupted())


@pytest.mark.slow
def test_64_workers_are_kept_busy_by_a_window_of_256(tmp_path: Path) -> None:
    evolution = SPACE.evolution.model_copy(update={"window": 256, "population": 40})
    stop = SPACE.stop.model_copy(update={"max_trials": 420})
    space = SPACE.model_copy(update={"evolution": evolution, "stop": stop})
    executors: list[SimulatedExecutor] = []

    def make_executor(proxy_data: Context) -> Executor:
        executors.append(SimulatedExecutor(64, eightfold, partial(work, proxy_data)))
        return executors[0]

    class Busy(Notes):
        share = 0.0

        def update(self, progress: Progress) -> None:
            if progress.phase == "searching":
                self.share = executors[0].busy_share()
                assert progress.slots == 64

    watching = Busy()
    search(space, run=tmp_path / "run", runtime=runtime(make_executor), callback=watching)
    assert watching.share >= 0.95


MOMENTS: list[list[Moment]] = [
    [("submitted", 0)],
    [("ended", 1)],
    [("submitted", 12), ("recorded", 3), ("ended", 9)],
    [("recorded", 25), ("submitted", TRIALS - 1)],
    [("ended", TRIALS), ("recorded", 0), ("ended", 1)],  # while it drains, and again
    [("submitted", TRIALS)],  # the first of the finals
    [("submitted", TRIALS + 5), ("ended", 2), ("recorded", 3), ("submitted", TRIALS + FINALS - 1)],
    [("recorded", TRIALS + FINALS - 1)],
]


@pytest.mark.slow
@pytest.mark.parametrize("moments", MOMENTS, ids=str)
def test_a_killed_run_goes_on_to_the_same_result(moments: list[Moment], tmp_path: Path) -> None:
    directory = tmp_path / "run"
    for moment in moments:
        drive_until(directory, moment)
        assert open_run(directory).status == "stopped"
        assert files_of(directory).keys() >= {"journal.db", "space.json"}
    run = resume(directory, MISHAPS)
    assert run.status == "finished"
    assert journal_of(directory) == journal_of(uninterrupted())


def test_a_longer_search_goes_on_where_a_shorter_one_stopped(tmp_path: Path) -> None:
    short = search(SPACE, run=tmp_path / "run", seed=7, runtime=runtime(serial_with_mishaps, max_trials=20))
    assert (short.status, short.asked) == ("finished", 20)
    assert searched(short.directory) == searched(uninterrupted())[:20]
    longer = resume(short.directory, runtime(serial_with_mishaps, max_trials=TRIALS))
    assert (longer.status, longer.asked) == ("finished", TRIALS)
    assert searched(longer.directory) == searched(uninterrupted())
    pd_equal = longer.finals().equals(open_run(uninterrupted()).finals())
    assert pd_equal  # the finals of the longer search, not those of the shorter


def test_a_number_of_trials_that_resume_was_given_holds_for_the_next(tmp_path: Path) -> None:
    short = search(SPACE, run=tmp_path / "run", seed=7, runtime=runtime(serial_with_mishaps, max_trials=20))
    drive_until(short.directory, ("ended", 27), max_trials=TRIALS)
    again = resume(short.directory, MISHAPS)
    assert (again.asked, again.stop_reason, again.limit) == (TRIALS, "max_trials", TRIALS)
    assert searched(again.directory) == searched(uninterrupted())


def test_what_a_kill_before_the_journal_leaves_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    for name in ("lock", "space.json", ".journal.db.tmp"):
        (tmp_path / "run" / name).write_text("")
    assert search(SPACE, run=tmp_path / "run", seed=7, runtime=runtime(max_trials=5)).status == "finished"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").touch()
    with pytest.raises(UserError, match="exists already"):
        search(SPACE, run=tmp_path / "other", runtime=runtime(max_trials=5))


def test_a_time_budget_stops_the_search_but_not_its_finals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10_000))
    monkeypatch.setattr("ganetic.evolution.search_loop.time.monotonic", lambda: float(next(clock)))
    short = search(SPACE, run=tmp_path / "run", seed=7, runtime=runtime(serial_with_mishaps, time_budget_seconds=60.0))
    assert (short.status, short.stop_reason) == ("finished", "time_budget")
    assert 8 < short.asked < TRIALS
    assert searched(short.directory) == searched(uninterrupted())[: short.asked]
    assert len(short.trials()) == short.asked + FINALS
    assert short.trials()["state"].ne("running").all()
    with pytest.raises(UserError, match=f"finished after {short.asked} trials; a larger --max-trials"):
        resume(short.directory, MISHAPS)
    longer = resume(short.directory, runtime(serial_with_mishaps, time_budget_seconds=5000.0))
    assert (longer.stop_reason, searched(longer.directory)) == ("max_trials", searched(uninterrupted()))


def test_a_search_left_after_its_time_budget_goes_on_with_its_finals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def left_in_the_finals(context: Context, payload: Payload) -> dict[str, Any]:
        if payload["steps"] == SPACE.finals.steps:
            raise KeyboardInterrupt
        return work(context, payload)

    clock = iter(range(10_000))
    with monkeypatch.context() as patch:
        patch.setattr("ganetic.evolution.search_loop.time.monotonic", lambda: float(next(clock)))
        executor = partial(SerialExecutor, left_in_the_finals)
        interrupted = runtime(lambda context: Mishaps(executor(context)), time_budget_seconds=60.0)
        with pytest.raises(KeyboardInterrupt):
            search(SPACE, run=tmp_path / "run", seed=7, runtime=interrupted)
    left = open_run(tmp_path / "run")
    assert (left.status, left.stop_reason) == ("stopped", "time_budget")
    finished = resume(tmp_path / "run", MISHAPS)
    assert (finished.status, finished.stop_reason, finished.asked) == ("finished", "time_budget", left.asked)
    assert len(finished.trials()) == left.asked + FINALS


def test_ctrl_c_drains_and_leaves_a_run_that_can_be_resumed(tmp_path: Path) -> None:
    for trials, moment in enumerate([("recorded", 10), ("ended", TRIALS + 3 - 12)]):
        process = driver(tmp_path / "run", {moment: signal.SIGINT})
        process.start()
        process.join()
        assert process.exitcode == 0
        run = open_run(tmp_path / "run")
        assert run.status == "stopped"
        waiting = int(run.trials()["state"].eq("running").sum())
        assert waiting > 0  # what no worker had begun was left for later …
        assert len(run.results) == (13 if trials == 0 else len(run.trials()) - waiting)  # … and what ran was not
    resume(tmp_path / "run", MISHAPS)
    assert journal_of(tmp_path / "run") == journal_of(uninterrupted())


def test_ctrl_c_twice_leaves_at_once(tmp_path: Path) -> None:
    process = driver(tmp_path / "run", {("recorded", 10): signal.SIGINT, ("ended", 11): signal.SIGINT})
    process.start()
    process.join()
    assert process.exitcode == 1  # a KeyboardInterrupt
    run = open_run(tmp_path / "run")
    assert (run.status, len(run.results)) == ("stopped", 10)
    resume(tmp_path / "run", MISHAPS)
    assert journal_of(tmp_path / "run") == journal_of(uninterrupted())


def test_ctrl_c_in_the_last_finals_leaves_a_finished_run(tmp_path: Path) -> None:
    process = driver(tmp_path / "run", {("ended", TRIALS + FINALS - 1): signal.SIGINT})
    process.start()
    process.join()
    assert open_run(tmp_path / "run").status == "finished"


def test_a_trial_that_raised_stops_the_search_and_loses_nothing(tmp_path: Path) -> None:
    def broken(proxy_data: Context, payload: Payload) -> dict[str, object]:
        if payload["formula"] == sixth:
            raise ZeroDivisionError("our own bug")
        return work(proxy_data, payload)

    sixth = journal_of(uninterrupted())["submissions"][6][3]
    where = runtime(lambda proxy_data: Mishaps(SerialExecutor(broken, proxy_data)))
    with pytest.raises(RuntimeError, match=r"(?s)trial 6 raised:.*our own bug"):
        search(SPACE, run=tmp_path / "run", seed=7, runtime=where)
    run = open_run(tmp_path / "run")
    assert sorted(run.results) == list(range(6))
    resume(tmp_path / "run", MISHAPS)  # the bug is mended
    assert journal_of(tmp_path / "run") == journal_of(uninterrupted())


def test_timed_out_trials_mark_the_run() -> None:
    journal = journal_of(uninterrupted())
    late = [record[0] for record in journal["records"] if record[2] == "timed_out"]
    assert journal["timed_out"] == sorted(open_run(uninterrupted()).timing_affected) == late != []


def test_an_exhausted_space_ends_in_finals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(breeding, "MAX_DRAWS", 100)
    barren = SPACE.model_copy(update={"operators": ("neg",)})
    run = search(barren, run=tmp_path / "run", runtime=runtime())
    assert (run.status, run.stop_reason, run.asked) == ("finished", "space_exhausted", 0)
    assert run.finals()["reference"].tolist() == [True, True]
    assert run.front().empty
    assert "the finals show the references alone" in caplog.text


def test_whoever_watches_sees_counts_that_add_up(tmp_path: Path) -> None:
    drive_until(tmp_path / "run", ("ended", TRIALS + 4))
    resumed, whole = Notes(), Notes()
    resume(tmp_path / "run", MISHAPS, resumed)
    search(SPACE, run=tmp_path / "other", seed=7, runtime=MISHAPS, callback=whole)
    for progress in (*whole.seen, *resumed.seen):
        assert 0 <= progress.finished <= progress.submitted
        assert progress.target is not None and progress.submitted <= progress.target
        assert progress.running <= progress.slots
    last = resumed.seen[-1]
    assert (last.phase, last.finished, last.target) == ("finished", FINALS, FINALS)
    assert sum(last.states.values()) == TRIALS + FINALS
    assert last.top == whole.seen[-1].top
    assert last.rejections == whole.seen[-1].rejections == open_run(uninterrupted()).rejections()
    phases = [progress.phase for progress in whole.seen]
    assert sorted(set(phases), key=phases.index) == ["searching", "draining", "finals", "finished"]


def test_too_many_workers_for_the_window_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    search(SPACE, run=tmp_path / "run", runtime=runtime(simulated(3), max_trials=1))
    warning = caplog.records[0]
    assert (warning.name, warning.levelno) == ("ganetic.evolution.search", logging.WARNING)
    assert "evolution.window = 12" in warning.getMessage()


def refused(action: Callable[[], object], directory: Path, message: str) -> None:
    before = files_of(directory)
    with pytest.raises(UserError, match=message) as caught:
        action()
    assert "\n" not in str(caught.value)
    assert files_of(directory) == before


def test_a_finished_run_is_not_resumed() -> None:
    for where in (MISHAPS, runtime(max_trials=TRIALS), runtime(time_budget_seconds=60.0)):
        refused(partial(resume, uninterrupted(), where), uninterrupted(), "finished after 40 trials; a larger --max-tr")


def test_a_directory_that_exists_is_not_overwritten() -> None:
    refused(partial(search, SPACE, run=uninterrupted(), runtime=MISHAPS), uninterrupted(), "exists already")


def test_a_second_driver_is_refused(tmp_path: Path) -> None:
    drive_until(tmp_path / "run", ("ended", 12))
    with run_lock(tmp_path / "run"):
        assert open_run(tmp_path / "run").status == "running"
        refused(partial(resume, tmp_path / "run", MISHAPS), tmp_path / "run", "another process is working on this run")


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"vanishing_bound": 0.2}, "space.vanishing_bound was 0.0, is 0.2"),
        ({"evolution": SPACE.evolution.model_copy(update={"window": 9})}, "space.evolution.window was 8, is 9"),
        ({"rungs": SPACE.rungs[:1]}, r"space.rungs\[1\].seeds was 3, is None"),
    ],
)
def test_another_search_is_not_what_is_resumed(changes: dict[str, object], difference: str, tmp_path: Path) -> None:
    drive_until(tmp_path / "run", ("ended", 12))
    changed = SPACE.model_copy(update=changes)
    (tmp_path / "run" / "space.json").write_text(changed.model_dump_json(), encoding="utf-8")
    refused(partial(resume, tmp_path / "run", MISHAPS), tmp_path / "run", difference)


def test_stop_name_and_description_may_change(tmp_path: Path) -> None:
    drive_until(tmp_path / "run", ("ended", 12))
    stop = SPACE.stop.model_copy(update={"max_trials": 10})
    changed = SPACE.model_copy(update={"stop": stop, "name": "other", "description": "another"})
    (tmp_path / "run" / "space.json").write_text(changed.model_dump_json(), encoding="utf-8")
    assert resume(tmp_path / "run", MISHAPS).status == "finished"


@pytest.mark.parametrize(
    ("options", "message"),
    [({"seed": -1}, "seed is -1; expected 0 to"), ({"seed": 10**17}, "expected 0 to")],
)
def test_bad_seeds_leave_no_directory(options: dict[str, int], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        search(SPACE, run=tmp_path / "run", runtime=MISHAPS, **options)  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()


def test_no_workers_leave_no_directory(tmp_path: Path) -> None:
    def make_executor(proxy_data: Context) -> Executor:
        raise UserError("no cluster there")

    with pytest.raises(UserError, match="no cluster there"):
        search(SPACE, run=tmp_path / "run", runtime=runtime(make_executor))
    assert not (tmp_path / "run").exists()
    with pytest.raises(UserError, match=r"stop.*max_trials"):
        search(SPACE, run=tmp_path / "run", runtime=runtime(max_trials=0))
    assert not (tmp_path / "run").exists()
