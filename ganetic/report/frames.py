"""Data frames as tables."""

import pandas as pd

from ganetic.report.table import Column, Row, Table


def rows_of(frame: pd.DataFrame) -> tuple[Row, ...]:
    """Turn a data frame into rows of Python's own values; what pandas calls NA becomes None, and NaN stays."""
    return tuple(
        {str(name): None if value is pd.NA else value for name, value in row.items()}
        for row in frame.to_dict("records")
    )


def table_of(frame: pd.DataFrame, title: str = "") -> Table:
    """Make a table of a data frame: a column a field."""
    return Table(tuple(Column(str(name), (str(name),)) for name in frame.columns), rows_of(frame), title)
