import json
from pathlib import Path
from typing import Any

import pytest

from ganetic.api import generate
from ganetic.cli import run_command
from ganetic.errors import UserError
from ganetic.evolution.results import open_run
from ganetic.jobs.executor import SerialExecutor
from ganetic.jobs.grid import Cell, read_grid, run_grid
from ganetic.jobs.journal import Journal
from ganetic.training.checkpoint import checkpoints_in, read_train_state
from ganetic.training.config import TrainConfig
from ganetic.training.metadata import METADATA, read_metadata
from ganetic.training.migrations import CHECKPOINT, CONFIG, TRAINING, with_config_of_today
from ganetic.training.outcome import training_in
from ganetic.training.train import resume_training
from tests.old_runs import RUNS, copied

JOURNALS = Path(__file__).parents[3] / "analysis" / "full_losses_journals"
FORMATS = range(1, TRAINING.version + 1)


def test_each_format_has_a_golden_run() -> None:
    assert {path.name for path in RUNS.glob("training-*")} == {f"training-{version}" for version in FORMATS}
    newest = RUNS / f"training-{TRAINING.version}" / "finished"
    assert json.loads((newest / METADATA).read_text())["format"] == TRAINING.version
    assert json.loads((checkpoints_in(newest)[-1] / "state.json").read_text())["format"] == CHECKPOINT.version


@pytest.mark.parametrize("version", FORMATS)
def test_a_training_of_each_format_is_read(version: int) -> None:
    run = RUNS / f"training-{version}" / "finished"
    training, config = training_in(run), read_metadata(run).config
    assert training.status == "finished" and training.train_state.step == 30
    assert (config.ema_decay, config.keep_last, config.eval_images) == (0.9, 1, 40)
    assert (config.optimizer.generator_lr, config.optimizer.discriminator_lr) == (2e-3, 2e-3)
    assert generate(run, count=4).shape == (4, 8, 8, 1)


@pytest.mark.parametrize("version", FORMATS)
def test_a_training_of_each_format_goes_on_from_its_checkpoint(version: int, tmp_path: Path) -> None:
    run = copied(f"training-{version}/killed", tmp_path)
    before = read_train_state(checkpoints_in(run)[-1])
    assert before.step == 10
    ended = resume_training(run)
    assert (ended.status, ended.train_state.step) == ("finished", 30)
    assert ended.train_state.trace[:2] == before.trace and len(ended.train_state.trace) == 4
    assert len(checkpoints_in(run)) <= 2  # keep_last, and the best


def test_keys_of_a_newer_version_are_told_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = copied("training-1/finished", tmp_path)
    stored = json.loads((run / METADATA).read_text())
    newer = {"format": TRAINING.version + 1, **stored, "config": {**CONFIG.migrated(stored["config"], ""), "warmup": 3}}
    (run / METADATA).write_text(json.dumps(newer))
    assert run_command(["resume", str(run)]) == 2
    said = capsys.readouterr().err.strip()
    assert "written by a newer ganetic" in said and "keys not understood: config.warmup" in said
    state = checkpoints_in(run)[-1] / "state.json"
    state.write_text(json.dumps({**json.loads(state.read_text()), "format": 9, "phase": 1}))
    with pytest.raises(UserError, match=r"format 9 of a checkpoint, .* keys not understood: phase"):
        read_train_state(state.parent)


@pytest.mark.parametrize("name", ["xray32.db", "xray64.db"])
def test_the_journals_of_full_losses_are_read(name: str) -> None:
    meta, submissions, records = read_grid(JOURNALS / name)
    config = CONFIG.read(meta["config"], TrainConfig, where=name)
    assert (config.ema_decay, config.keep_last, config.optimizer.generator_lr) == (0.98, 1, 1e-3)
    jobs = [CONFIG.read(one.payload["config"], TrainConfig, where=name) for one in submissions]
    assert len(jobs) == len(records) == 18
    assert {job.eval_images for job in jobs} == {config.eval_images}


def test_a_study_of_trainings_goes_on_under_todays_names(tmp_path: Path) -> None:
    meta, submissions, _ = read_grid(JOURNALS / "xray32.db")
    with Journal.create(tmp_path / "study.db", meta) as journal:
        journal.submit_all(submissions)
    today = [
        Cell(one.subject, one.text, {**one.payload, "config": CONFIG.migrated(one.payload["config"], "")})
        for one in submissions
    ]
    asked: list[dict[str, Any]] = []

    def work(context: object, payload: dict[str, Any]) -> dict[str, Any]:
        asked.append(payload)
        return {"state": "completed"}

    executor, now = SerialExecutor(work, None), with_config_of_today(meta)
    records = run_grid(tmp_path / "study.db", now, today, executor, lambda _: None, with_config_of_today)
    assert len(records) == len(asked) == 18 and asked[0]["config"]["optimizer"]["generator_lr"] == 1e-3
    assert read_grid(tmp_path / "study.db")[1] == submissions
    changed = {**now, "config": {**now["config"], "keep_last": 2}}
    with pytest.raises(UserError, match="was begun with config = "):
        run_grid(tmp_path / "study.db", changed, today, executor, lambda _: None, with_config_of_today)


def test_a_training_is_not_shown_as_a_search(tmp_path: Path) -> None:
    run = copied("training-2/finished", tmp_path)
    with pytest.raises(UserError, match="a training, not a search; `ganetic report`, `watch`, `evaluate`, `generate`"):
        open_run(run)
