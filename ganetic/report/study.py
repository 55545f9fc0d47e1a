"""The page of any study, and the same as plain data."""

from typing import Any

import pandas as pd

from ganetic.report.frames import rows_of
from ganetic.report.renderers.json import records
from ganetic.report.table import Column, Page, Paragraph, Table, plain
from ganetic.studies.study import StudyPage


def study_page(page: StudyPage) -> Page:
    """Lay out sentences and tables one below the other."""
    return Page(tuple(Paragraph((part,)) if isinstance(part, str) else _table(part) for part in page))


def study_record(page: StudyPage) -> list[Any]:
    """Say the same as plain data: a text for each sentence, a list of rows for each table."""
    return [part if isinstance(part, str) else records(_table(part)) for part in page]


def _table(frame: pd.DataFrame) -> Table:
    return Table(tuple(_column(str(name), frame[name]) for name in frame.columns), rows_of(frame))


def _column(name: str, values: "pd.Series[Any]") -> Column:
    return Column(name, (name,), _short, "right" if pd.api.types.is_numeric_dtype(values) else "left")


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else plain(value)
