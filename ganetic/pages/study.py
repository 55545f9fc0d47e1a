"""The page of any study: for a terminal, and as plain data."""

from typing import Any

import pandas as pd
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ganetic.report import records
from ganetic.studies.study import StudyPage


def study_page(page: StudyPage) -> RenderableType:
    """Lay out sentences and tables for a terminal, one below the other."""
    return Group(*(Text(part) if isinstance(part, str) else _table(part) for part in page))


def study_record(page: StudyPage) -> list[Any]:
    """Say the same as plain data: a text for each sentence, a list of rows for each table."""
    return [part if isinstance(part, str) else records(part) for part in page]


def _table(frame: pd.DataFrame) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in frame.columns:
        table.add_column(str(name), justify="right" if pd.api.types.is_numeric_dtype(frame[name]) else "left")
    for row in frame.itertuples(index=False):
        table.add_row(*(Text(f"{value:.4g}" if isinstance(value, float) else str(value)) for value in row))
    return table
