from pathlib import Path

import pytest
from rich.console import Console

from analysis.full_losses import Row, print_tables, recorded, trained
from ganetic.evolution.resources import Runtime
from ganetic.jobs.grid import read_grid
from ganetic.studies.compare import compare
from tests.studies.test_compare_full import in_process
from tests.training.full.conftest import tiny

FOLDER = Path(__file__).parents[2] / "analysis"


def printed(rows: list[Row], steps: int) -> list[str]:
    console = Console(width=100, record=True)
    print_tables(console, rows, steps)
    return [line.rstrip() for line in console.export_text().splitlines()]


@pytest.mark.parametrize("name", ["xray64", "xray32"])
def test_the_tables_of_the_page_are_those_of_the_shipped_journals(name: str) -> None:
    journal = FOLDER / "full_losses_journals" / f"{name}.db"
    page = [line.split() for line in (FOLDER / "full_losses.md").read_text().splitlines()]  # aligned by hand
    lines = printed(recorded(journal), read_grid(journal)[0]["config"]["steps"])
    assert len(lines) == 13
    assert [line.split() for line in lines if line.split() not in page] == []


def test_what_is_trained_is_evaluated_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANETIC_CACHE", str(tmp_path / "cache"))
    runtime = Runtime(make_executor=in_process)
    config = tiny("mlp", steps=10)
    comparison = compare(
        ["bce", "hinge"], seeds=2, directory=tmp_path / "c", runtime=runtime, config=config, model=["mlp", "dcgan"]
    )
    rows = trained(comparison)
    assert [(row.model, row.loss, row.seed) for row in rows[:5]] == [
        ("mlp", "bce", 0),
        ("mlp", "hinge", 0),
        ("dcgan", "bce", 0),
        ("dcgan", "hinge", 0),
        ("mlp", "bce", 1),
    ]
    assert all(set(row.measures) == {"ms_ssim_difference", "precision", "recall"} for row in rows)

    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("analysis.full_losses.evaluate_path", never)
    assert trained(comparison) == rows
