from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganetic.errors import UserError
from ganetic.jobs.executor import Payload, SerialExecutor
from ganetic.jobs.grid import Cell, GridProgress, read_grid, run_grid

CELLS = [Cell(n // 2, f"thing {n // 2}", {"value": n}) for n in range(6)]
META = {"what": "squares"}


class Worker:
    def __init__(self, fails_at: int = -1, dies_at: int = -1) -> None:
        self.ran: list[int] = []
        self._fails_at, self._dies_at = fails_at, dies_at

    def __call__(self, context: None, payload: Payload) -> Payload:
        value = payload["value"]
        if value == self._dies_at:
            raise KeyboardInterrupt
        self.ran.append(value)
        if value == self._fails_at:
            raise ValueError("no square today")
        return {"state": "completed", "square": value**2}


def ignore(progress: GridProgress) -> None:
    pass


def run(path: Path, worker: Worker, cells: list[Cell] = CELLS, meta: dict[str, Any] = META, watch: Any = ignore) -> Any:
    with SerialExecutor(worker, None) as executor:
        return run_grid(path, meta, cells, executor, watch)


def test_records_come_in_order_of_cells(tmp_path: Path) -> None:
    records = run(tmp_path / "deep" / "grid.db", Worker())
    assert [record.record["square"] for record in records] == [0, 1, 4, 9, 16, 25]
    meta, submissions, stored = read_grid(tmp_path / "deep" / "grid.db")
    assert meta == META
    assert [(s.subject, s.text, s.payload) for s in submissions] == [(c.subject, c.text, c.payload) for c in CELLS]
    assert stored == records


@pytest.mark.parametrize("dies_at", range(6))
def test_goes_on_without_losing_or_repeating_anything(tmp_path: Path, dies_at: int) -> None:
    first, second = Worker(dies_at=dies_at), Worker()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "grid.db", first)
    records = run(tmp_path / "grid.db", second)
    assert first.ran + second.ran == list(range(6))
    assert [record.record["square"] for record in records] == [0, 1, 4, 9, 16, 25]
    third = Worker()
    assert run(tmp_path / "grid.db", third) == records
    assert third.ran == []


def test_a_job_that_raised_is_a_row_with_its_reason(tmp_path: Path) -> None:
    records = run(tmp_path / "grid.db", Worker(fails_at=3))
    assert [record.state for record in records] == ["completed"] * 3 + ["raised"] + ["completed"] * 2
    assert "no square today" in records[3].error
    assert records[3].record is None


def test_progress_counts_what_a_former_process_did(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "grid.db", Worker(dies_at=4))
    seen: list[GridProgress] = []
    run(tmp_path / "grid.db", Worker(fails_at=5), watch=seen.append)
    assert [progress.finished for progress in seen] == [5, 6]
    assert {(progress.total, progress.slots) for progress in seen} == {(6, 1)}
    assert seen[-1].states == {"completed": 5, "raised": 1}
    assert seen[-1].running == 0


def _other_meta(cells: list[Cell]) -> tuple[list[Cell], dict[str, Any]]:
    return cells, {"what": "cubes"}


def _other_cell(cells: list[Cell]) -> tuple[list[Cell], dict[str, Any]]:
    return [*cells[:2], Cell(1, "thing 1", {"value": 7}), *cells[3:]], META


def _more_cells(cells: list[Cell]) -> tuple[list[Cell], dict[str, Any]]:
    return [*cells, Cell(9, "thing 9", {"value": 9})], META


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_other_meta, "begun with what = 'squares', not 'cubes'"),
        (_other_cell, "another job 2"),
        (_more_cells, "6 jobs, not 7"),
    ],
)
def test_another_grid_is_refused_and_harms_nothing(
    tmp_path: Path, change: Callable[[list[Cell]], tuple[list[Cell], dict[str, Any]]], message: str
) -> None:
    records = run(tmp_path / "grid.db", Worker())
    cells, meta = change(CELLS)
    with pytest.raises(UserError, match=message):
        run(tmp_path / "grid.db", Worker(), cells, meta)
    assert run(tmp_path / "grid.db", Worker()) == records
