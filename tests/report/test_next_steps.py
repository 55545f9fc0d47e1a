from pathlib import Path

import pytest

from ganetic.evolution import variation as breeding
from ganetic.evolution.search import search
from ganetic.report.next_steps import next_steps
from ganetic.report.run import run_page
from tests.evolution.fakes import SPACE, runtime
from tests.report.printed import lines_of
from tests.small_run import small_run


def test_next_steps_name_real_paths() -> None:
    run = small_run()
    assert f"ganetic resume {run.directory}" in next_steps(run, None)
    best = run.directory / "best.json"
    assert f"ganetic confirm {run.directory}" in next_steps(run, best)


def test_an_exhausted_search_says_so_and_does_not_advise_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(breeding, "MAX_DRAWS", 300)
    run = search(SPACE.model_copy(update={"operators": ("neg",)}), run=tmp_path / "run", runtime=runtime())
    assert "of 300 draws none is new and passes the screen (" in caplog.text
    assert any(line.startswith("stopped early") for line in lines_of(run_page(run)))
    assert "resume" not in next_steps(run, None) and "ganetic show" in next_steps(run, None)
