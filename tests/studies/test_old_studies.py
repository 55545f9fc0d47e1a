import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from ganetic.errors import UserError
from ganetic.jobs.grid import read_grid
from ganetic.studies.compare import Comparison, compare, open_comparison
from ganetic.studies.comparison import JOURNAL
from ganetic.studies.config import STUDY
from tests.old_runs import RUNS, Counting, copied
from tests.small_run import SPACE, small_runtime

LOSSES = ("bce", "hinge", "ganetic")


def changed(directory: Path, key: str, value: Any) -> Path:
    with sqlite3.connect(directory / JOURNAL) as connection:
        connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))
    return directory


def test_an_old_study_is_shown() -> None:
    begun, finished = (open_comparison(RUNS / "study-1" / name) for name in ("killed", "rates"))
    assert (begun.ended, begun.total, begun.finished) == (5, 9, False)
    assert len(begun.runs()) == 5 and {"bce", "hinge", "ganetic"} == set(begun.summary()["loss"])
    assert finished.finished and finished.settings.tuned is not None
    assert finished.tuning()["chosen"].sum() == 3
    assert [ratio.second for ratio in finished.ratios()] == ["bce", "bce"]
    assert finished.made_with["ganetic"]


def test_an_old_study_goes_on_where_it_was(tmp_path: Path) -> None:
    directory, counting = copied("study-1/killed", tmp_path), Counting()
    before = read_grid(directory / JOURNAL)
    measures = open_comparison(directory).settings.measures
    ended = compare(LOSSES, seeds=3, space=SPACE, directory=directory, runtime=counting.runtime(measures))
    assert ended.finished and len(counting.payloads) == 4
    meta, submissions, records = read_grid(directory / JOURNAL)
    assert (meta, submissions, records[:5]) == (before[0], before[1], before[2])


def test_a_study_with_rates_is_known_again(tmp_path: Path) -> None:
    directory, counting = copied("study-1/rates", tmp_path), Counting()
    begun = open_comparison(directory)
    assert begun.settings.tuned is not None
    again = compare(
        LOSSES,
        seeds=3,
        space=SPACE,
        directory=directory,
        runtime=counting.runtime(begun.settings.measures),
        rates=begun.settings.tuned.given,
        tuning_seeds=1,
    )
    assert counting.payloads == [] and again.runs().equals(begun.runs())


def test_a_new_study_is_of_todays_format(tmp_path: Path) -> None:
    compare(LOSSES, seeds=2, space=SPACE, directory=tmp_path / "c", runtime=small_runtime())
    assert read_grid(tmp_path / "c" / JOURNAL)[0]["format"] == STUDY.version
    assert {path.name for path in RUNS.glob("study-*")} == {f"study-{number + 1}" for number in range(STUDY.version)}


def test_keys_that_nobody_knows_are_told(tmp_path: Path) -> None:
    directory = changed(copied("study-1/rates", tmp_path), "blocks", 4)
    with pytest.raises(UserError, match='unknown key "blocks"; expected one of arms, checkpoints, '):
        Comparison(directory / JOURNAL)
    changed(directory, "format", STUDY.version + 1)
    with pytest.raises(UserError, match=r"written by a newer ganetic \(format 2 of a study, .*not understood: blocks"):
        Comparison(directory / JOURNAL)
