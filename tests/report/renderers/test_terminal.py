import io

import pytest
from rich.console import Console

from ganetic.report.renderers.terminal import print_page, print_text
from ganetic.report.table import Page, Table
from tests.report.sample import PAGE, TABLE

ROWS = tuple({"name": str(number), "fd": 1.0, "low": 1.0, "high": 1.0, "formula": "p"} for number in range(5))


def lines_of(page: Page, width: int = 80) -> list[str]:
    file = io.StringIO()
    print_page(Console(file=file, width=width), page)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def styled(page: Page) -> str:
    file = io.StringIO()
    print_page(Console(file=file, width=80, force_terminal=True, color_system="standard"), page)
    return file.getvalue()


def test_blocks_stand_apart_and_what_belongs_to_a_table_right_below_it() -> None:
    lines = lines_of(PAGE)
    assert lines[:4] == ["2 losses, 3 seeds", "on digits_5", "", "fd of a_b & c"]
    below = lines.index("fd: lower is better")
    assert lines[below - 1].startswith("[red]<b>#7|_") and lines[below + 1 : below + 3] == ["100 % of the seeds", ""]
    assert lines[-3:] == ["", "verdict: by the t test", "detects: 80 % of such studies"]


def test_eighty_columns_are_enough_and_more_are_used() -> None:
    narrow, wide = lines_of(PAGE), lines_of(PAGE, 160)
    assert max(map(len, narrow)) <= 80
    cut = next(line for line in narrow if line.startswith("[red]"))
    assert cut.endswith("…") and len(cut) >= 79
    assert next(line for line in wide if line.startswith("[red]")).endswith("p³ + y")


def test_spare_columns_are_left_out() -> None:
    assert "bility" not in "\n".join(lines_of(PAGE))


def test_a_row_without_fields_is_an_empty_line() -> None:
    lines = lines_of(Page((TABLE,)))
    place = next(n for n, line in enumerate(lines) if line.startswith("bce"))
    assert lines[place + 1] == "" and lines[place + 2].startswith("[red]")


def test_a_long_table_says_how_many_rows_are_left_out() -> None:
    lines = lines_of(Page((Table(TABLE.columns, ROWS, shown=3),)))
    assert [line.split()[0] for line in lines[2:5]] == ["0", "1", "2"]
    assert lines[5:] == ["… and 2 more; --json lists all"]
    whole = lines_of(Page((Table(TABLE.columns, ROWS, shown=5),)))
    assert len(whole) == 2 + 5


@pytest.mark.parametrize(("compact", "gap"), [(True, " "), (False, "  ")])
def test_a_compact_table_has_narrow_gaps(compact: bool, gap: str) -> None:
    lines = lines_of(Page((Table(TABLE.columns[:2], ROWS, compact=compact),)))
    assert lines[-1] == f"4    {gap} 1.0"


def test_what_steps_back_and_what_alarms_is_styled() -> None:
    text = styled(PAGE)
    assert "\x1b[2msoftplus(-d)" in text and "\x1b[2mp³" not in text
    assert "\x1b[1;31mmode_collapse" in text and "\x1b[1mbce" in text


def test_nothing_is_taken_for_markup() -> None:
    file = io.StringIO()
    print_text(Console(file=file, width=80), "[red]p[/red]")
    assert file.getvalue() == "[red]p[/red]\n"
