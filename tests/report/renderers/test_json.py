import json
import math

import numpy as np
import pandas as pd
import pytest

from ganetic.report.frames import table_of
from ganetic.report.renderers.json import finite, records, to_json
from tests.report.sample import TABLE


def test_records_are_plain_and_hold_no_nan() -> None:
    frame = pd.DataFrame({"a": np.array([1, 2]), "b": [0.1, math.nan], "c": ["x", None], "d": [math.inf, 2.5]})
    rows = records(table_of(frame))
    assert rows == [{"a": 1, "b": 0.1, "c": "x", "d": None}, {"a": 2, "b": None, "c": None, "d": 2.5}]
    assert type(rows[0]["a"]) is int


def test_records_have_all_fields_of_a_row_whatever_the_columns_show() -> None:
    rows = records(TABLE)
    assert [row["reference"] for row in rows] == [True, False]
    assert [row["low"] for row in rows] == [48.0, None]


def test_numbers_are_those_that_pandas_writes() -> None:
    values = [*np.random.default_rng(0).lognormal(0, 8, 200), 0.1 + 0.2, 1e-17, 1e16, 5.0, -0.25]
    frame = pd.DataFrame({"value": values, "count": range(len(values))})
    assert records(table_of(frame)) == json.loads(frame.to_json(orient="records", double_precision=15))


def test_json_is_strict() -> None:
    assert json.loads(to_json({"formula": "p³"})) == {"formula": "p³"}
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json({"fd": math.nan})


def test_what_is_not_finite_is_none() -> None:
    assert [finite(value) for value in (1.5, math.nan, math.inf)] == [1.5, None, None]
