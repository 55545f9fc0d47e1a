import math

import pandas as pd
import pytest

from ganetic.report.frames import rows_of, table_of
from ganetic.report.table import Column, Table
from tests.report.sample import TABLE


@pytest.mark.parametrize(
    ("heading", "title"),
    [("geom.\nmean", "geom. mean"), ("worst/\nbest", "worst/best"), ("insta-\nbility", "instability"), ("fd", "fd")],
)
def test_a_heading_of_two_lines_is_a_title_of_one(heading: str, title: str) -> None:
    assert Column(heading, ("fd",)).title == title


def test_a_cell_shows_the_fields_that_its_column_names() -> None:
    assert TABLE.texts() == [
        ["bce", "52.2", "48.0-57.0", "0.3", "softplus(-d)"],
        ["[red]<b>#7|_", "47.5", "---", "-", "p³ + " * 20 + "y"],
    ]


def test_a_row_may_lack_what_a_column_shows_but_not_a_part_of_it() -> None:
    column = Column("95 %", ("low", "high"), lambda low, high: f"{low}-{high}")
    assert column.text({"name": "bce"}) == ""
    assert column.text({"low": 1, "high": 2}) == "1-2"
    with pytest.raises(KeyError, match="high"):
        column.text({"low": 1})


def test_nothing_is_shown_of_none() -> None:
    assert [Column("", ("a",)).text({"a": value}) for value in (None, 0, False, "")] == ["", "0", "False", ""]


def test_fields_are_those_of_the_rows_and_of_the_columns_where_there_are_none() -> None:
    assert TABLE.fields == ("name", "fd", "low", "high", "instability", "formula", "reference")
    assert Table(TABLE.columns, ()).fields == ("name", "fd", "low", "high", "instability", "formula")


def test_a_data_frame_becomes_rows_of_pythons_own_values() -> None:
    frame = pd.DataFrame({"a": [1, None], "b": [0.5, math.nan], "c": ["x", None], "d": [True, False]})
    rows = rows_of(frame.astype({"a": "Int64"}))
    assert rows[0] == {"a": 1, "b": 0.5, "c": "x", "d": True}
    assert [type(value) for value in rows[0].values()] == [int, float, str, bool]
    assert rows[1]["a"] is None and math.isnan(rows[1]["b"]) and rows[1]["d"] is False
    assert [column.keys for column in table_of(frame).columns] == [("a",), ("b",), ("c",), ("d",)]
