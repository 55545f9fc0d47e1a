"""The tables of analysis/fitness.md from what was recorded, and what must hold of it."""

import sys
from pathlib import Path

import pytest

from analysis.fitness_tables import describe, main, read, seeds_to_detect, upward
from analysis.fitness_trainings import SETS
from ganetic.errors import UserError

RECORDED = Path(__file__).parents[2] / "analysis" / "fitness_journals"


def test_the_present_fitness_is_better_on_every_set() -> None:
    rows = read(RECORDED)
    for name in SETS:
        before, after = (describe(rows, name, metric) for metric in ("cnn raw", "i32 0.98"))
        assert after["up"] < before["up"] / 2
        assert after["sd"] < before["sd"]
        assert after["noise"] < before["noise"]
        assert after["cpu.9"] < before["cpu.9"]
        assert after["far"] == 0


def test_the_tables_are_those_of_the_page(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["fitness_tables", str(RECORDED)])
    main()
    printed = capsys.readouterr().out
    page = (RECORDED.parent / "fitness.md").read_text(encoding="utf-8")
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    assert len(lines) > 70
    assert all(line in page for line in lines)


def test_a_swing_is_an_upward_move() -> None:
    assert upward([8, 4, 2, 1, 1]) == 0
    assert upward([8, 4, 2, 1, 2]) == pytest.approx((0.6931**2 / 2) ** 0.5, rel=1e-3)


def test_less_noise_needs_fewer_seeds() -> None:
    assert seeds_to_detect(0.02) < seeds_to_detect(0.05) < seeds_to_detect(0.2)
    assert seeds_to_detect(9) == float("inf")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no trainings; record some"):
        read(tmp_path)
