import csv
import io
import math

import pandas as pd

from ganetic.report.frames import table_of
from ganetic.report.renderers.csv import to_csv
from ganetic.report.table import Table
from tests.report.sample import TABLE


def test_all_fields_of_a_row_are_written_whatever_the_columns_show() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(TABLE))))
    assert [row["name"] for row in rows] == ["bce", "[red]<b>#7|_"]
    assert rows[0]["reference"] == "True" and rows[0]["fd"] == "52.25"
    assert rows[1]["low"] == rows[1]["instability"] == "" and rows[1]["high"] == "inf"


def test_a_data_frame_is_written_as_pandas_writes_it() -> None:
    frame = pd.DataFrame(
        {
            "loss": ["a,b", 'say "c"', "line\nbreak", ""],
            "fd": [0.1 + 0.2, 1e-17, math.nan, 1e22],
            "count": pd.array([1, None, 3, 4], dtype="Int64"),
            "chosen": [True, False, True, False],
            "reason": ["x", None, "y", "z"],
        }
    )
    assert to_csv(table_of(frame)) == frame.to_csv(index=False, lineterminator="\n")


def test_a_table_without_rows_has_its_names() -> None:
    assert to_csv(Table(TABLE.columns, ())) == "name,fd,low,high,instability,formula\n"
