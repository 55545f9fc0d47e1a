"""A page as a file: where it is written, how large it is, what it may do, and what is no run."""

import json
import re
import sqlite3
from pathlib import Path
from shutil import copytree

import pytest

from ganetic.errors import UserError
from ganetic.evolution.results import JOURNAL
from ganetic.report.web.page import MOST_IN_FULL, write_report
from tests.report.web.pages import REFERENCE, check, elements, page_of, text_of
from tests.small_run import small_run_directory

MOST_BYTES = 2_000_000
MOST_BYTES_A_RUN = 40_000
"""On a page of many runs: thirty stay far below `MOST_BYTES`."""
RUNS = [
    *(REFERENCE / name for name in ("paper", "paper-random", "logit", "logit-random")),
    *sorted((REFERENCE / "transfer").glob("*/")),
    *sorted(path.parent for path in (REFERENCE / "better-loss").rglob(JOURNAL)),
]


def test_one_run_has_its_page_in_its_directory_and_several_in_the_current_one(in_folder: Path) -> None:
    copytree(small_run_directory(), "run")
    assert write_report(["run"]) == Path("run/report.html")
    assert write_report(["run", Path("run")]) == Path("report.html")
    assert write_report(["run"], "other.html") == Path("other.html")
    assert Path("other.html").read_text(encoding="utf-8") == Path("run/report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("run", [RUNS[0], RUNS[4], RUNS[-1]], ids=lambda run: run.name)
def test_a_page_is_small(run: Path) -> None:
    assert len(page_of(run).encode()) < MOST_BYTES


@pytest.mark.slow
def test_the_pages_of_all_shipped_runs_are_small_together() -> None:
    page = page_of(*RUNS)
    check(page)
    assert len(page.encode()) < MOST_BYTES_A_RUN * len(RUNS)


def test_a_page_of_many_runs_sums_each_up_and_says_where_the_rest_is() -> None:
    many = [RUNS[5]] * MOST_IN_FULL + [RUNS[0]]
    page = page_of(*many)
    tree = check(page)
    assert [text_of(one) for one in elements(tree, "h3") if "training" in text_of(one)] == []
    search = next(one for one in elements(tree, "article", "chapter") if one.get("id") == f"r{len(many)}")
    assert len([*elements(search, "article", "loss")]) == 1, "the pick alone is shown by itself"
    links = {one.get("href") for one in elements(search, "a")}
    assert len(links) == 1 and links <= {f"#{one.get('id')}" for one in elements(search, "article", "loss")}
    assert f"ganetic report {RUNS[0]}" in text_of(search)
    record = json.loads(text_of(next(elements(tree, "script"))))
    assert "runs" not in record["r1"] and record["r1"]["differences"]
    assert len(page.encode()) < MOST_BYTES_A_RUN * len(many)
    whole = page_of(*many[:MOST_IN_FULL])
    assert "sums each up" not in whole and "Every training" in whole


def test_the_policy_lets_a_page_load_nothing_and_run_its_own_script_alone() -> None:
    tree = check(page_of(small_run_directory()))
    (policy,) = [one.get("content") or "" for one in elements(tree, "meta") if one.get("http-equiv")]
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[\w+/=]+'; script-src 'sha256-[\w+/=]+'; img-src data:; "
        "base-uri 'none'; form-action 'none'",
        policy,
    )


def test_a_run_without_a_trial_has_a_page_that_says_so(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    copytree(small_run_directory(), directory)
    with sqlite3.connect(directory / JOURNAL) as journal:
        for table in ("records", "submissions", "events"):
            journal.execute(f"DELETE FROM {table}")
    said = text_of(check(page_of(directory)))
    assert "No trial has ended yet: there is nothing to see so far." in said


@pytest.mark.parametrize("kept", [1, 12, 40])
def test_a_run_that_was_just_begun_has_a_page(kept: int, tmp_path: Path) -> None:
    directory = tmp_path / "run"
    copytree(small_run_directory(), directory)
    with sqlite3.connect(directory / JOURNAL) as journal:
        journal.execute("DELETE FROM records WHERE number >= ?", (kept,))
        journal.execute("DELETE FROM submissions WHERE number >= ?", (kept + 4,))
        journal.execute("DELETE FROM events")
    assert "The finals are not over" in text_of(check(page_of(directory)))


def test_what_is_no_run_is_said_in_one_line(in_folder: Path) -> None:
    Path("empty").mkdir()
    copytree(small_run_directory(), "damaged")
    copytree(small_run_directory(), "above/run")
    Path("file").touch()
    Path("damaged/journal.db").write_bytes(Path("damaged/journal.db").read_bytes()[:9000])
    for name, said in (
        ("missing", "missing: there is no run here"),
        ("file", "file: is a file; name a directory"),
        ("above", f"name one of those in it, such as {Path('above/run')}"),
        ("empty", "empty: not a run of which a report is made"),
        ("damaged", "damaged/journal.db: "),
    ):
        with pytest.raises(UserError, match=re.escape(said)) as caught:
            write_report([name], "page.html")
        assert "\n" not in str(caught.value)
    assert not Path("page.html").exists()


def test_a_place_where_no_page_can_be_is_refused_before_anything_is_read(in_folder: Path) -> None:
    with pytest.raises(UserError, match=r"no/page\.html: the folder no does not exist"):
        write_report(["missing"], "no/page.html")
    with pytest.raises(UserError, match=r"is a folder; name a file in it, such as .*report.html"):
        write_report(["missing"], in_folder)
    log = in_folder / "metrics.jsonl"
    log.write_text("{}\n")
    with pytest.raises(UserError, match=r"is there already, and is no page; it stays as it is, name another file"):
        write_report(["missing"], log)
    assert log.read_text() == "{}\n"
    with pytest.raises(UserError, match="no run is named"):
        write_report([])
